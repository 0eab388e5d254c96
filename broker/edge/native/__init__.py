"""the native API: /v1 in plain JSON, with CloudEvents, bulk in msgpack, streams, and OpenAPI"""

# Imported for what they add to the operations.
from broker.edge.native import (
    bulk,
    chosen_messages,
    dead_letters,
    events,
    functions,
    messages,
    openapi,
    peek,
    queues,
    redrives,
    resend,
    scheduled,
    signing_certificates,
    statistics,
    status,
    streams,
    topics,
)
from broker.edge.native.api import NativeApi

__all__ = [
    "NativeApi",
    "bulk",
    "chosen_messages",
    "dead_letters",
    "events",
    "functions",
    "messages",
    "openapi",
    "peek",
    "queues",
    "redrives",
    "resend",
    "scheduled",
    "signing_certificates",
    "statistics",
    "status",
    "streams",
    "topics",
]
