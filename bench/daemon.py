"""the daemon under measurement, as a process of its own on an empty directory"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import wire

ROOT = Path(__file__).parent.parent
READY = "broker is ready on "
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(
        [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    ),
}


class Daemon:
    """`broker start` on a free port of loopback."""

    def __init__(self, folder: Path, config: Path | None = None) -> None:
        self._folder = folder
        self._config = config
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> float:
        """Start it; how many seconds passed until it was ready."""
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
                env=ENVIRONMENT,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        took_s = time.perf_counter() - started
        if not line.startswith(READY):
            raise RuntimeError(f"the daemon did not start: {line!r} {log.read_text()}")
        self.port = int(line.strip().rpartition(":")[2])
        return took_s

    def stop(self) -> None:
        """End it in good order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def call(self, action: str, members: dict[str, object]) -> dict[str, object]:
        """One SQS action over the JSON protocol; its answer."""
        status, body = self.post(wire.sqs(self.port, action, members))
        if status != 200:
            raise RuntimeError(f"{action}: {status} {body!r}")
        answer: dict[str, object] = json.loads(body) if body else {}
        return answer

    def post(self, request: bytes) -> tuple[int, bytes]:
        """One raw request on a connection of its own; status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.connect()
            connection.sock.sendall(request)
            response = http.client.HTTPResponse(connection.sock, method="POST")
            response.begin()
            return response.status, response.read()
        finally:
            connection.close()

    def create_queue(self, name: str) -> str:
        """The queue's URL."""
        return str(self.call("CreateQueue", {"QueueName": name})["QueueUrl"])

    def processes(self) -> list[int]:
        """The daemon and its store process."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]


@contextmanager
def running(config_text: str = "") -> Iterator[Daemon]:
    """A daemon on an empty directory, which goes with it."""
    # Beside the results rather than in /tmp, which may be memory: syncs must reach a disk.
    parent = Path(os.environ.get("BENCH_DIR", tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name:
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
