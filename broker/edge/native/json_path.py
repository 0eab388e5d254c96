"""trying a JSON path on messages, in a process of its own

A path is a program that whoever peeks has written, and a body may be a megabyte: a few dots more
make it run for hours. So it runs beside the event loop, on another core and with an interpreter
lock of its own, and is killed when it takes too long.
"""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from broker.core.errors import InvalidParameter
from broker.core.limits import JSON_PATH_CHARS_MAX, JSON_PATH_PAGE_S, JSON_PATH_PROCESSES_MAX

PROGRAM = "broker.edge.json_path"
_READ_BYTES = 1 << 16
_turns: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("json_path_turns")


class JsonPath:
    """A path that is being tried. Made by `trying`."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._rest = b""

    async def take(self, path: str) -> None:
        """Take the path. Raises: InvalidParameter, if it is none."""
        refusal = await self._ask(path)
        if refusal is not None:
            raise InvalidParameter(f"json_path: {refusal}")

    async def selects(self, bodies: list[str]) -> list[bool]:
        """Whether the path selects anything in each body; in what isn't JSON it selects nothing.

        Raises: InvalidParameter, if that takes too long.
        """
        with trio.move_on_after(JSON_PATH_PAGE_S):
            results: list[bool] = await self._ask(bodies)
            return results
        raise InvalidParameter(
            f"json_path: {len(bodies)} messages took more than {JSON_PATH_PAGE_S:.0f} s. "
            "With fewer descendants (..) and filters it is faster."
        )

    async def _ask(self, question: Any) -> Any:
        assert self._process.stdin is not None
        await self._process.stdin.send_all(msgspec.json.encode(question) + b"\n")
        return msgspec.json.decode(await self._line())

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            data = await self._process.stdout.receive_some(_READ_BYTES)
            if not data:
                raise RuntimeError("the process that tries JSON paths has ended; see its log")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line


@asynccontextmanager
async def trying(path: str) -> AsyncIterator[JsonPath]:
    """A process that tries the path; it is gone when the block is left.

    Waits its turn while as many are under way as there may be.
    Raises: InvalidParameter, if this is no JSON path.
    """
    if len(path) > JSON_PATH_CHARS_MAX:
        raise InvalidParameter(f"json_path: it may have at most {JSON_PATH_CHARS_MAX} characters.")
    async with _limiter():
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            json_path = JsonPath(process)
            await json_path.take(path)
            yield json_path
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                for pipe in (process.stdin, process.stdout):
                    assert pipe is not None
                    await pipe.aclose()


def _limiter() -> trio.CapacityLimiter:
    try:
        return _turns.get()
    except LookupError:
        limiter = trio.CapacityLimiter(JSON_PATH_PROCESSES_MAX)
        _turns.set(limiter)
        return limiter
