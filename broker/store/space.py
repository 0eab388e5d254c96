"""room in the store: the quota, and disk space claimed ahead of need

The disk is asked for room before a commit needs it, so that a full disk is met here, as a clear
answer, and not in the middle of a commit as an input/output error. What has been claimed and not
yet used is what receives and deletes go on working with while publishes are refused.
"""

import errno
import os
from dataclasses import dataclass

from broker.core.limits import ALLOCATION_AHEAD_BYTES, ALLOCATION_STEP_BYTES, RESERVE_FRACTION

RETRY_MS = 1_000  # how often a full disk is asked again


@dataclass(slots=True)
class Space:
    """Whether there is room for more, and who says no."""

    file: int  # the data file's descriptor
    quota_bytes: int
    used_bytes: int = 0  # in live pages
    claimed_bytes: int = 0
    disk_full: bool = False
    _asked_ms: int = 0
    _refused: bool = False

    @property
    def full(self) -> bool:
        """Whether publishes are refused."""
        return self.disk_full or self.used_bytes >= self.quota_bytes * (1 - RESERVE_FRACTION)

    def has_room(self) -> bool:
        """Whether something may grow."""
        return not self.full

    def update(self, used_bytes: int, end_bytes: int, now_ms: int) -> None:
        """After a commit: what is used, where the file's last page ends. Claims more if it must."""
        self.used_bytes = used_bytes
        wanted_bytes = end_bytes + ALLOCATION_AHEAD_BYTES
        if self.claimed_bytes < wanted_bytes and not self._refused_lately(now_ms):
            self._asked_ms = now_ms
            self._refused = not self._claim(wanted_bytes + ALLOCATION_STEP_BYTES)
        if self.claimed_bytes >= wanted_bytes:
            self.disk_full = False
        else:
            # The file never shrinks: what was deleted makes room inside it.
            ours_bytes = max(self.claimed_bytes, end_bytes)
            self.disk_full = ours_bytes - used_bytes < ALLOCATION_AHEAD_BYTES

    def _refused_lately(self, now_ms: int) -> bool:
        return self._refused and 0 <= now_ms - self._asked_ms < RETRY_MS

    def _claim(self, goal_bytes: int) -> bool:
        try:
            allocate(self.file, goal_bytes)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            return False
        self.claimed_bytes = goal_bytes
        return True


def allocate(file: int, length_bytes: int) -> None:
    """Have the file system set that much aside. Raises: OSError."""
    os.posix_fallocate(file, 0, length_bytes)


def disk_has_no_room(path: str) -> bool:
    """Whether a failed write can be laid to a full disk."""
    figures = os.statvfs(path)
    return figures.f_bavail * figures.f_frsize < ALLOCATION_STEP_BYTES
