"""the tables and keys of the configuration file, with their ranges and defaults"""

from typing import Annotated, Any, Literal

import msgspec

from broker.core.limits import (
    ACCOUNT_CONCURRENCY,
    ACCOUNT_CONCURRENCY_MAX,
    ARCHIVE_RETENTION_DAYS_MAX,
    BATCH_SIZE_MAX,
    BATCH_WINDOW_S_MAX,
    CONNECTIONS_MAX,
    DELAY_S_MAX,
    DELETED_NAME_BLOCKED_S,
    DELETED_NAME_BLOCKED_S_MAX,
    DELIVERY_AGE_S,
    DELIVERY_BACKLOG,
    DELIVERY_BACKLOG_MAX,
    DELIVERY_CONCURRENCY,
    DELIVERY_CONCURRENCY_MAX,
    DISPLAY_NAME_CHARS_MAX,
    EVENT_AGE_S_MAX,
    EVENT_AGE_S_MIN,
    EVENT_RETRY_AGE_S_MAX,
    EVENT_RETRY_AGE_S_MIN,
    EVENT_RETRY_ATTEMPTS_MAX,
    FUNCTION_LOG_MB,
    FUNCTION_TIMEOUT_S_MAX,
    LEDGER_DAYS,
    LEDGER_DAYS_MAX,
    LEDGER_EVENTS,
    LEDGER_EVENTS_MAX,
    LOG_FILE_MB_MAX,
    LOG_FILES_KEPT_MAX,
    LONG_DELAY_S_MAX,
    MAPPING_CONCURRENCY_MIN,
    MAX_RECEIVE_COUNT_MAX,
    MEMORY_MB_MAX,
    MEMORY_MB_MIN,
    MESSAGE_BYTES_MAX,
    MESSAGE_BYTES_MIN_SETTING,
    PAUSE_AFTER_S,
    POLLER_CONCURRENCY_MAX,
    QUOTA_MB_MAX,
    QUOTA_MB_MIN,
    RETENTION_S_MAX,
    RETENTION_S_MIN,
    RETRY_ATTEMPTS_MAX,
    RULE_TARGET_CONCURRENCY,
    RULE_TARGET_CONCURRENCY_MAX,
    RULE_TARGET_RATE_MAX,
    SCHEDULE_WINDOW_MINUTES_MAX,
    SHUTDOWN_GRACE_S_MAX,
    TARGETS_PER_RULE_BOUND,
    TARGETS_PER_RULE_MAX,
    TOPIC_MESSAGE_BYTES_DEFAULT,
    TOPIC_MESSAGE_BYTES_MAX,
    VISIBILITY_TIMEOUT_S_MAX,
    WAIT_TIME_S_MAX,
)
from broker.core.names import REGION

DEFAULT_LISTEN = "127.0.0.1:4566"


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file. A key that isn't known is an error, not a comment."""


def _between(low: float, high: float) -> Any:
    return msgspec.Meta(ge=low, le=high)


_Account = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}\Z")]
_Region = Annotated[str, msgspec.Meta(pattern=rf"^(?:{REGION.pattern})\Z")]
_Origin = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#@\s*]+/?\Z")]
_Host = Annotated[str, msgspec.Meta(pattern=r"^[^/?#@\s*]+\Z")]
_Grace = Annotated[float, _between(0, SHUTDOWN_GRACE_S_MAX)]
_Connections = Annotated[int, _between(1, CONNECTIONS_MAX)]
_Quota = Annotated[int, _between(QUOTA_MB_MIN, QUOTA_MB_MAX)]
_Concurrency = Annotated[int, _between(1, ACCOUNT_CONCURRENCY_MAX)]
_Reserved = Annotated[int, _between(0, ACCOUNT_CONCURRENCY_MAX)]
_RetryDelay = Annotated[float, _between(0, EVENT_AGE_S_MAX)]
_Delay = Annotated[int, _between(0, DELAY_S_MAX)]
_DelayMax = Annotated[int, _between(DELAY_S_MAX, LONG_DELAY_S_MAX)]
_Blocked = Annotated[int, _between(0, DELETED_NAME_BLOCKED_S_MAX)]
_MessageSize = Annotated[int, _between(MESSAGE_BYTES_MIN_SETTING, MESSAGE_BYTES_MAX)]
_Retention = Annotated[int, _between(RETENTION_S_MIN, RETENTION_S_MAX)]
_WaitTime = Annotated[int, _between(0, WAIT_TIME_S_MAX)]
_Visibility = Annotated[int, _between(0, VISIBILITY_TIMEOUT_S_MAX)]
_MaxReceiveCount = Annotated[int, _between(1, MAX_RECEIVE_COUNT_MAX)]
_FunctionLog = Annotated[int, _between(1, LOG_FILE_MB_MAX)]
_Price = Annotated[float, msgspec.Meta(ge=0.0)]
_Free = Annotated[int, msgspec.Meta(ge=0)]
_Timeout = Annotated[float, _between(0.001, FUNCTION_TIMEOUT_S_MAX)]
_Memory = Annotated[int, _between(MEMORY_MB_MIN, MEMORY_MB_MAX)]
_Retries = Annotated[int, _between(0, RETRY_ATTEMPTS_MAX)]
_EventAge = Annotated[int, _between(EVENT_AGE_S_MIN, EVENT_AGE_S_MAX)]


