"""parameters and bodies: bytes to the types of an operation, and results back"""

import re
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from broker.core.names import ACCOUNT, REGION, Namespace
from broker.edge.http.message import Request
from broker.edge.native.errors import MalformedRequest, UnsupportedMediaType
from broker.edge.native.operation import JSON, MSGPACK, Operation

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")

_INTEGER_MIN, _INTEGER_MAX = -(1 << 63), (1 << 64) - 1

encode_json = msgspec.json.Encoder().encode
encode_msgpack = msgspec.msgpack.Encoder().encode


@cache
def _decoder(media_type: str, kind: Any) -> Callable[[bytes], Any]:
    if media_type == MSGPACK:
        return msgspec.msgpack.Decoder(kind).decode
    return msgspec.json.Decoder(kind).decode


def decode(media_type: str, kind: type[T], data: bytes) -> T:
    """The data as that type. Raises: MalformedRequest, which names the place."""
    try:
        value: T = _decoder(media_type, cast(Hashable, kind))(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # a ValidationError is one
        raise MalformedRequest(_worded(error)) from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    return value


def decode_body(operation: Operation, request: Request) -> Any:
    """The body of an operation that takes one; a body left out is an empty object.

    Raises: UnsupportedMediaType, MalformedRequest.
    """
    if not request.body:
        return decode(JSON, operation.body, b"{}")
    media_type = request.content_type
    if media_type != JSON and not (media_type == MSGPACK and operation.binary):
        taken = (JSON, MSGPACK) if operation.binary else (JSON,)
        raise unsupported(request, taken)
    return decode(media_type, operation.body, request.body)


def unsupported(request: Request, taken: tuple[str, ...]) -> UnsupportedMediaType:
    """The refusal of a body's media type, with those that are taken."""
    given = f"not {request.content_type}" if request.content_type else "and none was given"
    return UnsupportedMediaType(
        f"The body must be {' or '.join(taken)}, {given}. Say which it is in Content-Type."
    )


def decode_query(
    operation: Operation, request: Request, namespace: Namespace
) -> tuple[Namespace, Any]:
    """The namespace, as far as the query names another, and the operation's own parameters.

    Raises: MalformedRequest.
    """
    parameters = dict(request.query)
    account, region = parameters.pop("account", None), parameters.pop("region", None)
    if account is not None or region is not None:
        namespace = Namespace(
            namespace.account if account is None else account,
            namespace.region if region is None else region,
        )
        if not ACCOUNT.fullmatch(namespace.account):
            raise MalformedRequest("The parameter account must be 12 digits.")
        if not REGION.fullmatch(namespace.region):
            raise MalformedRequest("The parameter region must look like us-east-1.")
    if operation.query is None:
        for name in parameters:
            raise MalformedRequest(f"The operation has no parameter {name}.")
        return namespace, None
    try:
        return namespace, msgspec.convert(parameters, operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedRequest(_worded(error)) from None


def encode(operation: Operation, request: Request, result: Any) -> tuple[str, bytes]:
    """Media type and bytes of a result: msgpack where the operation has it and the client asks."""
    if operation.binary and MSGPACK in request.headers.get("accept", ""):
        return MSGPACK, encode_msgpack(result)
    return JSON, encode_json(result)


def to_msgpack(document: Any) -> bytes:
    """The document in msgpack, which has no integers beyond 64 bits: these become their digits."""
    try:
        return encode_msgpack(document)
    except OverflowError:
        copied = msgspec.to_builtins(document, builtin_types=(bytes,))
    waiting = [copied]
    while waiting:
        part = waiting.pop()
        for place, value in part.items() if isinstance(part, dict) else enumerate(part):
            if isinstance(value, dict | list):
                waiting.append(value)
            elif isinstance(value, int) and not _INTEGER_MIN <= value <= _INTEGER_MAX:
                part[place] = str(value)
    return encode_msgpack(copied)


def _worded(error: Exception) -> str:
    """msgspec's text with the place in front: `messages[3].body: Expected str, got int`."""
    text = str(error).replace("`", "")
    place = _PLACE.search(str(error))
    if place is None:
        return text
    return f"{place[1]}: {str(error)[: place.start()].replace('`', '')}" if place[1] else text
