"""random ids, drawn in blocks"""

import os

_BLOCK = 16 * 256


class Ids:
    """Message ids and nonces; a system call serves 256 of them."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def new(self) -> bytes:
        """16 bytes that are a UUID of version 4."""
        at = self._at
        if at >= len(self._block):
            self._block = os.urandom(_BLOCK)
            at = 0
        self._at = at + 16
        b = self._block
        return b"%b%c%c%c%b" % (
            b[at : at + 6],
            b[at + 6] & 0x0F | 0x40,
            b[at + 7],
            b[at + 8] & 0x3F | 0x80,
            b[at + 9 : at + 16],
        )
