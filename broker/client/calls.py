"""every request of the client and how its answer is read, described once and without I/O

A function of this module says what to send and how to read the answer; `clients` turns it into a
method of `Client` and a coroutine method of `AsyncClient`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from broker.client.asking import (
    JSON,
    MSGPACK,
    Ask,
    Attributes,
    Query,
    bulk,
    get,
    json_reader,
    label,
    member,
    nothing,
    on_bus,
    packed_member,
    page,
    peek_page,
    post,
    to_attributes,
    to_json,
)
from broker.client.results import (
    BulkResult,
    DeadLettersPage,
    Done,
    Moved,
    Page,
    PeekPage,
    QueueInfo,
    QueueStatistics,
    ReceivedMessage,
    Redrive,
    SigningCertificate,
    Status,
    TopicInfo,
)

# Queues


def send(
    queue: str,
    body: str,
    *,
    delay_s: int | None = None,
    deliver_at_ms: int | None = None,
    attributes: Attributes | None = None,
    message_group_id: str | None = None,
    message_deduplication_id: str | None = None,
) -> Ask[str]:
    """Send a message; its id. Returns when the message is on disk.

    A FIFO queue wants a group, and a deduplication id unless it deduplicates by content.
    """
    document = {
        "body": body,
        "delay_s": delay_s,
        "deliver_at_ms": deliver_at_ms,
        "attributes": to_attributes(attributes),
        "message_group_id": message_group_id,
        "message_deduplication_id": message_deduplication_id,
    }
    return post(f"/v1/queues/{label(queue)}/messages", document, member("message_id", str))


def send_many(queue: str, bodies: Iterable[str | Mapping[str, Any]]) -> Ask[BulkResult]:
    """Send up to 10,000 messages in one request, each stored or refused for itself.

    A message is its body, or a mapping with `body` and what else `send` takes, in the API's form.
    """
    entries = [each if isinstance(each, Mapping) else {"body": each} for each in bodies]
    path = f"/v1/queues/{label(queue)}/messages/bulk"
    return bulk(path, {"messages": entries}, "message_ids")


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
        f"/v1/queues/{label(queue)}/receive",
        packed_member("messages", list[ReceivedMessage]),
        headers={"content-type": JSON, "accept": MSGPACK},
        content=to_json(document),
        wait_s=wait_time_s if wait_time_s is not None else 20,
    )


def acknowledge(queue: str, receipt_handles: Iterable[str]) -> Ask[Done]:
    """Delete received messages."""
    document = {"receipt_handles": list(receipt_handles)}
    return post(f"/v1/queues/{label(queue)}/acknowledge", document, json_reader(Done))


def extend(queue: str, receipt_handles: Iterable[str], *, visibility_timeout_s: int) -> Ask[Done]:
    """Hide received messages until so long from now; 0 gives them back."""
    document = {
        "receipt_handles": list(receipt_handles),
        "visibility_timeout_s": visibility_timeout_s,
    }
    return post(f"/v1/queues/{label(queue)}/extend", document, json_reader(Done))


def peek(
    queue: str,
    *,
    count: int = 10,
    after: str = "",
    text: str = "",
    attributes: Iterable[str] = (),
    json_path: str = "",
    message_ids: Iterable[str] = (),
    source: str = "",
    cause: str = "",
) -> Ask[PeekPage]:
    """Look at up to `count` (1..1,000) messages without receiving them.

    Those that are wanted: `text` is in the body, all `attributes` (NAME=VALUE) are there,
    `json_path` (RFC 9535) selects something in the body, the id is one of `message_ids`; of dead
    letters, `source` gave them up, and `cause` is part of why. The broker looks at a bounded number
    of messages for one request: go on after `next` until that is None.
    """
    query: Query = {"count": count, "after": after, "message_id": list(message_ids)}
    query |= _filters(text, attributes, json_path, source, cause)
    return get(f"/v1/queues/{label(queue)}/messages", peek_page, query)


def dead_letters(
    queue: str,
    *,
    after: str = "",
    text: str = "",
    attributes: Iterable[str] = (),
    json_path: str = "",
    source: str = "",
    cause: str = "",
) -> Ask[DeadLettersPage]:
    """Messages counted by source and cause; go on after `next` until that is None, and add up."""
    query: Query = {"after": after, **_filters(text, attributes, json_path, source, cause)}
    return get(f"/v1/queues/{label(queue)}/dead-letters", json_reader(DeadLettersPage), query)


def _filters(
    text: str, attributes: Iterable[str], json_path: str, source: str, cause: str
) -> Query:
    return {
        "text": text,
        "attribute": list(attributes),
        "json_path": json_path,
        "source": source,
        "cause": cause,
    }


def redrive_messages(
    queue: str, cursors: Iterable[str], *, destination: str | None = None
) -> Ask[Moved]:
    """Move up to 1,000 messages that a peek found; each is moved or refused for itself.

    By default each goes back to the queue that it was dead-lettered from.
    """
    document = {"cursors": list(cursors), "destination": destination}
    path = f"/v1/queues/{label(queue)}/messages/redrive"
    return post(path, document, json_reader(Moved))


def discard_messages(queue: str, cursors: Iterable[str]) -> Ask[Done]:
    """Delete up to 1,000 messages that a peek found."""
    path = f"/v1/queues/{label(queue)}/messages/discard"
    return post(path, {"cursors": list(cursors)}, json_reader(Done))


def resend_message(
    queue: str,
    cursor: str,
    *,
    body: str | None = None,
    attributes: Attributes | None = None,
    destination: str | None = None,
) -> Ask[Moved]:
    """Put an edited message in the place of one that a peek found, in one step.

    What isn't given stays as it is. The message that is sent is a new one, with an id of its own.
    """
    edited: dict[str, Any] = {"cursor": cursor}
    if body is not None:
        edited["body"] = body
    if attributes is not None:
        edited["attributes"] = to_attributes(attributes) or {}
    document = {"messages": [edited], "destination": destination}
    return post(f"/v1/queues/{label(queue)}/messages/resend", document, json_reader(Moved))


def start_redrive(
    queue: str, *, destination: str | None = None, messages_per_second: int | None = None
) -> Ask[Redrive]:
    """Begin to move all that is visible, as a task that goes on by itself, after a restart too."""
    document = {"destination": destination, "messages_per_second": messages_per_second}
    return post(f"/v1/queues/{label(queue)}/redrives", document, json_reader(Redrive))


def redrives(queue: str) -> Ask[list[Redrive]]:
    """The queue's latest tasks, the latest first."""
    return get(f"/v1/queues/{label(queue)}/redrives", member("redrives", list[Redrive]), {})


