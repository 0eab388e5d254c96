"""/v1/queues/{name}/stream: receive as messages come, by WebSocket or server-sent events"""

from typing import Annotated

import msgspec

from broker.core.errors import (
    InvalidParameter,
    QueueDoesNotExist,
    StreamDoesNotExist,
    TooManyEntriesInBatch,
)
from broker.core.limits import STREAM_BATCH_MAX
from broker.edge.http.channel import Channel
from broker.edge.http.message import Response
from broker.edge.native.errors import NotAcceptable
from broker.edge.native.messages import queue_of
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.edge.native.server_sent_events import EVENT_STREAM
from broker.edge.native.stream_frames import (
    Credit,
    HeldFor,
    StreamRequest,
    TagError,
    tag_errors,
    to_asked,
)
from broker.edge.native.stream_response import Format, stream_response
from broker.edge.native.stream_sinks import EventStream, WebSocketStream
from broker.runtime.stream import StreamSettings

Events = Annotated[
    str,
    msgspec.Meta(
        description="Server-sent events named open, messages and end, each with a frame in JSON "
        "as its data. The same frames, and those that answer the client's, go over a WebSocket."
    ),
]


class StreamQuery(Shape, frozen=True, kw_only=True):
    """How much the stream may send, and how."""

    credit: Annotated[
        Credit, msgspec.Meta(description="How many messages the client may hold at once.")
    ] = 1_000
    batch: Annotated[
        int,
        msgspec.Meta(ge=1, le=STREAM_BATCH_MAX, description="How many may come in one frame."),
    ] = STREAM_BATCH_MAX
    visibility_timeout_s: Annotated[
        HeldFor | None, msgspec.Meta(description="The queue's by default.")
    ] = None
    format: Format = None


@operations.add(
    "GET",
    "/v1/queues/{name}/stream",
    query=StreamQuery,
    answers={101: None, 200: Events},
    answer_media=EVENT_STREAM,
    raises=(QueueDoesNotExist, NotAcceptable),
)
async def stream_messages(call: Call, name: str, query: StreamQuery) -> Response:
    """Receive messages as they come, over a WebSocket or as server-sent events.

    It is a WebSocket with `Upgrade: websocket`, and server-sent events with
    `Accept: text/event-stream`. When it ends, what the client held goes back into the queue.
    """
    queue = queue_of(call, name)
    timeout_s = query.visibility_timeout_s or queue.visibility_timeout_s
    if timeout_s == 0:
        raise InvalidParameter(
            "The queue's visibility timeout is 0, by which a stream would send the same messages "
            "again and again. Give visibility_timeout_s."
        )
    settings = StreamSettings(query.credit, query.batch, timeout_s)
    streams = call.broker.streams

    async def over_websocket(channel: Channel, media_type: str) -> None:
        with streams.open(call.namespace, name, settings) as stream:
            await WebSocketStream(channel, stream, media_type, call.origin).run()

    async def over_events(channel: Channel) -> None:
        with streams.open(call.namespace, name, settings) as stream:
            await EventStream(channel, stream, call.origin).run()

    return stream_response(call.request, query.format, over_websocket, over_events)


class Settled(Result, frozen=True, kw_only=True, omit_defaults=False):
    """All of it is done and on disk, but for these."""

    errors: list[TagError]


@operations.add(
    "POST",
    "/v1/queues/{name}/streams/{stream}",
    body=StreamRequest,
    binary=True,
    answers={200: Settled},
    raises=(QueueDoesNotExist, StreamDoesNotExist, TooManyEntriesInBatch),
)
async def settle_stream(call: Call, name: str, stream: str, request: StreamRequest) -> Settled:
    """Acknowledge, extend or release messages of a stream by their tags, or set its credit.

    For server-sent events, which go one way; answered when all is on disk.
    """
    asked = to_asked(request)
    found = call.broker.streams.find(call.namespace, name, stream)
    await found.wait_room()
    call.broker.streams.find(call.namespace, name, stream).ask(asked)
    await asked.done.wait()
    return Settled(errors=tag_errors(asked))