_TopicMessageSize = Annotated[int, _between(MESSAGE_BYTES_MIN_SETTING, TOPIC_MESSAGE_BYTES_MAX)]
_DisplayName = Annotated[str, msgspec.Meta(max_length=DISPLAY_NAME_CHARS_MAX)]
_ArchiveDays = Annotated[int, _between(1, ARCHIVE_RETENTION_DAYS_MAX)]
_Targets = Annotated[int, _between(1, TARGETS_PER_RULE_BOUND)]
_LogFileMb = Annotated[int, _between(1, LOG_FILE_MB_MAX)]
_LogFilesKept = Annotated[int, _between(0, LOG_FILES_KEPT_MAX)]
_TargetConcurrency = Annotated[int, _between(1, RULE_TARGET_CONCURRENCY_MAX)]
_TargetRetries = Annotated[int, _between(0, EVENT_RETRY_ATTEMPTS_MAX)]
_TargetEventAge = Annotated[int, _between(EVENT_RETRY_AGE_S_MIN, EVENT_RETRY_AGE_S_MAX)]
_TargetRate = Annotated[float, msgspec.Meta(gt=0, le=RULE_TARGET_RATE_MAX)]
_BatchSize = Annotated[int, _between(1, BATCH_SIZE_MAX)]
_BatchWindow = Annotated[int, _between(0, BATCH_WINDOW_S_MAX)]
_MappingConcurrency = Annotated[int, _between(MAPPING_CONCURRENCY_MIN, POLLER_CONCURRENCY_MAX)]
_Window = Annotated[int, _between(1, SCHEDULE_WINDOW_MINUTES_MAX)]
_LedgerDays = Annotated[float, _between(0, LEDGER_DAYS_MAX)]
_LedgerEvents = Annotated[int, _between(1, LEDGER_EVENTS_MAX)]
_Deliveries = Annotated[int, _between(1, DELIVERY_CONCURRENCY_MAX)]
_Backlog = Annotated[int, _between(1, DELIVERY_BACKLOG_MAX)]
_PauseAfter = Annotated[float, _between(60, RETENTION_S_MAX)]
_DeliveryAge = Annotated[int, _between(3_600, RETENTION_S_MAX)]


class BrokerSettings(_Table, frozen=True, kw_only=True):
    """[broker]"""

    data_dir: str | None = None  # relative to the file; else BROKER_DATA_DIR, else per user
    account: _Account = "000000000000"
    region: _Region = "us-east-1"
    shutdown_grace_s: _Grace = 10.0  # for requests and invocations that are under way


class HttpSettings(_Table, frozen=True, kw_only=True):
    """[http]"""

    listen: str = DEFAULT_LISTEN
    allowed_origins: list[_Origin] = []
    allowed_hosts: list[_Host] = []
    connections_max: _Connections = CONNECTIONS_MAX
    public_url: _Origin | None = None  # None: the address that it listens on


class StoreSettings(_Table, frozen=True, kw_only=True):
    """[store]"""

    quota_mb: _Quota | None = None  # MiB; None: what the disk has


class QueueSettings(_Table, frozen=True, kw_only=True):
    """[queues]: what holds for all of them"""

    delay_s_max: _DelayMax = DELAY_S_MAX  # of one message
    deleted_name_blocked_s: _Blocked = DELETED_NAME_BLOCKED_S  # 0: not at all


class RuleSettings(_Table, frozen=True, kw_only=True):
    """[rules]: what holds for all of them"""

    targets_max: _Targets = TARGETS_PER_RULE_MAX  # of one rule
    target_concurrency: _TargetConcurrency = RULE_TARGET_CONCURRENCY  # sent to one at a time
    log_file_mb: _LogFileMb = 64  # of a log group that rules write into
    log_files_kept: _LogFilesKept = 4  # full ones


class ScheduleSettings(_Table, frozen=True, kw_only=True):
    """[schedules]: what holds for all of them"""

    missed: Literal["run-once", "skip"] = "run-once"  # runs, while the broker was down


