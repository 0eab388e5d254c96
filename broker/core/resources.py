"""configuration records: what the store keeps of each resource, typed and versioned"""

from typing import Any, TypeVar

import msgspec

from broker.core.limits import (
    API_DESTINATION_RATE,
    MESSAGE_BYTES_MAX,
    TOPIC_MESSAGE_BYTES_DEFAULT,
)

# A record is a msgpack map with its kind and version as tag: a member can be added with a default,
# and only a change of meaning takes a new tag.


class Resource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all resources have in common."""

    name: str
    created_at_ms: int = 0
    modified_at_ms: int = 0
    declared: bool = False  # in the configuration file, not made by API
    tags: dict[str, str] = {}


class RedrivePolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where messages go that were received too often."""

    dead_letter_target_arn: str
    max_receive_count: int  # 1..1_000


class Queue(Resource, tag="queue.1", frozen=True, kw_only=True, omit_defaults=True):
    """An SQS queue, or an internal one."""

    delay_s: int = 0
    maximum_message_size: int = MESSAGE_BYTES_MAX
    retention_s: int = 345_600
    receive_wait_time_s: int = 0
    visibility_timeout_s: int = 30
    redrive_policy: RedrivePolicy | None = None
    policy: str | None = None  # JSON text, kept as given
    redrive_allow_policy: str | None = None  # likewise
    fifo: bool = False  # the name ends in .fifo; never changed
    content_based_deduplication: bool = False
    deduplication_scope: str = "queue"  # or "messageGroup"
    fifo_throughput_limit: str = "perQueue"  # or "perMessageGroupId"
    other_attributes: dict[str, str] = {}  # kept and returned, without effect here
    messages_max: int | None = None  # of an internal one; a fan-out finds it full beyond that
    oldest_go: bool = False  # beyond that, its oldest messages make room, and it is never full


class DeletedQueue(Resource, tag="deleted_queue.1", frozen=True, kw_only=True, omit_defaults=True):
    """A queue that was deleted at `created_at_ms`: its name can't be had at once."""


class MessageMoveTask(
    Resource, tag="message_move_task.1", frozen=True, kw_only=True, omit_defaults=True
):
    """A redrive under way or done; its name is a UUID."""

    source: str
    destination: str | None = None  # None: where each message was dead-lettered from
    messages_per_second: int | None = None  # 1..500
    status: str = "RUNNING"  # then COMPLETED, FAILED, or CANCELLING and CANCELLED
    failure_reason: str = ""
    moved: int = 0
    to_move: int | None = None  # when it began
    until_sequence: int = 0  # messages from this one on came after it began
    next_lane: int = 0  # where it goes on


class Topic(Resource, tag="topic.1", frozen=True, kw_only=True, omit_defaults=True):
    """An SNS topic."""

    display_name: str = ""
    maximum_message_size: int = TOPIC_MESSAGE_BYTES_DEFAULT
    other_attributes: dict[str, str] = {}  # kept and returned, without effect here
    fifo: bool = False  # the name ends in .fifo; never changed
    content_based_deduplication: bool = False
    fifo_throughput_scope: str = "Topic"  # or "MessageGroup"
    policy: str | None = None  # JSON text, kept as given
    data_protection_policy: str | None = None  # likewise
    delivery_policy: str | None = None  # likewise, and obeyed
    signature_version: str | None = None  # "1" or "2"
    archive_retention_days: int | None = None  # of a FIFO topic; None: there is no archive
    archive_began_ms: int = 0


