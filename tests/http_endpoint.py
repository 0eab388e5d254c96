"""an HTTP endpoint in threads, for tests with a real daemon: it remembers what it was sent"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Posted:
    """A request as it came."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers["x-amz-sns-message-type"]

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass
class Endpoint:
    """What was sent to it, in the order in which it came."""

    url: str
    posted: list[Posted] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int, timeout_s: float = 30.0) -> list[Posted]:
        """The requests, as soon as there are so many."""
        with self.arrived:
            enough = self.arrived.wait_for(lambda: len(self.posted) >= count, timeout_s)
            assert enough, f"{len(self.posted)} requests have come, not {count}"
            return list(self.posted)


@contextmanager
def http_endpoint(status: Callable[[Posted], int] = lambda _: 200) -> Iterator[Endpoint]:
    """An endpoint on loopback that answers with the status that the function says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted = Posted(self.headers, body)
            code = status(posted)
            with endpoint.arrived:
                endpoint.posted.append(posted)
                endpoint.arrived.notify_all()
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