class LedgerSettings(_Table, frozen=True, kw_only=True):
    """[ledger]: what became of each event, for `broker why`"""

    days: _LedgerDays = LEDGER_DAYS  # 0: none
    events_max: _LedgerEvents = LEDGER_EVENTS  # of each namespace; also of attempts


class PriceSettings(_Table, frozen=True, kw_only=True):
    """[functions.prices]: what Lambda would have charged, x86 in us-east-1"""

    date: str = "2026-01-01"
    requests_per_million_usd: _Price = 0.20
    gb_second_usd: _Price = 0.0000166667
    free_requests: _Free = 1_000_000  # of a month
    free_gb_seconds: _Free = 400_000  # likewise


class FunctionSettings(_Table, frozen=True, kw_only=True):
    """[functions]"""

    concurrency: _Concurrency = ACCOUNT_CONCURRENCY
    allow_upload: bool = False  # of code, by whoever can connect
    upload_settings: dict[str, Any] = {}  # the invoker's, of every function made so
    log_mb: _FunctionLog = FUNCTION_LOG_MB
    prices: PriceSettings = PriceSettings()


class DeliverySettings(_Table, frozen=True, kw_only=True):
    """[deliveries]: to HTTP endpoints that are subscribed to topics"""

    concurrency: _Deliveries = DELIVERY_CONCURRENCY  # requests to one endpoint at a time
    backlog_max: _Backlog = DELIVERY_BACKLOG  # messages that may wait for one endpoint
    pause_after_s: _PauseAfter = PAUSE_AFTER_S
    age_s_max: _DeliveryAge = DELIVERY_AGE_S
    allowed_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    trusted_accounts: list[_Account] = []
    ca_file: str | None = None  # relative to the file


class LogSettings(_Table, frozen=True, kw_only=True):
    """[log]; `auto` is human on a terminal, else journald under systemd, else json"""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "human", "journald", "json"] = "auto"


class QueueTable(_Table, frozen=True, kw_only=True):
    """[[queue]]"""

    name: str
    delay_s: _Delay = 0
    maximum_message_size: _MessageSize = MESSAGE_BYTES_MAX
    retention_s: _Retention = 345_600
    receive_wait_time_s: _WaitTime = 0
    visibility_timeout_s: _Visibility = 30
    dead_letter_queue: str | None = None
    max_receive_count: _MaxReceiveCount | None = None
    # For FIFO queues, which are those whose names end in .fifo:
    content_based_deduplication: bool = False
    deduplication_scope: Literal["queue", "messageGroup"] = "queue"
    fifo_throughput_limit: Literal["perQueue", "perMessageGroupId"] = "perQueue"


class TopicTable(_Table, frozen=True, kw_only=True):
    """[[topic]]"""

    name: str
    display_name: _DisplayName = ""
    maximum_message_size: _TopicMessageSize = TOPIC_MESSAGE_BYTES_DEFAULT
    signature_version: Literal["1", "2"] | None = None
    delivery_policy: dict[str, Any] | None = None
    # For FIFO topics, which are those whose names end in .fifo:
    content_based_deduplication: bool = False
    fifo_throughput_scope: Literal["Topic", "MessageGroup"] = "Topic"
    archive_retention_days: _ArchiveDays | None = None


class SubscriptionTable(_Table, frozen=True, kw_only=True):
    """[[subscription]]: exactly one of `queue`, `function`, `url`, `to_topic`, `to_event_bus`"""

    topic: str
    queue: str | None = None
    function: str | None = None
    url: str | None = None
    to_topic: str | None = None
    to_event_bus: str | None = None
    raw_message_delivery: bool = False
    filter_policy: dict[str, Any] | str | None = None  # a table, or JSON text
    filter_policy_scope: Literal["MessageAttributes", "MessageBody"] = "MessageAttributes"
    dead_letter_queue: str | None = None
    # For `url`:
    delivery_policy: dict[str, Any] | None = None
    webhook_secret_file: str | None = None  # relative to the file


class EventBusTable(_Table, frozen=True, kw_only=True):
    """[[event_bus]]"""

    name: str
    description: str = ""
    dead_letter_queue: str | None = None  # None: its own
    keep_unmatched: bool = False  # events that no rule matched are dead letters, too


class DestinationTable(_Table, frozen=True, kw_only=True):
    """Who is told of an asynchronous invocation's end: exactly one of these four"""

    queue: str | None = None
    topic: str | None = None
    function: str | None = None
    event_bus: str | None = None

    def named(self) -> dict[str, str]:
        """What is named: by service, the resource as ARNs have it."""
        found = {
            "sqs": self.queue,
            "sns": self.topic,
            "lambda": self.function and f"function:{self.function}",
            "events": self.event_bus and f"event-bus/{self.event_bus}",
        }
        return {service: resource for service, resource in found.items() if resource is not None}


