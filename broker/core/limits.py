"""every limit, in one place, with its source"""

KIB = 1024
MIB = 1024 * KIB

# Queues (SQS developer guide, quotas; API reference)
BATCH_ENTRIES_MAX = 10
BATCH_BYTES_MAX = MIB
MESSAGE_BYTES_MAX = MIB
MESSAGE_BYTES_MIN_SETTING = KIB
MESSAGE_ATTRIBUTES_MAX = 10
RECEIVE_COUNT_MAX = 10  # messages a receive may return
DELAY_S_MAX = 900
DELIVER_AT_SPREAD_MS = 64  # our own: of what is to come at one moment, the store takes slices
LONG_DELAY_S_MAX = 400 * 86_400  # where the configuration allows longer delays (our own)
VISIBILITY_TIMEOUT_S_MAX = 43_200
WAIT_TIME_S_MAX = 20
RETENTION_S_MIN, RETENTION_S_MAX = 60, 1_209_600
MAX_RECEIVE_COUNT_MAX = 1_000  # of a redrive policy
PURGE_INTERVAL_MS = 60_000
IN_FLIGHT_MAX = 120_000
DEDUPLICATION_MS = 300_000  # also of receives' attempt ids
MOVE_RATE_MAX = 500  # messages per second of a message move task
MOVE_TASKS_MAX = 100  # active ones of an account
LIST_MOVE_TASKS_MAX = 10
MOVE_SLICE = 200  # messages that a task moves in one step (our own)
LIST_QUEUES_MAX = 1_000
DELETED_NAME_BLOCKED_S = 60  # before a deleted queue's name can be had again
DELETED_NAME_BLOCKED_S_MAX = 3_600  # as a setting (our own)
SOURCE_QUEUE_ARNS_MAX = 10  # of a redrive allow policy
MESSAGE_GROUP_ID_CHARS_MAX = 128  # also of deduplication ids and receive request attempt ids
KMS_REUSE_S_MIN, KMS_REUSE_S_MAX, KMS_REUSE_S_DEFAULT = 60, 86_400, 300  # of a data key
TAGS_MAX = 50
TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX = 128, 256
# Of a queue's policy:
POLICY_BYTES_MAX = 8_192
POLICY_STATEMENTS_MAX = 20
POLICY_PRINCIPALS_MAX = 50
POLICY_CONDITIONS_MAX = 10
POLICY_ACTIONS_MAX = 7  # of one statement

# Topics (SNS quotas)
TOPIC_MESSAGE_BYTES_DEFAULT = 256 * KIB
SUBJECT_CHARS_MAX = 99
TOPIC_MESSAGE_BYTES_MAX = MIB
TOPIC_POLICY_BYTES_MAX = 30 * KIB  # also of a data protection policy
WIDE_MESSAGE_SUBSCRIPTIONS_MAX = 100  # of a topic whose messages may be longer than the default
DISPLAY_NAME_CHARS_MAX = 100
LIST_PAGE = 100
FIFO_TOPIC_SUBSCRIPTIONS_MAX = 100
ARCHIVE_RETENTION_DAYS_MAX = 365
CONFIRMATION_S = 3 * 86_400  # for an endpoint to confirm, or restore, its subscription
HOPS_MAX = 5  # between topics and event buses that follow each other (our own)
FILTER_POLICIES_PER_TOPIC_MAX = 100_000  # our own: SNS has 200, this matcher takes more

