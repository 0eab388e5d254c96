"""what the broker answers, typed"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Attribute(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message attribute."""

    data_type: str = "String"
    string_value: str | None = None
    binary_value: bytes | None = None


class EntryError(msgspec.Struct, frozen=True, kw_only=True):
    """Why one entry of several was refused."""

    index: int
    status: int
    code: str
    detail: str


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """Ids in the order of the request; None where `errors` says why there is none."""

    ids: list[str | None]
    errors: list[EntryError]


class ReceivedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and the handle to acknowledge it by."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: dict[str, Attribute] = {}
    system_attributes: dict[str, str] = {}
    sent_at_ms: int
    first_received_at_ms: int
    receive_count: int
    dead_letter_source_arn: str | None = None


class StreamMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message of a stream, which the stream settles by its tag."""

    tag: int
    message_id: str
    body: str
    attributes: dict[str, Attribute] = {}
    system_attributes: dict[str, str] = {}
    sent_at_ms: int
    first_received_at_ms: int
    receive_count: int
    dead_letter_source_arn: str | None = None


class TopicMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message that was published to a topic that is followed."""

    message_id: str
    topic: str
    subject: str | None = None
    message: str
    attributes: dict[str, Attribute] = {}
    published_at_ms: int


@dataclass(frozen=True, slots=True)
class LiveBatch(Generic[T]):
    """Events that are followed, perhaps none; and how many were missed just before them."""

    missed: int
    events: list[T]


class TagError(msgspec.Struct, frozen=True, kw_only=True):
    """Why what was asked for one message of a stream was not done."""

    tag: int
    status: int
    code: str
    detail: str


class PeekedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it lies in its queue."""

    message_id: str
    body: str
    attributes: dict[str, Attribute] = {}
    system_attributes: dict[str, str] = {}
    state: str
    sent_at_ms: int
    visible_at_ms: int
    receive_count: int
    dead_letter_source_arn: str | None = None
    cursor: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries went well, and why the others did not."""

    successful: int
    errors: list[EntryError]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One message of many with a cause in common."""

    message_id: str
    cursor: str
    error: str = ""


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that have a source and a cause in common."""

    source_arn: str | None  # of the queue or rule that gave them up
    code: str | None
    cause: str | None  # None with the source: nothing tells that they are dead letters
    count: int
    oldest_sent_at_ms: int
    newest_sent_at_ms: int
    sample: list[DeadLetter]