class TargetTable(DestinationTable, frozen=True, kw_only=True):
    """A target of a rule: exactly one of those of a destination, and this one"""

    api_destination: str | None = None  # made through EventBridge's API
    log_group: str | None = None
    # What is sent in place of the event, at most one of these:
    input: Any = None  # constant JSON
    input_path: str | None = None  # a part of it
    input_template: str | None = None  # a text, with `input_paths` by name
    input_paths: dict[str, str] = {}
    message_group_id: str | None = None  # in a FIFO queue
    dead_letter_queue: str | None = None
    events_per_second: _TargetRate | None = None
    # Of an API destination or a log group:
    concurrency: _TargetConcurrency | None = None  # events that it is sent at a time
    retry_attempts: _TargetRetries | None = None  # after the first
    maximum_event_age_s: _TargetEventAge | None = None

    def places(self) -> list[tuple[str, str]]:
        """Services, and the resources in them as ARNs have it: what is named."""
        places = [*self.named().items()]
        if self.api_destination is not None:
            places.append(("events", f"api-destination/{self.api_destination}"))
        if self.log_group is not None:
            places.append(("logs", f"log-group:{self.log_group}"))
        return places


class RuleTable(_Table, frozen=True, kw_only=True):
    """[[rule]]"""

    name: str
    event_bus: str = "default"
    pattern: dict[str, Any] | str | None = None  # a table, or JSON text
    schedule: str | None = None  # rate(...) or cron(...), of the default bus
    targets: list[TargetTable] = []
    enabled: bool = True
    description: str = ""


class ScheduleTable(_Table, frozen=True, kw_only=True):
    """[[schedule]]: exactly one of `queue`, `topic`, `function`, `event_bus`"""

    name: str
    expression: str  # at(...), rate(...) or cron(...)
    time_zone: str = "UTC"
    window_minutes: _Window | None = None
    queue: str | None = None
    topic: str | None = None
    function: str | None = None
    event_bus: str | None = None
    input: Any = None  # text, or what is sent as JSON; by default Scheduler's own event
    message_group_id: str | None = None  # in a FIFO queue
    source: str | None = None  # on an event bus
    detail_type: str | None = None  # likewise
    dead_letter_queue: str | None = None
    enabled: bool = True
    description: str = ""


class FunctionTable(_Table, frozen=True, kw_only=True):
    """[[function]]"""

    name: str
    invoker: str
    settings: dict[str, Any] = {}
    handler: str = ""
    timeout_s: _Timeout = 3.0
    memory_mb: _Memory = 128
    environment: dict[str, str] = {}
    description: str = ""
    reserved_concurrency: _Reserved | None = None
    retry_attempts: _Retries = 2
    retry_delays_s: tuple[_RetryDelay, ...] = (60.0, 120.0)
    maximum_event_age_s: _EventAge = 21_600
    dead_letter_queue: str | None = None
    on_success: DestinationTable | None = None
    on_failure: DestinationTable | None = None


class EventSourceMappingTable(_Table, frozen=True, kw_only=True):
    """[[event_source_mapping]]: a function is invoked with a queue's messages"""

    queue: str
    function: str
    batch_size: _BatchSize = 10
    window_s: _BatchWindow = 0  # how long a batch that isn't full waits for more
    filters: list[dict[str, Any] | str] = []  # patterns; what none of them matches is deleted
    maximum_concurrency: _MappingConcurrency | None = None
    report_batch_item_failures: bool = False
    enabled: bool = True


class Config(_Table, frozen=True, kw_only=True):
    """The whole file: settings, and resources to be there."""

    broker: BrokerSettings = BrokerSettings()
    http: HttpSettings = HttpSettings()
    store: StoreSettings = StoreSettings()
    queues: QueueSettings = QueueSettings()
    rules: RuleSettings = RuleSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    ledger: LedgerSettings = LedgerSettings()
    functions: FunctionSettings = FunctionSettings()
    deliveries: DeliverySettings = DeliverySettings()
    log: LogSettings = LogSettings()
    queue: list[QueueTable] = []
    topic: list[TopicTable] = []
    subscription: list[SubscriptionTable] = []
    event_bus: list[EventBusTable] = []
    rule: list[RuleTable] = []
    schedule: list[ScheduleTable] = []
    event_source_mapping: list[EventSourceMappingTable] = []
    function: list[FunctionTable] = []
