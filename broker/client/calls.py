"""every request of the client and how its answer is read, described once and without I/O

A function of this module says what to send and how to read the answer; `clients` turns it into a
method of `Client` and a coroutine method of `AsyncClient`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgpack
import msgspec

from broker.client.errors import BrokerRefused
from broker.client.results import (
    Attribute,
    BulkResult,
    Done,
    EntryError,
    FunctionInfo,
    Invocation,
    Page,
    PeekedMessage,
    QueueInfo,
    ReceivedMessage,
    Status,
    TopicInfo,
)

T = TypeVar("T")

JSON = "application/json"
MSGPACK = "application/msgpack"

Attributes = Mapping[str, str | int | float | bytes | Attribute]


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request, and how to read its answer."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: dict[str, str | int] = field(default_factory=dict)
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


# Queues


def send(
    queue: str,
    body: str,
    *,
    delay_s: int | None = None,
    attributes: Attributes | None = None,
) -> Ask[str]:
    """Send a message; its id. Returns when the message is on disk."""
    document = {"body": body, "delay_s": delay_s, "attributes": _attributes(attributes)}
    return _post(f"/v1/queues/{_label(queue)}/messages", document, _member("message_id", str))


def send_many(queue: str, bodies: Iterable[str | Mapping[str, Any]]) -> Ask[BulkResult]:
    """Send up to 10,000 messages in one request, each stored or refused for itself.

    A message is its body, or a mapping with `body` and perhaps `delay_s` and `attributes`.
    """
    entries = [each if isinstance(each, Mapping) else {"body": each} for each in bodies]
    path = f"/v1/queues/{_label(queue)}/messages/bulk"
    return _bulk(path, {"messages": entries}, "message_ids")


def receive(
    queue: str,
    *,
    count: int = 1,
    visibility_timeout_s: int | None = None,
    wait_time_s: int | None = None,
) -> Ask[list[ReceivedMessage]]:
    """Receive up to `count` (1..1,000) messages, waiting up to `wait_time_s` (0..20) for one.

    What is None is as the queue has it.
    """
    document = {
        "count": count,
        "visibility_timeout_s": visibility_timeout_s,
        "wait_time_s": wait_time_s,
    }
    return Ask(
        "POST",
        f"/v1/queues/{_label(queue)}/receive",
        _packed_member("messages", list[ReceivedMessage]),
        headers={"content-type": JSON, "accept": MSGPACK},
        content=_json(document),
        wait_s=wait_time_s if wait_time_s is not None else 20,
    )


def acknowledge(queue: str, receipt_handles: Iterable[str]) -> Ask[Done]:
    """Delete received messages."""
    document = {"receipt_handles": list(receipt_handles)}
    return _post(f"/v1/queues/{_label(queue)}/acknowledge", document, _json_reader(Done))


def extend(queue: str, receipt_handles: Iterable[str], *, visibility_timeout_s: int) -> Ask[Done]:
    """Hide received messages until so long from now; 0 gives them back."""
    document = {
        "receipt_handles": list(receipt_handles),
        "visibility_timeout_s": visibility_timeout_s,
    }
    return _post(f"/v1/queues/{_label(queue)}/extend", document, _json_reader(Done))


def peek(queue: str, *, count: int = 10, after: str = "") -> Ask[Page[PeekedMessage]]:
    """Look at messages without receiving them."""
    path = f"/v1/queues/{_label(queue)}/messages"
    return _get(path, _page("messages", PeekedMessage), {"count": count, "after": after})


def queues(*, prefix: str = "", after: str = "", limit: int = 1_000) -> Ask[Page[QueueInfo]]:
    """Queues by name."""
    query: dict[str, str | int] = {"prefix": prefix, "after": after, "limit": limit}
    return _get("/v1/queues", _page("queues", QueueInfo), query)


def queue(name: str) -> Ask[QueueInfo]:
    """One queue with its counts."""
    return _get(f"/v1/queues/{_label(name)}", _json_reader(QueueInfo))


def put_queue(name: str, **settings: Any) -> Ask[QueueInfo]:
    """Make a queue or replace its settings; those not given are the defaults."""
    return Ask(
        "PUT",
        f"/v1/queues/{_label(name)}",
        _json_reader(QueueInfo),
        headers={"content-type": JSON},
        content=_json(settings),
    )


def delete_queue(name: str) -> Ask[None]:
    """Delete a queue with all its messages."""
    return Ask("DELETE", f"/v1/queues/{_label(name)}", _nothing)


def purge(name: str) -> Ask[None]:
    """Delete all messages of a queue."""
    return Ask("POST", f"/v1/queues/{_label(name)}/purge", _nothing)


# Topics and events


def topics(*, prefix: str = "", after: str = "", limit: int = 1_000) -> Ask[Page[TopicInfo]]:
    """Topics by name."""
    query: dict[str, str | int] = {"prefix": prefix, "after": after, "limit": limit}
    return _get("/v1/topics", _page("topics", TopicInfo), query)


def publish(
    topic: str,
    message: str,
    *,
    subject: str | None = None,
    attributes: Attributes | None = None,
) -> Ask[str]:
    """Publish to every subscription of a topic; the message's id."""
    document = {"message": message, "subject": subject, "attributes": _attributes(attributes)}
    return _post(f"/v1/topics/{_label(topic)}/publish", document, _member("message_id", str))


