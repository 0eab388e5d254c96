"""configuration file to typed settings and declared resources"""

import ipaddress
import os
import re
import tomllib
from pathlib import Path

import msgspec

from broker.config.errors import ConfigError, config_error
from broker.config.tables import DEFAULT_LISTEN, Config

__all__ = [
    "DEFAULT_LISTEN",
    "Config",
    "ConfigError",
    "data_directory",
    "listen_address",
    "load_config",
]


def load_config(path: Path | None) -> Config:
    """The file's settings; defaults without one. Raises: ConfigError."""
    if path is None:
        return Config()
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: file: this is not UTF-8") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # A file that breaks off has no line in its message: it is the last.
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise ConfigError(f"{path}:{line}: file: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: file: this is nested too deeply") from None
    try:
        return msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise config_error(path, text, document, str(error)) from None


def data_directory(config: Config, path: Path | None, option: str | None) -> Path:
    """Where the data lies: option, BROKER_DATA_DIR, file, systemd's StateDirectory, per user."""
    chosen = option or os.environ.get("BROKER_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if config.broker.data_dir is not None:
        base = path.parent if path else Path()
        return (base / Path(config.broker.data_dir).expanduser()).absolute()
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.partition(":")[0])
    base_dir = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base_dir).expanduser() / "event-broker"


def listen_address(config: Config, option: str | None) -> tuple[str, int]:
    """Host and port: option, BROKER_LISTEN, file.

    Without authentication only this machine may reach the daemon. Raises: ConfigError.
    """
    text = option or os.environ.get("BROKER_LISTEN") or config.http.listen
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        not colon
        or (":" in host and not bracketed)
        or not re.fullmatch(r"[0-9]{1,5}", port)
        or int(port) > 65_535
    ):
        raise ConfigError(f"{text!r} is no address to listen on: write it as 127.0.0.1:4566")
    host = host.strip("[]") or "127.0.0.1"
    if not _is_loopback(host):
        raise ConfigError(
            f"Listening on {host} would let anybody on the network use this broker, and no "
            f"authentication is configured. Listen on 127.0.0.1:{port} and put a proxy that "
            "authenticates in front of it."
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