# HTTP endpoints (SNS developer guide, delivery retries; what is our own is marked)
DELIVERY_TIMEOUT_S = 15.0  # for an answer
DELIVERY_REDIRECTS_MAX = 3  # our own
DELIVERY_CONCURRENCY = 10  # requests to one endpoint at a time (our own)
DELIVERY_CONCURRENCY_MAX = 1_000
DELIVERY_BACKLOG = 1_000_000  # messages that may wait for one endpoint (our own)
DELIVERY_BACKLOG_MAX = 100_000_000
DELIVERY_AGE_S = 1_209_600  # a delivery that is older is given up, whatever it waited for (our own)
DELIVERY_ANSWERS_KEPT = 10  # of an endpoint, to be shown (our own)
DELIVERY_ANSWER_BYTES_MAX = 64 * KIB  # of a body that are read (our own)
PAUSE_AFTER_S = 3_600  # an endpoint that has failed for so long is paused (our own)
PROBE_S_MIN, PROBE_S_MAX = 60, 900  # between two attempts at a paused endpoint (our own)
SIGNING_CERTIFICATES_MAX = 1_000  # that are kept (our own)
# Of a filter policy:
FILTER_POLICY_BYTES_MAX = 256 * KIB
FILTER_POLICY_KEYS_MAX = 5
FILTER_POLICY_COMBINATIONS_MAX = 150
FILTER_POLICY_NUMBER_MAX = 10**9  # either sign
# Of a delivery policy:
DELIVERY_RETRIES_MAX = 100
DELIVERY_DELAY_TARGET_S_MIN, DELIVERY_DELAY_TARGET_S_MAX = 1, 3_600
DELIVERY_RETRIES_TOTAL_S_MAX = 3_600

# Rules (EventBridge quotas)
EVENT_ENTRIES_MAX = 10
EVENT_BYTES_MAX = MIB  # of all entries of one PutEvents
EVENT_RESOURCE_CHARS_MAX = 2_048
EVENT_PATTERN_CHARS_MAX = 4_096
EVENT_BUS_NAME_CHARS_MAX = 256
ARCHIVE_NAME_CHARS_MAX = 48
RULE_NAME_CHARS_MAX = 64  # also of a replay, a connection, an API destination, a target's id
ROLE_ARN_CHARS_MAX = 1_600  # of a rule
DESCRIPTION_CHARS_MAX = 512  # of a bus, a rule, an archive, a connection
ARCHIVE_DAYS_MAX = 36_500  # our own; also what "for ever" is
REPLAY_SLICE = 200  # events of an archive that are replayed in one step (our own)
REPLAY_RATE_MAX = 100_000  # events per second (our own)
LEDGER_DAYS = 3.0  # our own, as all of the ledger
LEDGER_DAYS_MAX = 400.0
LEDGER_EVENTS = 1_000_000
LEDGER_EVENTS_MAX = 100_000_000
API_DESTINATION_TIMEOUT_S = 5.0  # for an answer, the way to it included
API_DESTINATION_RATE = 300  # requests per second
API_DESTINATION_RATE_MAX = 100_000  # our own
CONNECTION_PARAMETERS_MAX = 100
EVENT_BUS_POLICY_BYTES_MAX = 10_240
TARGETS_PER_RULE_MAX = 5
TARGETS_PER_RULE_BOUND = 100  # what TARGETS_PER_RULE_MAX can be set to (our own)
TARGET_GROUP_ID_CHARS_MAX = 100
EVENT_RETRY_ATTEMPTS_MAX = 185  # after the first; also how many are made by default
EVENT_RETRY_AGE_S_MIN, EVENT_RETRY_AGE_S_MAX = 60, 86_400
TARGET_ENTRIES_MAX = 100  # of one PutTargets or RemoveTargets
INPUT_CHARS_MAX = 8_192  # also of a template
INPUT_PATHS_MAX = 100
INPUT_PATH_CHARS_MAX = 256
INPUT_PATH_NAME_CHARS_MAX = 256

# Targets of rules that are sent events one by one (ours)
RULE_TARGET_CONCURRENCY = 10
RULE_TARGET_CONCURRENCY_MAX = 1_000
RULE_TARGET_RATE_MAX = 10_000

# Log groups that rules write into (ours)
LOG_FILE_MB_MAX = 1_024
LOG_FILES_KEPT_MAX = 100

