"""how much memory and how many processes each worker uses, by looking at every process there is

A worker's processes are its session's, and the descendants of those.
"""

import os
from collections import defaultdict
from collections.abc import Iterable

__all__ = ["tree_usage"]

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Behind the name in /proc/PID/stat, see proc(5).
PARENT, SESSION, THREADS, RESIDENT = 1, 3, 17, 21


def tree_usage(sessions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """By session leader: resident bytes, pages shared by two counted twice; and threads."""
    leaders = set(sessions)
    table: dict[int, tuple[int, int, int, int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (row := _row(name)) is not None:
            table[int(name)] = row
    usage: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for pid, (_, _, resident, threads) in table.items():
        leader = _leader(pid, table, leaders)
        if leader is not None:
            usage[leader][0] += resident
            usage[leader][1] += threads
    return {leader: (used[0], used[1]) for leader, used in usage.items()}


def _row(name: str) -> tuple[int, int, int, int] | None:
    try:
        with open(f"/proc/{name}/stat", "rb") as file:
            after_name = file.read().rpartition(b")")[2].split()
    except OSError:  # ended meanwhile
        return None
    resident = int(after_name[RESIDENT]) * PAGE_BYTES
    return int(after_name[PARENT]), int(after_name[SESSION]), resident, int(after_name[THREADS])


def _leader(pid: int, table: dict[int, tuple[int, int, int, int]], leaders: set[int]) -> int | None:
    """The session leader that the process, or an ancestor of it, belongs to."""
    seen = 0
    while pid in table and seen < len(table):
        parent, session, _, _ = table[pid]
        if session in leaders:
            return session
        pid = parent
        seen += 1
    return None
