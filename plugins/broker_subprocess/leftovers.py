"""ends processes that a killed daemon has left behind, wherever they have gone

The guardian does that at once, but it can be killed as well. Every process of a function has the
state directory in its environment, and so have its descendants, also those that have left their
group or were taken in by another parent.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

import trio

from broker_subprocess.environment import MARK
from broker_subprocess.guardian_process import marked_processes

__all__ = ["StillRunning", "end_leftovers", "end_marked"]

ROUNDS = 100  # a process may start another one while it is looked for
ROUND_S = 0.02


class StillRunning(Exception):
    """Processes that don't end, even killed: they hang in the kernel."""


async def end_leftovers(state_directory: Path) -> None:
    """Kill every process of this state directory, and wait until none is left.

    Raises: StillRunning, if some can't be ended.
    """
    await end_marked(f"{MARK}={state_directory}".encode())


async def end_marked(mark: bytes) -> None:
    """Kill every process that has `mark` as a variable. Raises: StillRunning."""
    found: list[int] = []
    for _ in range(ROUNDS):
        found = await trio.to_thread.run_sync(marked_processes, mark)
        if not found:
            return
        for pid in found:
            _kill(pid)
        await trio.sleep(ROUND_S)
    raise StillRunning(f"processes of functions can't be ended: {found}")


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