# Pipes and event source mappings (models of `pipes` and `lambda`)
FILTERS_MAX = 5
FILTER_CHARS_MAX = 4_096
BATCH_SIZE_MAX = 10_000
FIFO_BATCH_SIZE_MAX = 10
BATCH_WINDOW_S_MAX = 300
PIPES_MAX = 1_000  # of a namespace
PIPE_INPUT_CHARS_MAX = 8_192
POLLER_CONCURRENCY = 5  # batches at a time, at first
POLLER_CONCURRENCY_MAX = 1_000
MAPPING_CONCURRENCY_MIN = 2

# Schedules (EventBridge Scheduler quotas and API reference)
SCHEDULE_INPUT_BYTES_MAX = 256 * KIB
SCHEDULE_EXPRESSION_CHARS_MAX = 256
TIME_ZONE_CHARS_MAX = 50
SCHEDULE_DESCRIPTION_CHARS_MAX = 512
SCHEDULE_WINDOW_MINUTES_MAX = 1_440
SCHEDULE_START_PAST_S_MAX = 300  # so long ago a start date may be
SCHEDULE_GROUP_ID_CHARS_MAX = 128
SCHEDULES_MAX = 1_000_000  # of a namespace
SCHEDULE_GROUPS_MAX = 500
SCHEDULE_GROUP_TAGS_MAX = 50
LIST_SCHEDULES_MAX = 100  # of one answer
SCHEDULE_DELETION_SLICE = 500  # schedules of a group that go in one commit (our own)

# Functions (Lambda quotas)
PAYLOAD_SYNC_BYTES_MAX = 6 * MIB
PAYLOAD_ASYNC_BYTES_MAX = MIB
FUNCTION_TIMEOUT_S_MAX = 900
MEMORY_MB_MIN, MEMORY_MB_MAX = 128, 10_240
ACCOUNT_CONCURRENCY = 1_000
ACCOUNT_CONCURRENCY_MAX = 100_000  # our own: what one machine could ever run
UNRESERVED_CONCURRENCY_MIN = 100  # of the account's; a tenth of it, if that is less (our own)
ENVIRONMENT_BYTES_MAX = 4_096
LIST_PAGE_FUNCTIONS, LIST_PAGE_FUNCTIONS_MAX = 50, 10_000
CODE_ZIPPED_BYTES_MAX = 52_428_800
CODE_UNZIPPED_BYTES_MAX = 262_144_000
CODE_FILES_MAX = 100_000  # our own
RECURSIONS_MAX = 16  # invocations of one function that lead to one another
LINEAGE_FUNCTIONS_MAX = 30  # that a trace header tells of: as many as fit in it (our own)
TRACE_HEADER_CHARS_MAX = 500  # PutEvents
SCALING_BURST = 1_000  # executions that a function may begin to have at once
SCALING_PER_S = 100  # and more of them each second
SCALING_FORGOTTEN_S = 300  # without any (our own)
RETRY_ATTEMPTS_MAX = 2  # of an asynchronous invocation, after the first
EVENT_AGE_S_MIN, EVENT_AGE_S_MAX = 60, 21_600
RETRY_AFTER_S_MAX = 86_400  # that a throttled target may ask for (our own)
LOG_TAIL_BYTES = 4 * KIB  # returned with an invocation
LOG_KEPT_BYTES = 64 * KIB  # of one invocation (our own)
LOG_LINE_BYTES_MAX = 256 * KIB  # a longer one is cut in two (CloudWatch Logs)
LOG_GATHERED_BYTES_MAX = 8 * MIB  # of one function, until they are written (our own)
LOG_PAGE_BYTES = MIB  # of a log, that are read at a time (our own)
LOG_LINES_MAX = 10_000  # asked for at a time (our own)
FUNCTION_LOG_MB = 10  # of each function, and as much of the full one before (our own)
USAGE_DAYS = 400  # for which is known what functions used (our own)

