"""what goes over the socket between the daemon and its store process

Each frame is 4 bytes of length and one msgpack array. The daemon sends calls, the store answers a
whole batch in one frame.
"""

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from broker.core import errors
from broker.core.commands import AnyCommand, Command, StoreStatus, Wakeup
from broker.core.errors import BrokerError

HEADER = struct.Struct(">I")


class Call(msgspec.Struct, frozen=True, array_like=True):
    """Commands that are submitted together."""

    call_id: int
    namespace: str
    commands: list[AnyCommand]


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """A batch's outcomes: for each call, a pair for each command."""

    status: StoreStatus
    wakeups: list[Wakeup]
    calls: list[tuple[int, list[msgspec.Raw]]]


class Ready(msgspec.Struct, frozen=True, array_like=True):
    """The first thing the store process says: None, or why it can't start."""

    refusal: str | None


_encode = msgspec.msgpack.Encoder().encode
decode_call = msgspec.msgpack.Decoder(Call).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
decode_ready = msgspec.msgpack.Decoder(Ready).decode

_NOTHING = _encode((0, None))  # a command's answer when it has none to give
_ERRORS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
_decoders = {
    kind: msgspec.msgpack.Decoder(tuple[int, kind.result]).decode  # type: ignore[name-defined]
    for kind in Command.__subclasses__()
}
_decode_refusal = msgspec.msgpack.Decoder(tuple[int, str, str, dict[str, Any]]).decode


def frame(message: Any) -> bytes:
    """One message, ready to send."""
    data = _encode(message)
    return HEADER.pack(len(data)) + data


def encode_outcome(outcome: Any) -> msgspec.Raw:
    """A result, or a refusal with all that is needed to raise it again."""
    if outcome is None:
        return msgspec.Raw(_NOTHING)
    if isinstance(outcome, BrokerError):
        refusal = (1, type(outcome).__name__, outcome.message, outcome.details)
        return msgspec.Raw(_encode(refusal))
    return msgspec.Raw(_encode((0, outcome)))


def decode_outcome(command: Command, raw: msgspec.Raw) -> Any:
    """What `encode_outcome` was given."""
    data = bytes(raw)
    if data == _NOTHING:
        return None
    if data[1] == 1:
        _, name, text, details = _decode_refusal(data)
        return _ERRORS[name](text, **details)
    return _decoders[type(command)](data)[1]


class FrameBuffer:
    """Bytes as they come in, and whole frames out of them."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes | memoryview) -> None:
        """Take what was received."""
        self._data += data

    def frames(self) -> Iterator[bytes]:
        """The frames that are complete; what is not taken stays."""
        start = 0
        try:
            while len(self._data) - start >= HEADER.size:
                (length,) = HEADER.unpack_from(self._data, start)
                end = start + HEADER.size + length
                if len(self._data) < end:
                    return
                whole = bytes(self._data[start + HEADER.size : end])
                start = end
                yield whole
        finally:
            del self._data[:start]
