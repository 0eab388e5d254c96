"""/v1/queues: make, list, look at, configure, purge and delete queues"""

from typing import Annotated, Any, Literal

import msgspec

from broker.core import errors
from broker.core.commands import QueueCounts
from broker.core.errors import (
    InvalidParameter,
    InvalidRedrivePolicy,
    QueueDoesNotExist,
    RecordChanged,
    StoreFull,
)
from broker.core.fifo import check_fifo_settings
from broker.core.limits import (
    DELAY_S_MAX,
    MAX_RECEIVE_COUNT_MAX,
    MESSAGE_BYTES_MAX,
    MESSAGE_BYTES_MIN_SETTING,
    RETENTION_S_MAX,
    RETENTION_S_MIN,
    VISIBILITY_TIMEOUT_S_MAX,
    WAIT_TIME_S_MAX,
)
from broker.core.names import QUEUE_NAME, Arn, is_fifo, keeps_dead_letters
from broker.core.resources import Queue, RedrivePolicy
from broker.edge.native.messages import queue_of
from broker.edge.native.operation import Answer, Call, Result, Shape, operations
from broker.edge.native.page import Page, page_of


class QueueSettings(Shape, frozen=True, kw_only=True):
    """A queue's settings; those left out are the defaults."""

    delay_s: Annotated[int, msgspec.Meta(ge=0, le=DELAY_S_MAX)] = 0
    maximum_message_size: Annotated[
        int, msgspec.Meta(ge=MESSAGE_BYTES_MIN_SETTING, le=MESSAGE_BYTES_MAX)
    ] = MESSAGE_BYTES_MAX
    retention_s: Annotated[int, msgspec.Meta(ge=RETENTION_S_MIN, le=RETENTION_S_MAX)] = 345_600
    receive_wait_time_s: Annotated[int, msgspec.Meta(ge=0, le=WAIT_TIME_S_MAX)] = 0
    visibility_timeout_s: Annotated[int, msgspec.Meta(ge=0, le=VISIBILITY_TIMEOUT_S_MAX)] = 30
    dead_letter_queue: str | None = None  # a queue of the same namespace
    max_receive_count: Annotated[int, msgspec.Meta(ge=1, le=MAX_RECEIVE_COUNT_MAX)] | None = None
    # Of FIFO queues, which are those whose names end in .fifo:
    content_based_deduplication: bool = False
    deduplication_scope: Literal["queue", "messageGroup"] = "queue"
    fifo_throughput_limit: Literal["perQueue", "perMessageGroupId"] = "perQueue"


class QueueDescription(Result, frozen=True, kw_only=True):
    """A queue and its settings."""

    name: str
    arn: str
    delay_s: int
    maximum_message_size: int
    retention_s: int
    receive_wait_time_s: int
    visibility_timeout_s: int
    dead_letter_queue: str | None = None
    max_receive_count: int | None = None
    fifo: bool = False
    content_based_deduplication: bool = False
    deduplication_scope: str = "queue"
    fifo_throughput_limit: str = "perQueue"
    declared: bool = False  # in the configuration file
    created_at_ms: int
    modified_at_ms: int


class QueueWithCounts(QueueDescription, frozen=True, kw_only=True):
    """A queue, its settings, and how many messages it holds, by state."""

    visible: int
    in_flight: int
    delayed: int
    oldest_sent_at_ms: int | None = None  # of the message that is next to be received