# The store (our own)
COMMIT_ENTRIES_MAX = 5_000
COMMIT_BYTES_MAX = 16 * MIB
FAN_OUT_TARGETS_MAX = 1_000  # a wider publish is expanded in slices of this
RECLAIM_SLICE = 1_000  # entries a housekeeping step may drop or move in one commit
FORGET_STEP_MS = 5_000  # what queues remember is forgotten at multiples of this
SETTLE_SLICE = 20_000  # entries that are counted as visible in one step
RESERVE_FRACTION = 0.05  # of the quota, kept for receives, deletes and expiry
ALLOCATION_STEP_BYTES = 16 * MIB
QUOTA_MB_MIN, QUOTA_MB_MAX = 16, 1 << 20  # the map is 1 TiB
# Claimed ahead of need: the largest commit, which pages may double, and then one step more for the
# receives and deletes that follow it.
ALLOCATION_AHEAD_BYTES = 2 * COMMIT_BYTES_MAX + ALLOCATION_STEP_BYTES
OUTSTANDING_BYTES_MAX = 64 * MIB  # sent to the store and not yet answered

# The edge (DESIGN, bounds; header limits are those of common servers)
AWS_BODY_BYTES_MAX = 8 * MIB
CODE_BODY_BYTES_MAX = 70 * MIB  # a zip file in base64
NATIVE_BODY_BYTES_MAX = 16 * MIB
BULK_MESSAGES_MAX = 10_000
PEEK_COUNT_MAX = 1_000  # messages of one answer
PEEK_PAGE = 250  # messages the store looks at before others get their turn
PEEK_SCAN_MAX = 20_000  # messages one filtered request looks at, then it answers where to go on
PEEK_SCAN_BYTES_MAX = 64 * MIB
PEEK_SCAN_S = 2.0
PEEK_ANSWER_BYTES = 8 * MIB  # of bodies; a page that goes beyond it is the last of an answer
JSON_PATH_CHARS_MAX = 1_024
JSON_PATH_PAGE_S = 5.0  # for a page of messages
JSON_PATH_PROCESSES_MAX = 2
CHOSEN_MESSAGES_MAX = 1_000  # that one request redrives, discards or resends
RESEND_PART = 16  # messages of a resend that are held in memory at once
DEAD_LETTER_CAUSES_MAX = 1_000  # of one answer
DEAD_LETTER_SAMPLE = 3  # messages that stand for all of a cause
MESSAGE_IDS_MAX = 100  # that one peek looks for
HEADER_BYTES_MAX = 64 * KIB
HEADERS_MAX = 200
QUERY_PARAMETERS_MAX = 1_000
CONNECTIONS_MAX = 16_000
METRICS_QUEUES_MAX = 1_000  # with counters of their own; the others share one
SHUTDOWN_GRACE_S_MAX = 3_600

# Streams (our own)
STREAM_CREDIT_MAX = 20_000  # messages that one may hold: what bounds its memory
STREAM_BATCH_MAX = 1_000  # messages of one frame
STREAM_FRAME_BYTES = MIB  # of bodies in one frame, or one message that is larger
STREAM_REQUEST_BYTES_MAX = MIB  # of one frame from a client
STREAM_TAGS_MAX = COMMIT_ENTRIES_MAX  # of one frame from a client, which is one commit
STREAM_REQUESTS_MAX = 64  # of one stream that wait for their commit; then it isn't read
STREAM_HEARTBEAT_S = 20.0  # below the idle timeouts of common proxies, 30 s and more
STREAM_DRAIN_S = 5.0  # for a client to acknowledge what it holds when the daemon stops
STREAM_CLOSE_S = 5.0  # for a client to answer the end of its stream

# Following topics and event buses live (our own)
LIVE_BUFFER_MAX = 10_000  # events that wait for one reader
LIVE_BUFFER_DEFAULT = 1_000
LIVE_BUFFER_BYTES = 4 * MIB  # of their text
LIVE_BATCH_MAX = 1_000  # events of one frame, of STREAM_FRAME_BYTES or one that is larger
