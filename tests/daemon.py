"""a real daemon as a process of its own, for tests over a real socket"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

READY = "broker is ready on "


class Daemon:
    """Starts, stops and kills `broker start` on a free port of loopback."""

    def __init__(
        self,
        data_dir: Path,
        config: Path | None = None,
        *,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.config = config
        self.environment = environment or {}
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self.listen = "127.0.0.1:0"

    def start(self) -> "Daemon":
        """Start it and wait until it is ready; the same port as before, after a first start."""
        arguments = ["--data-dir", str(self.data_dir), "--listen", self.listen]
        if self.config is not None:
            arguments += ["--config", str(self.config)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "broker.cli", "start", *arguments],
            stdout=subprocess.PIPE,
            stderr=(self.data_dir.parent / "daemon.log").open("ab"),
            text=True,
            env={**os.environ, **self.environment},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith(READY):
            self.process.wait()
            raise AssertionError(f"the daemon did not start: {line!r} {self.log()}")
        self.url = line.removeprefix(READY).strip()
        self.listen = self.url.removeprefix("http://")
        return self

    def log(self) -> str:
        """What it wrote to stderr, over all its starts."""
        return (self.data_dir.parent / "daemon.log").read_text()

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        assert self.process is not None
        self.process.kill()
        self._wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def _wait(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code

    def client(self, service: str, account: str = "000000000000", **options: Any) -> Any:
        """An unmodified boto3 client."""
        options.setdefault("config", Config(retries={"max_attempts": 1}))
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=account,
            aws_secret_access_key="any",
            **options,
        )


@contextmanager
def running_daemon(folder: Path, config_text: str = "") -> Iterator[Daemon]:
    """A daemon with its data and its configuration in the folder."""
    config = None
    if config_text:
        config = folder / "broker.toml"
        config.write_text(config_text)
    daemon = Daemon(folder / "data", config).start()
    try:
        yield daemon
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.stop()
