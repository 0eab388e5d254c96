"""random ids, drawn in blocks"""

import os
from collections.abc import Sequence

_DRAWN = 256
# What makes random bytes a UUID of version 4: its bits in the 7th and in the 9th byte.
_VERSION = bytes(value & 0x0F | 0x40 for value in range(256))
_VARIANT = bytes(value & 0x3F | 0x80 for value in range(256))

_DASHES = b"-" * 36
_COLUMNS = [
    (column, digit) for digit, column in enumerate(n for n in range(36) if n not in (8, 13, 18, 23))
]


class Ids:
    """Message ids and nonces; a system call serves 256 of them."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def new(self) -> bytes:
        """16 bytes that are a UUID of version 4."""
        at = self._at
        if at >= len(self._block):
            self._block = _draw(_DRAWN)
            at = 0
        self._at = at + 16
        return self._block[at : at + 16]

    def many(self, count: int) -> list[bytes]:
        """As many ids at once."""
        block = _draw(count)
        return [block[at : at + 16] for at in range(0, len(block), 16)]


def uuid_texts(ids: Sequence[bytes]) -> list[str]:
    """What `uuid_text` makes of each, many times faster for many."""
    digits = b"".join(ids).hex().encode()
    rows = bytearray(_DASHES * len(ids))
    for column, digit in _COLUMNS:
        rows[column :: len(_DASHES)] = digits[digit::32]
    text = rows.decode()
    return [text[at : at + len(_DASHES)] for at in range(0, len(text), len(_DASHES))]


def _draw(count: int) -> bytes:
    block = bytearray(os.urandom(16 * count))
    block[6::16] = block[6::16].translate(_VERSION)
    block[8::16] = block[8::16].translate(_VARIANT)
    return bytes(block)
