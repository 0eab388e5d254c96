"""a process that outlives a killed daemon just long enough to kill what the daemon had started

Functions must not outlive the daemon, even one that died by SIGKILL. The kernel's parent-death
signal (PR_SET_PDEATHSIG) is no use here: it is tied to the thread that forked, trio forks in worker
threads that end after ten idle seconds, and it would miss grandchildren. So one shell reads from a
pipe which process groups are running. The pipe ends with the daemon, however that ended; the shell
then kills the groups that are left, and goes too.

Nothing may run before it is entrusted: see `process_group`, whose children wait for a first line.
"""

import errno
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
    release)
      case $groups in
        *" $group "*) groups="${groups%%" $group "*} ${groups##*" $group "}" ;;
      esac ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"""

WAIT_S = 5.0


class Guardian:
    """Knows the process groups that must not outlive the daemon."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: trio.Process | None = None
        self._pipe = trio.Lock()

    async def entrust(self, group: int) -> None:
        """Have `group` killed if the daemon ends before it is released.

        Raises: OSError if there is no guardian to be had.
        """
        self._groups.add(group)
        async with self._pipe:
            if self._process is not None and await self._tell(f"entrust {group}\n"):
                return
            # None yet, or somebody has killed or stopped it. The next one learns of all groups.
            self._process = await trio.lowlevel.open_process(
                ["/bin/sh", "-c", SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            known = "".join(f"entrust {each}\n" for each in sorted(self._groups))
            if not await self._tell(known):
                raise BlockingIOError(errno.EAGAIN, "the guardian does not listen")

    async def release(self, group: int) -> None:
        """Forget `group`, which has been killed."""
        self._groups.discard(group)
        async with self._pipe:
            if self._process is not None:
                await self._tell(f"release {group}\n")

    async def aclose(self) -> None:
        """End the guardian, and whatever is still entrusted to it."""
        with trio.move_on_after(WAIT_S, shield=True):
            async with self._pipe:
                if self._process is not None and self._process.stdin is not None:
                    await self._process.stdin.aclose()
                    await self._process.wait()
                    self._process = None
        await self._discard()

    async def _tell(self, lines: str) -> bool:
        """Whether the guardian was told. If not, it is gone: half told is worse than not at all."""
        assert self._process is not None
        assert self._process.stdin is not None
        with (
            trio.move_on_after(WAIT_S, shield=True),
            suppress(trio.BrokenResourceError),
        ):
            await self._process.stdin.send_all(lines.encode())
            return True
        await self._discard()
        return False

    async def _discard(self) -> None:
        """End the guardian alone: killed before its pipe is closed, it kills nobody."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            if process.stdin is not None:
                await process.stdin.aclose()
