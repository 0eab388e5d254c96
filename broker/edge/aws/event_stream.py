"""frames of application/vnd.amazon.eventstream: headers and a payload, with checksums

Source: Smithy, Amazon event stream specification.
"""

import struct
import zlib
from collections.abc import Mapping

__all__ = ["CONTENT_TYPE", "event_frame"]

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # the type of a header's value


def event_frame(event_type: str, payload: bytes, content_type: str) -> bytes:
    """One event."""
    return _frame(
        {":event-type": event_type, ":content-type": content_type, ":message-type": "event"},
        payload,
    )


def _frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    encoded = b"".join(
        struct.pack(">B", len(name))
        + name.encode()
        + struct.pack(">BH", _STRING, len(value))
        + value.encode()
        for name, value in headers.items()
    )
    total = 16 + len(encoded) + len(payload)
    prelude = struct.pack(">II", total, len(encoded))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded + payload
    return frame + struct.pack(">I", zlib.crc32(frame))