class Pause(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why nothing is sent to an endpoint for now."""

    by: str  # "operator", or "failures": then it is probed
    reason: str
    since_ms: int


class Replay(msgspec.Struct, frozen=True, omit_defaults=True):
    """A replay of a FIFO topic's archive to one subscription."""

    policy: str  # JSON text, as given
    from_ms: int
    until_ms: int
    status: str = "Pending"  # then "In progress", and "Completed" or "Failed"
    cursor: bytes = b""  # how far it has come
    delivered: int = 0


class Subscription(Resource, tag="subscription.1", frozen=True, kw_only=True, omit_defaults=True):
    """What a topic delivers to; its name is `<topic>:<uuid>`."""

    topic: str
    protocol: str  # sqs, lambda, http, https, or sns and events: another topic, an event bus
    endpoint: str  # an ARN, or a URL
    raw_message_delivery: bool = False
    filter_policy: str | None = None  # JSON text, as given
    filter_policy_scope: str = "MessageAttributes"  # or "MessageBody"
    redrive_policy: str | None = None  # JSON text, as given
    delivery_policy: str | None = None  # likewise
    status: str = "confirmed"  # or "pending", or "deleted": it can be restored for a while
    status_until_ms: int = 0  # when one that isn't confirmed is removed
    token: str = ""  # by which it is, or was, confirmed or restored
    confirmation_was_authenticated: bool = True
    authenticate_on_unsubscribe: bool = False
    webhook_secrets: tuple[str, ...] = ()  # the newest first; each signs what is sent
    pause: Pause | None = None
    replay: Replay | None = None


class EventBus(Resource, tag="event_bus.1", frozen=True, kw_only=True, omit_defaults=True):
    """A bus to put events on; `default` is always there."""

    description: str = ""
    policy: str | None = None  # JSON text: {"Version", "Statement"}, kept and not enforced
    dead_letter_target_arn: str | None = None  # None: the bus's own
    keeps_unmatched: bool = False  # events that no rule matched are dead letters, too


class InputTransformer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A text made of parts of the event."""

    template: str
    paths: dict[str, str] = {}  # JSON paths by the names that stand in the template


class HttpParameters(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an API destination is sent beside the event; values may be JSON paths."""

    path_parameter_values: tuple[str, ...] = ()
    header_parameters: dict[str, str] = {}
    query_string_parameters: dict[str, str] = {}


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a rule sends what it matches, and as what: at most one of the three inputs."""

    id: str
    arn: str
    role_arn: str | None = None
    input: str | None = None  # constant JSON in place of the event
    input_path: str | None = None
    input_transformer: InputTransformer | None = None
    message_group_id: str | None = None  # in a queue
    http_parameters: HttpParameters | None = None
    dead_letter_target_arn: str | None = None  # None: the bus's
    retry_attempts: int | None = None  # after the first; None: as many as EventBridge makes
    maximum_event_age_s: int | None = None  # None: as old as EventBridge lets it become
    events_per_second: float | None = None  # at most; more wait in a queue of the target's
    concurrency: int | None = None  # events that it is sent at a time; None: as configured for all


class Rule(Resource, tag="rule.1", frozen=True, kw_only=True, omit_defaults=True):
    """A pattern on a bus or a schedule, or both, and its targets; its name is `<bus>|<rule>`."""

    event_bus: str
    event_pattern: str = ""  # JSON text, as given
    schedule_expression: str = ""
    enabled: bool = True
    description: str = ""
    role_arn: str | None = None
    targets: tuple[Target, ...] = ()
    first_run_ms: int = 0  # from when a rate counts
    run_id: str = ""  # of the message that waits for the next run; "" if there can be none


class Archive(Resource, tag="archive.1", frozen=True, kw_only=True, omit_defaults=True):
    """Events of a bus that are kept, to be replayed."""

    event_bus: str
    event_pattern: str | None = None  # JSON text, as given; None: every event
    retention_days: int = 0  # 0: for ever
    description: str = ""


class EventReplay(Resource, tag="event_replay.1", frozen=True, kw_only=True, omit_defaults=True):
    """A replay of an archive, or of the ledger: under way, halted or done."""

    archive: str  # "": the ledger, which has the bus's events of the last days
    event_bus: str
    from_ms: int
    until_ms: int
    rules: tuple[str, ...] = ()  # of the bus, by name; none: all
    function: str | None = None  # gets the events in the rules' place
    event_pattern: str | None = None  # only what it matches
    events_per_second: int | None = None  # that are put; None: as fast as it goes
    description: str = ""
    status: str = "STARTING"  # then RUNNING, PAUSED, CANCELLING; CANCELLED, COMPLETED or FAILED
    reason: str = ""
    cursor: bytes = b""  # how far it has come
    last_event_ms: int | None = None
    replayed: int = 0
    ended_at_ms: int | None = None


class Connection(Resource, tag="connection.1", frozen=True, kw_only=True, omit_defaults=True):
    """How requests to somewhere are let in."""

    id: str  # a UUID, in its ARN
    authorization_type: str = ""  # BASIC, API_KEY or OAUTH_CLIENT_CREDENTIALS
    sealed: bytes = b""  # `core.authorization`, sealed; empty: it was deauthorized
    description: str = ""


class ApiDestination(
    Resource, tag="api_destination.1", frozen=True, kw_only=True, omit_defaults=True
):
    """An HTTP endpoint that rules send events to."""

    id: str  # a UUID, in its ARN
    connection: str
    endpoint: str  # a URL; asterisks in its path are filled in
    http_method: str
    rate: int = API_DESTINATION_RATE  # requests per second
    description: str = ""


class ScheduleTarget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a schedule of EventBridge Scheduler does when it runs."""

    arn: str  # of a queue, topic, function or bus, or of an API action
    role_arn: str
    input: str | None = None  # as given, with placeholders
    message_group_id: str | None = None  # in a queue
    detail_type: str | None = None  # on a bus
    source: str | None = None  # likewise
    dead_letter_target_arn: str | None = None
    retry_attempts: int | None = None  # None: as many as Scheduler makes
    maximum_event_age_s: int | None = None


class Schedule(Resource, tag="schedule.1", frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A schedule of EventBridge Scheduler; its name is `<group>/<name>`."""

    schedule_expression: str
    target: ScheduleTarget
    time_zone: str = "UTC"
    start_ms: int | None = None
    end_ms: int | None = None
    window_minutes: int | None = None  # a run comes at some time within so long; None: at once
    enabled: bool = True
    delete_after_completion: bool = False
    description: str = ""
    kms_key_arn: str | None = None  # kept and returned, without effect here
    client_token: str = ""  # of the request that made it
    first_run_ms: int = 0  # from when a rate counts
    run_id: str = ""  # of the message that waits for the next run; "" if there can be none


class ScheduleGroup(
    Resource, tag="schedule_group.1", frozen=True, kw_only=True, omit_defaults=True
):
    """A group of schedules; `default` is always there."""

    deleting: bool = False  # its schedules go one after another, then itself
    client_token: str = ""


class BatchSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a queue's messages are received for a pipe or an event source mapping."""

    arn: str  # of the queue
    batch_size: int = 10  # 1..10_000
    window_s: int = 0  # 0..300: how long a batch that isn't full waits for more
    filters: tuple[str, ...] = ()  # event patterns; what none of them matches is deleted

    @property
    def queue(self) -> str:
        """The queue's name; the ARN is checked."""
        return self.arn.rpartition(":")[2]


class PipeEnrichment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What makes other events of a pipe's: a function or an API destination."""

    arn: str
    input_template: str | None = None
    http_parameters: HttpParameters | None = None


class PipeTarget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a pipe sends its events; texts that begin with `$.` are paths into the event."""

    arn: str
    input_template: str | None = None
    message_group_id: str | None = None  # in a queue
    message_deduplication_id: str | None = None  # likewise
    waits_for_function: bool = True  # REQUEST_RESPONSE, or FIRE_AND_FORGET
    detail_type: str | None = None  # on a bus
    source: str | None = None  # likewise
    resources: tuple[str, ...] = ()  # likewise
    time: str | None = None  # likewise: a path
    http_parameters: HttpParameters | None = None


class Pipe(Resource, tag="pipe.1", frozen=True, kw_only=True, omit_defaults=True):
    """A queue's messages, filtered and perhaps enriched, to one target."""

    source: BatchSource
    target: PipeTarget
    enrichment: PipeEnrichment | None = None
    role_arn: str = ""  # kept and returned, without effect here
    running: bool = True
    description: str = ""
    kms_key_id: str | None = None  # as the role


class EventSourceMapping(
    Resource, tag="event_source_mapping.1", frozen=True, kw_only=True, omit_defaults=True
):
    """A queue whose messages a function is invoked with, in batches; its name is a UUID."""

    source: BatchSource
    function: str
    enabled: bool = True
    maximum_concurrency: int | None = None  # 2..1_000 batches at a time; None: as it goes
    reports_failures: bool = False  # the result's batchItemFailures count


class Function(Resource, tag="function.1", frozen=True, kw_only=True, omit_defaults=True):
    """A function and how it is run: the version $LATEST, which can be changed."""

    invoker: str  # the plugin's entry point
    settings: dict[str, Any] = {}
    handler: str = ""
    timeout_s: float = 3.0
    memory_mb: int = 128
    environment: dict[str, str] = {}
    description: str = ""
    reserved_concurrency: int | None = None
    retry_attempts: int = 2  # after the first attempt
    retry_delays_s: tuple[float, ...] = (60.0, 120.0)  # the last one serves all later attempts
    maximum_event_age_s: int = 21_600
    dead_letter_target_arn: str | None = None
    revision_id: str = ""  # a UUID, another one after each change
    role: str = ""  # an ARN, kept and returned
    code_sha256: str = ""  # of the zip file that was uploaded, in base64; "" if none was
    code_size: int = 0  # in bytes
    architectures: tuple[str, ...] = ("x86_64",)  # kept and returned, as is the next
    ephemeral_storage_mb: int = 512
    next_version: int = 1  # a number is never used again
    recursive_loop: str = "Terminate"  # or "Allow"


class FunctionVersion(
    Resource, tag="function_version.1", frozen=True, kw_only=True, omit_defaults=True
):
    """A version that was published, and never changes; its name is `<function>:<number>`."""

    function: Function  # as it was then
    description: str = ""


class Alias(Resource, tag="alias.1", frozen=True, kw_only=True, omit_defaults=True):
    """A name for a version, or for two by chance; its name is `<function>:<alias>`."""

    version: str  # a number, or $LATEST
    other_version: str = ""  # gets `other_weight` of the invocations
    other_weight: float = 0.0  # 0..1
    description: str = ""
    revision_id: str = ""


class EventInvokeConfig(
    Resource, tag="event_invoke_config.1", frozen=True, kw_only=True, omit_defaults=True
):
    """What becomes of asynchronous invocations of a function, a version or an alias.

    Its name is the label's. What isn't said here is the function's own.
    """

    retry_attempts: int | None = None  # 0..2
    maximum_event_age_s: int | None = None  # 60..21_600
    on_success: str | None = None  # the ARN of a destination
    on_failure: str | None = None


class FunctionPolicy(
    Resource, tag="function_policy.1", frozen=True, kw_only=True, omit_defaults=True
):
    """Who may invoke a function, a version or an alias: kept, and not enforced."""

    statements: tuple[str, ...] = ()  # JSON texts
    revision_id: str = ""


class FunctionUrl(Resource, tag="function_url.1", frozen=True, kw_only=True, omit_defaults=True):
    """Where a function or an alias answers HTTP requests; its name is the label's."""

    id: str  # the first part of its host
    auth_type: str  # NONE, or AWS_IAM: only signed requests
    cors: dict[str, Any] | None = None  # as Lambda's API has it
    invoke_mode: str = "BUFFERED"  # or RESPONSE_STREAM: the response comes piece by piece


class Usage(Resource, tag="usage.1", frozen=True, kw_only=True, omit_defaults=True):
    """What a version of a function used on a day; its name is `<day>|<function>|<version>`."""

    day: str  # 2026-01-31, in UTC
    function: str
    version: str
    requests: int = 0
    errors: int = 0
    cold_starts: int = 0
    billed_ms: int = 0
    mb_ms: int = 0  # MiB of memory size, times milliseconds


AnyResource = (
    Queue
    | DeletedQueue
    | MessageMoveTask
    | Topic
    | Subscription
    | EventBus
    | Rule
    | Archive
    | EventReplay
    | Connection
    | ApiDestination
    | Schedule
    | ScheduleGroup
    | Pipe
    | EventSourceMapping
    | Function
    | FunctionVersion
    | Alias
    | EventInvokeConfig
    | FunctionPolicy
    | FunctionUrl
    | Usage
)
R = TypeVar("R", bound=Resource)

KINDS: dict[type[Resource], str] = {
    Queue: "queue",
    DeletedQueue: "deleted_queue",
    MessageMoveTask: "message_move_task",
    Topic: "topic",
    Subscription: "subscription",
    EventBus: "event_bus",
    Rule: "rule",
    Archive: "archive",
    Connection: "connection",
    ApiDestination: "api_destination",
    EventReplay: "event_replay",
    Schedule: "schedule",
    ScheduleGroup: "schedule_group",
    Pipe: "pipe",
    EventSourceMapping: "event_source_mapping",
    Function: "function",
    FunctionVersion: "function_version",
    Alias: "alias",
    EventInvokeConfig: "event_invoke_config",
    FunctionPolicy: "function_policy",
    FunctionUrl: "function_url",
    Usage: "usage",
}

_decoder: msgspec.msgpack.Decoder[AnyResource] = msgspec.msgpack.Decoder(AnyResource)
_encoder = msgspec.msgpack.Encoder()


def encode(resource: AnyResource) -> bytes:
    """The record to store."""
    return _encoder.encode(resource)


def decode(record: bytes) -> AnyResource:
    """The resource that a record holds.

    Raises: msgspec.ValidationError, for a record of a newer version.
    """
    return _decoder.decode(record)
