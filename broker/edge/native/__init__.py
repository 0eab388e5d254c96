"""the native API: /v1 in plain JSON, with CloudEvents, bulk bodies in msgpack, and OpenAPI"""

from broker.edge.native import bulk, events, messages, openapi, topics  # the operations
from broker.edge.native.api import NativeApi

__all__ = ["NativeApi", "bulk", "events", "messages", "openapi", "topics"]