def publish_many(topic: str, messages: Iterable[str | Mapping[str, Any]]) -> Ask[BulkResult]:
    """Publish up to 10,000 messages in one request, each for itself."""
    entries = [each if isinstance(each, Mapping) else {"message": each} for each in messages]
    path = f"/v1/topics/{_label(topic)}/publish/bulk"
    return _bulk(path, {"messages": entries}, "message_ids")


def put_event(
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    *,
    bus: str | None = None,
    resources: Iterable[str] = (),
    time: str | None = None,
    id: str | None = None,
) -> Ask[str]:
    """Put an event on a bus; its id."""
    document = {
        "source": source,
        "detail_type": detail_type,
        "detail": detail,
        "resources": list(resources),
        "time": time,
        "id": id,
    }
    read = _member("event_ids", list[str])
    return Ask(
        "POST",
        "/v1/events",
        lambda body: read(body)[0],
        _on_bus(bus),
        headers={"content-type": JSON},
        content=_json(document),
    )


def put_events(events: Iterable[Mapping[str, Any]], *, bus: str | None = None) -> Ask[BulkResult]:
    """Put up to 10,000 events on a bus in one request, each for itself."""
    return _bulk("/v1/events/bulk", {"events": list(events)}, "event_ids", _on_bus(bus))


# Functions and the daemon


def functions(*, prefix: str = "", after: str = "", limit: int = 1_000) -> Ask[Page[FunctionInfo]]:
    """Functions by name."""
    query: dict[str, str | int] = {"prefix": prefix, "after": after, "limit": limit}
    return _get("/v1/functions", _page("functions", FunctionInfo), query)


def invoke(function: str, payload: Any = None) -> Ask[Invocation]:
    """Run a function and wait for its end. A function that failed is a result, not an exception."""
    return _invocation(function, payload, "sync", wait_s=900)


def invoke_async(function: str, payload: Any = None) -> Ask[Invocation]:
    """Put an invocation into the function's durable queue."""
    return _invocation(function, payload, "async", wait_s=0)


def status() -> Ask[Status]:
    """The daemon at a glance."""
    return _get("/v1/status", _json_reader(Status))


# How they are made of the same parts


def _label(name: str) -> str:
    return quote(name, safe="")


def _json(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({k: v for k, v in document.items() if v is not None})


def _get(
    path: str, read: Callable[[bytes], T], query: dict[str, str | int] | None = None
) -> Ask[T]:
    given = {name: value for name, value in (query or {}).items() if value != ""}
    return Ask("GET", path, read, given)


def _post(path: str, document: Mapping[str, Any], read: Callable[[bytes], T]) -> Ask[T]:
    headers = {"content-type": JSON}
    return Ask("POST", path, read, headers=headers, content=_json(document))


def _bulk(
    path: str, document: Any, ids: str, query: dict[str, str | int] | None = None
) -> Ask[BulkResult]:
    def read(body: bytes) -> BulkResult:
        answer = msgpack.unpackb(body)
        errors = msgspec.convert(answer["errors"], list[EntryError])
        return BulkResult(ids=answer[ids], errors=errors)

    headers = {"content-type": MSGPACK, "accept": MSGPACK}
    return Ask("POST", path, read, query or {}, headers, msgpack.packb(document, default=_plain))


def _invocation(function: str, payload: Any, mode: str, wait_s: float) -> Ask[Invocation]:
    decode = _json_reader(Invocation)
    return Ask(
        "POST",
        f"/v1/functions/{_label(function)}/invoke",
        decode,
        {"mode": mode},
        {"content-type": JSON},
        msgspec.json.encode({} if payload is None else payload),
        wait_s,
    )


def _on_bus(bus: str | None) -> dict[str, str | int]:
    return {} if bus is None else {"bus": bus}


def _attributes(given: Attributes | None) -> dict[str, Attribute] | None:
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


def _json_reader(kind: type[T]) -> Callable[[bytes], T]:
    return msgspec.json.Decoder(kind).decode


def _member(name: str, kind: type[T]) -> Callable[[bytes], T]:
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    return lambda body: msgspec.json.decode(decode(body)[name], type=kind)


def _packed_member(name: str, kind: type[T]) -> Callable[[bytes], T]:
    decode = msgspec.msgpack.Decoder(dict[str, kind]).decode  # type: ignore[valid-type]
    return lambda body: decode(body)[name]


def _page(name: str, kind: type[T]) -> Callable[[bytes], Page[T]]:
    def read(body: bytes) -> Page[T]:
        answer = msgspec.json.decode(body)
        items = msgspec.convert(answer[name], list[kind])  # type: ignore[valid-type]
        return Page(items, answer["next"])

    return read


def _nothing(body: bytes) -> None:
    return None