class QueuePage(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of queues; `next` is null after the last one."""

    queues: list[QueueDescription]
    next: str | None = None


@operations.add("GET", "/v1/queues", query=Page, answers={200: QueuePage})
async def list_queues(call: Call, query: Page) -> QueuePage:
    """Queues by name, without the broker's own."""
    page, following = page_of(call.broker.queues.all(call.namespace), query)
    described = [QueueDescription(**_settings(call, queue)) for queue in page]
    return QueuePage(queues=described, next=following)


@operations.add(
    "GET", "/v1/queues/{name}", answers={200: QueueWithCounts}, raises=(QueueDoesNotExist,)
)
async def get_queue(call: Call, name: str) -> QueueWithCounts:
    """One queue with its counts."""
    queue = queue_of(call, name)
    (counts,) = await call.broker.queues.counts(call.namespace, name)
    return _with_counts(call, queue, counts)


@operations.add(
    "PUT",
    "/v1/queues/{name}",
    body=QueueSettings,
    answers={200: QueueDescription, 201: QueueDescription},
    raises=(RecordChanged, StoreFull),
)
async def put_queue(call: Call, name: str, settings: QueueSettings) -> Answer:
    """Make a queue, or replace the settings of one that is there; its messages stay.

    Settings of a queue that the configuration file declares hold until the file is read again.
    """
    if not QUEUE_NAME.fullmatch(name):
        raise InvalidParameter(f"The name {name!r} doesn't match {QUEUE_NAME.pattern}.")
    changes = _changes(call, settings)
    now_ms = call.broker.now_ms()
    queues = call.broker.queues
    try:
        current = queues.get(call.namespace, name)
    except QueueDoesNotExist:
        current = None
    if current is None:
        status = 201
        fifo = is_fifo(name)
        queue = Queue(name=name, created_at_ms=now_ms, modified_at_ms=now_ms, fifo=fifo, **changes)
        check_fifo_settings(queue)
        make = queues.create(call.namespace, queue)
    else:
        status = 200
        queue = msgspec.structs.replace(current, modified_at_ms=now_ms, **changes)
        check_fifo_settings(queue)
        make = queues.configure(call.namespace, queue)
    try:
        await make
    except InvalidRedrivePolicy as error:
        raise InvalidRedrivePolicy(f"dead_letter_queue: {error.message}") from None
    return Answer(status, QueueDescription(**_settings(call, queue)))


@operations.add("DELETE", "/v1/queues/{name}", answers={204: None}, raises=(QueueDoesNotExist,))
async def delete_queue(call: Call, name: str) -> None:
    """Delete the queue with all its messages."""
    queue_of(call, name)
    if keeps_dead_letters(name):
        raise InvalidParameter("An event bus keeps its own dead-letter queue; it can be purged.")
    await call.broker.queues.delete(call.namespace, name)


@operations.add(
    "POST",
    "/v1/queues/{name}/purge",
    answers={204: None},
    raises=(QueueDoesNotExist, errors.PurgeQueueInProgress),
)
async def purge_queue(call: Call, name: str) -> None:
    """Delete all messages of the queue; once a minute at most."""
    queue_of(call, name)
    await call.broker.queues.purge(call.namespace, name)


def _changes(call: Call, settings: QueueSettings) -> dict[str, Any]:
    """What the settings say, as members of the resource. Raises: InvalidParameter."""
    changes = msgspec.structs.asdict(settings)
    target = changes.pop("dead_letter_queue")
    max_receive_count = changes.pop("max_receive_count")
    if (target is None) != (max_receive_count is None):
        raise InvalidParameter("dead_letter_queue and max_receive_count are given together.")
    changes["redrive_policy"] = None
    if target is not None:
        changes["redrive_policy"] = RedrivePolicy(
            call.namespace.arn("sqs", target), max_receive_count
        )
    return changes


def _settings(call: Call, queue: Queue) -> dict[str, Any]:
    """The members of QueueDescription."""
    policy = queue.redrive_policy
    target = Arn.parse(policy.dead_letter_target_arn) if policy else None
    return {
        "name": queue.name,
        "arn": call.namespace.arn("sqs", queue.name),
        "delay_s": queue.delay_s,
        "maximum_message_size": queue.maximum_message_size,
        "retention_s": queue.retention_s,
        "receive_wait_time_s": queue.receive_wait_time_s,
        "visibility_timeout_s": queue.visibility_timeout_s,
        "dead_letter_queue": target.resource if target else None,
        "max_receive_count": policy.max_receive_count if policy else None,
        "fifo": queue.fifo,
        "content_based_deduplication": queue.content_based_deduplication,
        "deduplication_scope": queue.deduplication_scope,
        "fifo_throughput_limit": queue.fifo_throughput_limit,
        "declared": queue.declared,
        "created_at_ms": queue.created_at_ms,
        "modified_at_ms": queue.modified_at_ms,
    }


def _with_counts(call: Call, queue: Queue, counts: QueueCounts) -> QueueWithCounts:
    return QueueWithCounts(
        **_settings(call, queue),
        visible=counts.visible,
        in_flight=counts.in_flight,
        delayed=counts.delayed,
        oldest_sent_at_ms=counts.oldest_sent_at_ms,
    )
