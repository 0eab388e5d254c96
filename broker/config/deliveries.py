"""[deliveries]: what of it has to be looked up before it can be used"""

import ssl
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from broker.config.errors import ConfigError, line_of, spelled
from broker.config.lines import Path as Place
from broker.config.tables import Config


def delivery_networks(config: Config, path: Path | None) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks that deliveries may go to besides public addresses. Raises: ConfigError."""
    found = []
    for index, text in enumerate(config.deliveries.allowed_networks):
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise _error(path, ("deliveries", "allowed_networks", index), str(error)) from None
    return tuple(found)


def delivery_ca_file(config: Config, path: Path | None) -> str | None:
    """The file of certificates to trust, which can be read. Raises: ConfigError."""
    given = config.deliveries.ca_file
    if given is None:
        return None
    file = (path.parent if path else Path()) / Path(given).expanduser()
    try:
        ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise _error(path, ("deliveries", "ca_file"), f"{file}: {error}") from None
    return str(file)


def _error(path: Path | None, place: Place, reason: str) -> ConfigError:
    text = path.read_text() if path else ""
    return ConfigError(f"{path}:{line_of(text, place)}: {spelled(place)}: {reason}")