class DeadLettersPage(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a queue, counted."""

    dead_letters: list[DeadLetters]
    scanned: int
    next: str | None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The new ids of messages, in order; None where `errors` says why one stayed as it was."""

    message_ids: list[str | None]
    errors: list[EntryError]


class Redrive(msgspec.Struct, frozen=True, kw_only=True):
    """A message move task."""

    id: str
    source: str
    destination: str | None  # None: where each message was dead-lettered from
    messages_per_second: int | None
    status: str  # RUNNING, COMPLETED, FAILED, CANCELLING or CANCELLED
    failure_reason: str | None
    moved: int
    to_move: int | None  # None until it has counted them
    started_at_ms: int
    modified_at_ms: int

    @property
    def ended(self) -> bool:
        """Whether no more will be moved."""
        return self.status not in ("RUNNING", "CANCELLING")


class QueueInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's settings and, asked for one queue, its counts."""

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
    declared: bool = False
    created_at_ms: int = 0
    modified_at_ms: int = 0
    visible: int | None = None
    in_flight: int | None = None
    delayed: int | None = None
    oldest_sent_at_ms: int | None = None


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Messages a second; as totals, messages."""

    sent: float
    received: float
    received_again: float
    deleted: float
    returned: float
    moved: float
    expired: float
    dead_lettered: float


class QueueStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A queue at this moment, and lately."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    oldest_age_s: float | None
    waiting_receivers: int
    totals: Rates
    last_minute: Rates
    last_five_minutes: Rates


class TopicInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A topic."""

    name: str
    arn: str
    display_name: str = ""
    maximum_message_size: int = 262_144
    signature_version: str | None = None
    delivery_policy: dict[str, Any] | None = None
    fifo: bool = False
    content_based_deduplication: bool = False
    fifo_throughput_scope: str = "Topic"
    archive_retention_days: int | None = None
    archive_begins_ms: int | None = None
    subscriptions: int = 0  # that are confirmed
    subscriptions_pending: int = 0
    declared: bool = False


class ScheduleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule, and when it runs next."""

    name: str
    group: str
    arn: str
    expression: str
    time_zone: str
    next_run_ms: int | None = None  # or a window for it begins
    start_ms: int | None = None
    end_ms: int | None = None
    window_minutes: int | None = None
    enabled: bool = True
    delete_after_completion: bool = False
    description: str = ""
    target_arn: str
    input: str | None = None
    message_group_id: str | None = None
    source: str | None = None
    detail_type: str | None = None
    dead_letter_queue: str | None = None
    retry_attempts: int | None = None
    maximum_event_age_s: int | None = None
    declared: bool = False
    created_at_ms: int = 0
    modified_at_ms: int = 0


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What a topic delivers to, and how."""

    id: str
    arn: str
    topic: str
    protocol: str
    endpoint: str
    status: str  # confirmed, pending or deleted
    raw_message_delivery: bool = False
    filter_policy: dict[str, Any] | None = None
    filter_policy_scope: str | None = None
    dead_letter_queue: str | None = None
    delivery_policy: dict[str, Any] | None = None
    replay_status: str | None = None
    replayed: int | None = None
    paused: str | None = None  # why
    webhook_secrets: int = 0
    webhook_secret: str | None = None  # where one was made
    declared: bool = False


class DeliveryAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to deliver to an HTTP endpoint."""

    at_ms: int
    message_id: str
    outcome: str  # delivered, failed, parked or refused
    answer: str
    duration_ms: float


class EndpointDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """How deliveries to an HTTP endpoint go."""

    topic: str
    subscription: str
    endpoint: str
    status: str
    paused: str | None
    paused_by: str | None
    waiting: int
    under_way: int
    delayed: int
    next_attempt_ms: int | None
    delivered: int
    failures_in_a_row: int
    failing_since_ms: int | None
    attempts: list[DeliveryAttempt]


class FunctionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A function."""

    name: str
    arn: str
    invoker: str
    description: str = ""
    handler: str = ""
    timeout_s: float
    memory_mb: int
    reserved_concurrency: int | None = None
    declared: bool = False


class SigningCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that SNS deliveries are, or were, signed with."""

    name: str
    path: str  # of its URL
    current: bool
    not_before_ms: int
    not_after_ms: int
    fingerprint_sha256: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list; ask for what comes after `next`, until it is None."""

    items: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class PeekPage(Page[PeekedMessage]):
    """Part of a queue: of the messages that were looked at, those that are wanted."""

    scanned: int


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an invocation came to; of an asynchronous one only the request id is known."""

    request_id: str
    payload: Any = None
    function_error: str | None = None
    log_tail: str = ""
    duration_ms: float | None = None


class FunctionLogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a function's log."""

    time: str
    request: str  # the beginning of its id
    text: str


class FunctionLog(msgspec.Struct, frozen=True, kw_only=True):
    """Lines in order; `next` is where those begin that come after them."""

    lines: list[FunctionLogLine]
    next: str


class PluginInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An invoker of the daemon."""

    name: str
    state: str  # starting, running, failed (and started again), unhealthy
    problem: str = ""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What a version of a function used on a day."""

    day: str
    function: str
    version: str
    requests: int
    errors: int
    cold_starts: int
    billed_ms: int
    gb_seconds: float
    usd: float  # beyond what was free in that month


class UsagePrices(msgspec.Struct, frozen=True, kw_only=True):
    """What costs are reckoned by."""

    date: str
    requests_per_million_usd: float
    gb_second_usd: float
    free_requests: int
    free_gb_seconds: int


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What functions used, and what that would have cost on Lambda."""

    usage: list[Use]
    prices: UsagePrices


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How full a queue is. The broker's own queues have a slash in their names."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    oldest_sent_at_ms: int | None = None


class StoreFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How full the store is."""

    used_bytes: int
    quota_bytes: int
    full: bool


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon at a glance."""

    version: str
    account: str
    region: str
    now_ms: int
    store: StoreFigures
    resources: dict[str, int]
    queues: list[QueueStatus]


class TracedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a delivery that the broker made."""

    number: int
    at_ms: int
    outcome: str  # delivered, failed, or given up
    answer: str = ""
    next_at_ms: int | None = None
    dead_letter_queue: str | None = None
    dead_letter_id: str | None = None


class DeliveryTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that an event led to."""

    queue: str
    message_id: str
    state: str  # sent, waiting, retrying, delivered, or given up
    rule: str | None = None
    bus: str | None = None
    target: str | None = None
    subscription: str | None = None
    cause: str = ""  # of a dead letter
    attempts: list[TracedAttempt] = []


class LostDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that nothing took."""

    source: str
    target: str
    why: str


class ReplayTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay made of an event."""

    replay: str
    replayed_at_ms: int
    rules: list[str]  # the ARNs of those that matched
    deliveries: list[DeliveryTrace]
    more_deliveries: int = 0
    lost: list[LostDelivery] = []


class EventTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an event."""

    event: dict[str, Any]
    bus: str
    put_at_ms: int | None  # None: that was forgotten, and only replays of it are known
    rules: list[str]  # the ARNs of those that matched
    deliveries: list[DeliveryTrace]
    more_deliveries: int = 0
    lost: list[LostDelivery] = []
    replays: list[ReplayTrace] = []


class FailedClause(msgspec.Struct, frozen=True, kw_only=True):
    """A clause of a pattern that an event does not satisfy."""

    path: str
    wanted: list[Any]
    found: list[Any]
    branch: int = 0
    in_other_elements: bool = False


class PatternMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an event matches a pattern; if not, what failed."""

    matches: bool
    failed: list[FailedClause]
    enabled: bool = True


class LintFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Something to look at in a rule."""

    rule: str
    kind: str  # never, shadowed, broad or costly
    text: str


class RuleLint(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of a bus's rules."""

    rules: int
    findings: list[LintFinding]
    compared_all: bool  # or so many share a target that not all were compared


class RuleCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule asks of an event: an estimate of what it costs."""

    branches: int
    clauses: int
    asked_for: str


class ArchiveInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An archive of an event bus, and what it holds."""

    name: str
    bus: str
    retention_days: int  # 0: for ever
    events: int  # near enough
    created_at_ms: int
    modified_at_ms: int
    pattern: str | None = None
    description: str = ""


class ReplayInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A replay, and how far it has come."""

    name: str
    bus: str
    status: str  # STARTING, RUNNING, PAUSED, CANCELLING; CANCELLED, COMPLETED or FAILED
    from_ms: int
    until_ms: int
    replayed: int
    started_at_ms: int
    archive: str | None = None  # none: the ledger, which has the last days
    reason: str = ""
    rules: list[str] = []
    function: str | None = None
    pattern: str | None = None
    events_per_second: int | None = None
    description: str = ""
    last_event_ms: int | None = None
    ended_at_ms: int | None = None
