"""the daemon under measurement, as a process of its own on an empty directory"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.bench.address import Address
from broker.bench.load import MeasurementFailed

READY = "broker is ready on "
# What the daemon under measurement must not hear of: it is to run with the defaults.
_SETTINGS = ("BROKER_CONFIG", "BROKER_DATA_DIR", "BROKER_LISTEN")


class Daemon:
    """`broker start` on a free port of loopback."""

    def __init__(self, folder: Path, config: Path | None = None) -> None:
        self._folder = folder
        self._config = config
        self._process: subprocess.Popen[str] | None = None
        self.address = Address("127.0.0.1", 0)

    def start(self) -> float:
        """Start it; how many seconds passed until it was ready. Raises: MeasurementFailed."""
        arguments = ["--data-dir", str(self._folder / "data"), "--listen", "127.0.0.1:0"]
        if self._config is not None:
            arguments += ["--config", str(self._config)]
        log = self._folder / "daemon.log"
        started = time.perf_counter()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "broker.cli", "start", *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # a Ctrl-C is for who measures, who then ends it
                env={k: v for k, v in os.environ.items() if k not in _SETTINGS},
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        took_s = time.perf_counter() - started
        if not line.startswith(READY):
            raise MeasurementFailed(f"the daemon did not start: {line!r} {log.read_text()}")
        self.address = Address("127.0.0.1", int(line.strip().rpartition(":")[2]))
        return took_s

    def stop(self) -> None:
        """End it in good order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def processes(self) -> list[int]:
        """The daemon and its store process."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]


@contextmanager
def running(parent: Path, config_text: str = "") -> Iterator[Daemon]:
    """A daemon on an empty directory in `parent`, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="broker-bench-", dir=parent) as name:
        folder = Path(name)
        config = None
        if config_text:
            config = folder / "broker.toml"
            config.write_text(config_text)
        daemon = Daemon(folder, config)
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.stop()
