"""a worker's own view of the host, by bubblewrap: nothing to write but /tmp, nobody else to see

It reads what the daemon's user can read, except what may hold secrets or sockets: the daemon's data
directory, /run, and /tmp, which is the worker's own. The network is the host's: the Runtime API is
on loopback. Source: bwrap(1).
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from broker_subprocess.environment import PATH

__all__ = ["TEMPORARY", "find_bubblewrap", "isolated"]

TEMPORARY = Path("/tmp")  # as the worker sees it, and nobody else
RESOLVER = "/run/systemd/resolve"  # where /etc/resolv.conf may lead


def find_bubblewrap() -> str | None:
    """The program; None if the daemon's PATH hasn't it."""
    return shutil.which("bwrap", path=os.environ.get("PATH", PATH))


def isolated(
    bubblewrap: str,
    command: Sequence[str],
    *,
    cwd: str,
    temporary: Path,
    hidden: Iterable[Path],
    shown: Iterable[str],
) -> tuple[str, ...]:
    """The command that runs `command` so; what is `shown` may lie in what is hidden.

    Places are given to bwrap without symbolic links: it would follow them out of its new root.
    """
    words = [bubblewrap, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"]
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    words += ["--tmpfs", "/run", "--ro-bind-try", RESOLVER, RESOLVER]
    words += ["--bind", os.path.realpath(temporary), str(TEMPORARY)]
    for directory in hidden:
        words += ["--tmpfs", os.path.realpath(directory)]
    for path in map(os.path.realpath, shown):
        words += ["--ro-bind", path, path]
    return (*words, "--chdir", cwd, "--", *command)
