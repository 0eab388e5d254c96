"""counters of the running broker, in the registry that /metrics shows"""

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()

EVENTS = Counter("broker_events_total", "Events put on a bus.", registry=REGISTRY)
EVENTS_UNMATCHED = Counter(
    "broker_events_unmatched_total", "Events that no rule matched.", registry=REGISTRY
)
UNDELIVERABLE = Counter(
    "broker_undeliverable_total",
    "Deliveries to a queue, topic or function that isn't there.",
    registry=REGISTRY,
)
UNRECORDED = Counter(
    "broker_events_unrecorded_total",
    "Events, and attempts at deliveries, that no ledger took: it was turned off meanwhile.",
    registry=REGISTRY,
)
SCHEDULE_RUNS = Counter(
    "broker_schedule_runs_total",
    "Runs of schedules, by outcome: run, late (it was missed, and made up for), skipped (it was "
    "missed, and isn't made up for), sent (elsewhere, after its run), dead_lettered, lost.",
    ["outcome"],
    registry=REGISTRY,
)
INVOCATIONS = Counter(
    "broker_invocations_total",
    "Attempts to run a function, by outcome: success, function_error, timeout, unavailable.",
    ["function", "outcome"],
    registry=REGISTRY,
)
INVOCATION_SECONDS = Histogram(
    "broker_invocation_duration_seconds",
    "How long attempts took.",
    ["function"],
    registry=REGISTRY,
)
THROTTLES = Counter(
    "broker_throttles_total",
    "Invocations that met a concurrency limit or a target's own, by where they came from.",
    ["function", "source"],
    registry=REGISTRY,
)
RECURSIONS = Counter(
    "broker_recursive_invocations_total",
    "Invocations that weren't made, because the function had led to itself too often.",
    ["function"],
    registry=REGISTRY,
)
ABANDONED = Counter(
    "broker_invocations_abandoned_total",
    "Asynchronous invocations given up, by whether a dead-letter queue took them.",
    ["function", "dead_lettered"],
    registry=REGISTRY,
)
BATCHES = Counter(
    "broker_batches_total",
    "Batches that a pipe or an event source mapping took, by outcome: done, failed (or a part) or "
    "throttled.",
    ["taker", "outcome"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "broker_deliveries_total",
    "Attempts to deliver to HTTP endpoints, by outcome: delivered, failed, parked, refused; and "
    "messages that were given up: dead_lettered, lost.",
    ["topic", "outcome"],
    registry=REGISTRY,
)
LIVE_MISSED = Counter(
    "broker_live_events_missed_total",
    "Events that those who follow topics and buses live were too slow for; each was told.",
    registry=REGISTRY,
)
LOOP_BLOCKED = Counter(
    "broker_loop_blocked_total",
    "Times that the event loop was blocked for over a second, by the invoker that was at work.",
    ["invoker"],
    registry=REGISTRY,
)
DESERTED = Counter(
    "broker_invocations_deserted_total",
    "Attempts that an invoker didn't end when it was told to, and that nobody waits for any more.",
    ["invoker"],
    registry=REGISTRY,
)
