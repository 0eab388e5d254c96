"""random ids, drawn in blocks"""

import os
from collections.abc import Sequence

_ID_BYTES = 16
_DRAWN = 256
# What makes random bytes UUIDs of version 4: the marks of the version and the variant.
_TO_VERSION = bytes(byte & 0x0F | 0x40 for byte in range(256))
_TO_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))

_DASHES = b"-" * 36
_COLUMNS = [
    (column, digit) for digit, column in enumerate(n for n in range(36) if n not in (8, 13, 18, 23))
]


class Ids:
    """Message ids and nonces; a system call serves 256 of them."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0
        self._texts: list[str] = []

    def new(self) -> bytes:
        """16 bytes that are a UUID of version 4."""
        at = self._at
        if at >= len(self._block):
            self._block = _draw(_DRAWN)
            at = 0
        end = self._at = at + _ID_BYTES
        return self._block[at:end]

    def new_text(self) -> str:
        """A UUID of version 4, written out: a request's id."""
        if not self._texts:
            self._texts = uuid_texts(self.many(_DRAWN))
        return self._texts.pop()

    def many(self, count: int) -> list[bytes]:
        """As many ids at once."""
        block = _draw(count)
        return [block[at : at + _ID_BYTES] for at in range(0, len(block), _ID_BYTES)]


def uuid_texts(ids: Sequence[bytes]) -> list[str]:
    """What `uuid_text` makes of each, many times faster for many."""
    digits = b"".join(ids).hex().encode()
    rows = bytearray(_DASHES * len(ids))
    for column, digit in _COLUMNS:
        rows[column :: len(_DASHES)] = digits[digit::32]
    text = rows.decode()
    return [text[at : at + len(_DASHES)] for at in range(0, len(text), len(_DASHES))]


def _draw(count: int) -> bytes:
    block = bytearray(os.urandom(_ID_BYTES * count))
    block[6::_ID_BYTES] = block[6::_ID_BYTES].translate(_TO_VERSION)
    block[8::_ID_BYTES] = block[8::_ID_BYTES].translate(_TO_VARIANT)
    return bytes(block)