def redrive(queue: str, id: str) -> Ask[Redrive]:
    """How far a task has come."""
    return get(f"/v1/queues/{label(queue)}/redrives/{label(id)}", json_reader(Redrive))


def cancel_redrive(queue: str, id: str) -> Ask[Redrive]:
    """End a task; what it has moved stays moved."""
    path = f"/v1/queues/{label(queue)}/redrives/{label(id)}"
    return Ask("DELETE", path, json_reader(Redrive))


def cancel_scheduled(queue: str, message_id: str) -> Ask[None]:
    """Delete a message that was sent for later, before it becomes visible."""
    path = f"/v1/queues/{label(queue)}/scheduled/{label(message_id)}"
    return Ask("DELETE", path, nothing)


def queues(*, prefix: str = "", after: str = "", limit: int = 1_000) -> Ask[Page[QueueInfo]]:
    """Queues by name."""
    query: Query = {"prefix": prefix, "after": after, "limit": limit}
    return get("/v1/queues", page("queues", QueueInfo), query)


def queue(name: str) -> Ask[QueueInfo]:
    """One queue with its counts."""
    return get(f"/v1/queues/{label(name)}", json_reader(QueueInfo))


def put_queue(name: str, **settings: Any) -> Ask[QueueInfo]:
    """Make a queue or replace its settings; those not given are the defaults."""
    return Ask(
        "PUT",
        f"/v1/queues/{label(name)}",
        json_reader(QueueInfo),
        headers={"content-type": JSON},
        content=to_json(settings),
    )


def delete_queue(name: str) -> Ask[None]:
    """Delete a queue with all its messages."""
    return Ask("DELETE", f"/v1/queues/{label(name)}", nothing)


def purge(name: str) -> Ask[None]:
    """Delete all messages of a queue."""
    return Ask("POST", f"/v1/queues/{label(name)}/purge", nothing)


def queue_statistics(name: str) -> Ask[QueueStatistics]:
    """How full one queue is, what was done to it, and how often of late."""
    return get(f"/v1/queues/{label(name)}/stats", json_reader(QueueStatistics))


def statistics(
    *, prefix: str = "", after: str = "", limit: int = 1_000
) -> Ask[Page[QueueStatistics]]:
    """The same of all queues by name, the broker's own too."""
    query: Query = {"prefix": prefix, "after": after, "limit": limit}
    return get("/v1/stats/queues", page("queues", QueueStatistics), query)


# Topics and events


def topics(*, prefix: str = "", after: str = "", limit: int = 1_000) -> Ask[Page[TopicInfo]]:
    """Topics by name."""
    query: Query = {"prefix": prefix, "after": after, "limit": limit}
    return get("/v1/topics", page("topics", TopicInfo), query)


def publish(
    topic: str,
    message: str,
    *,
    subject: str | None = None,
    attributes: Attributes | None = None,
    message_group_id: str | None = None,
    message_deduplication_id: str | None = None,
) -> Ask[str]:
    """Publish to every subscription of a topic; the message's id.

    A FIFO topic wants a group, and a deduplication id unless it deduplicates by content.
    """
    document = {
        "message": message,
        "subject": subject,
        "attributes": to_attributes(attributes),
        "message_group_id": message_group_id,
        "message_deduplication_id": message_deduplication_id,
    }
    return post(f"/v1/topics/{label(topic)}/publish", document, member("message_id", str))


def publish_many(topic: str, messages: Iterable[str | Mapping[str, Any]]) -> Ask[BulkResult]:
    """Publish up to 10,000 messages in one request, each for itself."""
    entries = [each if isinstance(each, Mapping) else {"message": each} for each in messages]
    path = f"/v1/topics/{label(topic)}/publish/bulk"
    return bulk(path, {"messages": entries}, "message_ids")


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
    read = member("event_ids", list[str])
    return Ask(
        "POST",
        "/v1/events",
        lambda body: read(body)[0],
        on_bus(bus),
        headers={"content-type": JSON},
        content=to_json(document),
    )


def put_events(events: Iterable[Mapping[str, Any]], *, bus: str | None = None) -> Ask[BulkResult]:
    """Put up to 10,000 events on a bus in one request, each for itself."""
    return bulk("/v1/events/bulk", {"events": list(events)}, "event_ids", on_bus(bus))


# The daemon


def signing_certificates() -> Ask[list[SigningCertificate]]:
    """What SNS deliveries are signed with, and were before; the current one first."""
    read = member("signing_certificates", list[SigningCertificate])
    return get("/v1/signing-certificates", read)


def rotate_signing_certificate() -> Ask[SigningCertificate]:
    """Sign with a new certificate from now on."""
    return Ask("POST", "/v1/signing-certificates", json_reader(SigningCertificate))


def status() -> Ask[Status]:
    """The daemon at a glance."""
    return get("/v1/status", json_reader(Status))
