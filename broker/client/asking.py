"""one request and how its answer is read: the parts that all calls are made of"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgpack
import msgspec

from broker.client.errors import BrokerRefused
from broker.client.results import (
    Attribute,
    BulkResult,
    EntryError,
    Invocation,
    Page,
    PeekedMessage,
    PeekPage,
)

T = TypeVar("T")

JSON = "application/json"
MSGPACK = "application/msgpack"

Query = dict[str, str | int | list[str]]  # a list is a parameter that is repeated
Attributes = Mapping[str, str | int | float | bytes | Attribute]


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request, and how to read its answer."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: Query = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    wait_s: float = 0.0  # how long the broker may think about it, beyond the usual


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> BrokerRefused:
    """What an answer of 400 and more means."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = {"code": f"HTTP{status}", "detail": body[:500].decode("utf-8", "replace")}
    try:
        retry_after_s = float(headers["retry-after"])
    except (KeyError, ValueError):
        retry_after_s = None
    return BrokerRefused(
        status,
        problem.get("code") or problem.get("__type") or f"HTTP{status}",
        problem.get("detail") or problem.get("message") or "",
        reason=problem.get("reason"),
        retry_after_s=retry_after_s,
    )


def label(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def to_json(document: Mapping[str, Any]) -> bytes:
    """A body; what is None is left out."""
    return msgspec.json.encode({k: v for k, v in document.items() if v is not None})


def get(path: str, read: Callable[[bytes], T], query: Query | None = None) -> Ask[T]:
    """Ask for a resource; what is empty is left out of the query."""
    given = {name: value for name, value in (query or {}).items() if value not in ("", [])}
    return Ask("GET", path, read, given)


def post(path: str, document: Mapping[str, Any], read: Callable[[bytes], T]) -> Ask[T]:
    """Send a document in JSON."""
    headers = {"content-type": JSON}
    return Ask("POST", path, read, headers=headers, content=to_json(document))


def bulk(path: str, document: Any, ids: str, query: Query | None = None) -> Ask[BulkResult]:
    """Send many entries in msgpack; `ids` is the member that answers with their ids."""

    def read(body: bytes) -> BulkResult:
        answer = msgpack.unpackb(body)
        errors = msgspec.convert(answer["errors"], list[EntryError])
        return BulkResult(ids=answer[ids], errors=errors)

    headers = {"content-type": MSGPACK, "accept": MSGPACK}
    return Ask("POST", path, read, query or {}, headers, msgpack.packb(document, default=_plain))


def invocation(function: str, payload: Any, mode: str, wait_s: float) -> Ask[Invocation]:
    """Invoke a function, in one of its two modes."""
    decode = json_reader(Invocation)
    return Ask(
        "POST",
        f"/v1/functions/{label(function)}/invoke",
        decode,
        {"mode": mode},
        {"content-type": JSON},
        msgspec.json.encode({} if payload is None else payload),
        wait_s,
    )


def on_bus(bus: str | None) -> Query:
    """The query that names a bus, if one is named."""
    return {} if bus is None else {"bus": bus}


def to_attributes(given: Attributes | None) -> dict[str, Attribute] | None:
    """Python values as message attributes."""
    if not given:
        return None
    return {name: _attribute(value) for name, value in given.items()}


def _attribute(value: str | int | float | bytes | Attribute) -> Attribute:
    if isinstance(value, Attribute):
        return value
    if isinstance(value, bytes):
        return Attribute(data_type="Binary", binary_value=value)
    if isinstance(value, str):
        return Attribute(string_value=value)
    return Attribute(data_type="Number", string_value=str(value))


def _plain(value: Any) -> Any:
    """Our own types inside a bulk."""
    return msgspec.to_builtins(value, builtin_types=(bytes,))


def json_reader(kind: type[T]) -> Callable[[bytes], T]:
    """Reads a whole answer as that type."""
    return msgspec.json.Decoder(kind).decode


def member(name: str, kind: type[T]) -> Callable[[bytes], T]:
    """Reads one member of an answer."""
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    return lambda body: msgspec.json.decode(decode(body)[name], type=kind)


def packed_member(name: str, kind: type[T]) -> Callable[[bytes], T]:
    """Reads the one member of an answer in msgpack."""
    decode = msgspec.msgpack.Decoder(dict[str, kind]).decode  # type: ignore[valid-type]
    return lambda body: decode(body)[name]


def page(name: str, kind: type[T]) -> Callable[[bytes], Page[T]]:
    """Reads a page whose items are in the member `name`."""

    def read(body: bytes) -> Page[T]:
        answer = msgspec.json.decode(body)
        items = msgspec.convert(answer[name], list[kind])  # type: ignore[valid-type]
        return Page(items, answer["next"])

    return read


def peek_page(body: bytes) -> PeekPage:
    """Reads part of a queue."""
    answer = msgspec.json.decode(body)
    items = msgspec.convert(answer["messages"], list[PeekedMessage])
    return PeekPage(items, answer["next"], answer["scanned"])


def nothing(body: bytes) -> None:
    """Reads an answer that has no body."""
    return None
