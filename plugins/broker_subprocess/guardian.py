"""a process that outlives a killed daemon just long enough to kill what the daemon had started

Functions must not outlive the daemon, even one that died by SIGKILL. The kernel's parent-death
signal (PR_SET_PDEATHSIG) is no use here: it is tied to the thread that forked, and it would miss
grandchildren. So a shell holds one end of a pipe, of which the other ends with the daemon, however
that ended; then it kills whoever has this daemon's mark in its environment, and goes too.
"""

import subprocess
from contextlib import suppress
from uuid import uuid4

import trio

__all__ = ["Guardian"]

# Signals meant for the daemon's whole cgroup must not end the guardian before the daemon. A process
# may start another one while it is looked for: so that goes on until none is found, or so often.
SCRIPT = """
trap '' HUP INT TERM
read -r _
n=0
while [ $n -lt 100 ]; do
  n=$((n + 1))
  found=''
  for file in $(grep -lzxsF "$1" /proc/[0-9]*/environ); do
    pid=${file#/proc/}
    pid=${pid%/environ}
    kill -s KILL "$pid" 2>/dev/null && found=yes
  done
  [ "$found" ] || exit 0
done
"""

PAUSE_S = 1.0  # before one that was ended by somebody is replaced
WAIT_S = 5.0


class Guardian:
    """Stands ready from `run` on."""

    def __init__(self) -> None:
        self.mark = ("BROKER_DAEMON", uuid4().hex)  # a variable of all that is to be killed
        self.process: trio.Process | None = None

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep one there until cancelled; it goes then without killing anybody.

        Raises: OSError, before it has started, if there is none to be had.
        """
        started = False
        try:
            while True:
                await self._start()
                if not started:
                    started = True
                    task_status.started()
                assert self.process is not None
                await self.process.wait()  # somebody has ended it
                await trio.sleep(PAUSE_S)
        finally:
            await self._end()

    async def _start(self) -> None:
        name, value = self.mark
        self.process = await trio.lowlevel.open_process(
            ["/bin/sh", "-c", SCRIPT, "sh", f"{name}={value}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def _end(self) -> None:
        """Killed before its pipe is closed, it kills nobody."""
        process, self.process = self.process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        with trio.move_on_after(WAIT_S, shield=True):
            await process.wait()
            if process.stdin is not None:
                await process.stdin.aclose()
