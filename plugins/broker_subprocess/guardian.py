"""a process that outlives a killed daemon just long enough to kill what the daemon had started

Functions must not outlive the daemon, even one that died by SIGKILL. The kernel's parent-death
signal (PR_SET_PDEATHSIG) is no use here: it is tied to the thread that forked, trio forks in worker
threads that end after ten idle seconds, and it would miss grandchildren. So one shell reads from a
pipe which process groups are running. The pipe ends with the daemon, however that ended; the shell
then kills the groups that are left, and goes too.

Nothing may run before it is entrusted: see `process_group`, whose children wait for a first line.
"""

import subprocess
from contextlib import suppress

import trio

__all__ = ["Guardian"]

# Signals meant for the daemon's whole cgroup must not end the guardian before the daemon.
SCRIPT = """
trap '' HUP INT TERM
groups=' '
while read -r verb group; do
  case $verb in
    entrust) groups="$groups$group " ;;
    release) groups="${groups%%" $group "*} ${groups##*" $group "}" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"""

CLOSE_S = 5.0


class Guardian:
    """Knows the process groups that must not outlive the daemon."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: trio.Process | None = None
        self._pipe = trio.Lock()

    async def entrust(self, group: int) -> None:
        """Have `group` killed if the daemon ends before it is released. Raises: OSError."""
        async with self._pipe:
            self._groups.add(group)
            try:
                if self._process is not None:
                    await self._tell(self._process, f"entrust {group}\n")
                    return
            except trio.BrokenResourceError:
                await (
                    self._stop()
                )  # somebody killed the guardian: the next one learns of all groups
            self._process = await trio.lowlevel.open_process(
                ["/bin/sh", "-c", SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            known = "".join(f"entrust {each}\n" for each in sorted(self._groups))
            await self._tell(self._process, known)

    async def release(self, group: int) -> None:
        """Forget `group`, which has been killed."""
        async with self._pipe:
            self._groups.discard(group)
            if self._process is not None:
                with suppress(trio.BrokenResourceError):  # a dead guardian has forgotten it already
                    await self._tell(self._process, f"release {group}\n")

    async def aclose(self) -> None:
        """End the guardian, and whatever is still entrusted to it."""
        async with self._pipe:
            await self._stop()

    async def _tell(self, process: trio.Process, lines: str) -> None:
        assert process.stdin is not None
        await process.stdin.send_all(lines.encode())

    async def _stop(self) -> None:
        if self._process is None:
            return
        with trio.move_on_after(CLOSE_S, shield=True):
            assert self._process.stdin is not None
            await self._process.stdin.aclose()
            await self._process.wait()
        if self._process.poll() is None:
            self._process.kill()
        self._process = None
