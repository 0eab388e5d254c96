"""random ids, drawn in blocks"""

import os

_ID_BYTES = 16
_BLOCK_BYTES = _ID_BYTES * 256
_TO_VERSION = bytes(byte & 0x0F | 0x40 for byte in range(256))
_TO_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))


class Ids:
    """Message ids and nonces; a system call serves 256 of them."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def new(self) -> bytes:
        """16 bytes that are a UUID of version 4."""
        at = self._at
        if at >= len(self._block):
            self._block = _draw()
            at = 0
        end = self._at = at + _ID_BYTES
        return self._block[at:end]


def _draw() -> bytes:
    block = bytearray(os.urandom(_BLOCK_BYTES))
    # The marks of the version and the variant, in all ids at once.
    block[6::_ID_BYTES] = block[6::_ID_BYTES].translate(_TO_VERSION)
    block[8::_ID_BYTES] = block[8::_ID_BYTES].translate(_TO_VARIANT)
    return bytes(block)
