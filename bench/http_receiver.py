"""a receiver of HTTP deliveries, as a process of its own: how long each took to come

A message is the time at which it was published, in nanoseconds of the monotonic clock, which all
processes of a machine share. `/slow` never answers; any other path does at once.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Receiver:
    """A running receiver."""

    port: int
    process: "subprocess.Popen[str]"

    def latencies_ms(self) -> list[float]:
        """What has come since the last time this was asked."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: list[float] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.http_receiver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Receiver(int(process.stdout.readline()), process)
    finally:
        process.kill()
        process.wait()


async def _serve() -> None:
    latencies_ms: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
            body = await reader.readexactly(length)
            if head.startswith(b"POST /slow"):
                await asyncio.Event().wait()
            latencies_ms.append((time.monotonic_ns() - int(body)) / 1e6)
            writer.write(ANSWER)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)

    def tell() -> None:
        if not sys.stdin.readline():
            sys.exit()
        print(json.dumps(latencies_ms), flush=True)
        latencies_ms.clear()

    asyncio.get_running_loop().add_reader(sys.stdin, tell)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
