"""/v1/topics/{name}/stream and /v1/event-buses/{name}/stream: follow live, without a queue"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, TypeVar

import msgspec

from broker.core.errors import EventBusDoesNotExist, InvalidParameter, TopicDoesNotExist
from broker.core.limits import EVENT_PATTERN_CHARS_MAX, LIVE_BUFFER_DEFAULT, LIVE_BUFFER_MAX
from broker.core.names import Namespace
from broker.core.pattern import InvalidEventPattern, Pattern, parse
from broker.edge.http.channel import Channel
from broker.edge.http.message import Response
from broker.edge.native.errors import NotAcceptable
from broker.edge.native.live_frames import EventBusOpened, TopicOpened, bus_events, topic_events
from broker.edge.native.live_stream import run_live
from broker.edge.native.operation import Call, Shape, operations
from broker.edge.native.server_sent_events import EVENT_STREAM, ServerSentEvents
from broker.edge.native.stream_response import Format, stream_response
from broker.edge.native.websocket import WebSocket
from broker.runtime.live import Follower

T = TypeVar("T")

Follow = Callable[[Namespace, str, Pattern | None, int], AbstractContextManager[Follower[T]]]

LiveFrames = Annotated[
    str,
    msgspec.Meta(
        description="Server-sent events named open, events, missed and end, each with a frame in "
        "JSON as its data. The same frames go over a WebSocket."
    ),
]


class FollowQuery(Shape, frozen=True, kw_only=True):
    """What is followed, and how."""

    filter: Annotated[
        Annotated[str, msgspec.Meta(max_length=EVENT_PATTERN_CHARS_MAX)] | None,
        msgspec.Meta(description="An event pattern in JSON: only what it matches is sent."),
    ] = None
    buffer: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=LIVE_BUFFER_MAX,
            description="How many events may wait to be sent; the oldest beyond that are missed.",
        ),
    ] = LIVE_BUFFER_DEFAULT
    format: Format = None


@operations.add(
    "GET",
    "/v1/topics/{name}/stream",
    query=FollowQuery,
    answers={101: None, 200: LiveFrames},
    answer_media=EVENT_STREAM,
    raises=(TopicDoesNotExist, InvalidEventPattern, InvalidParameter, NotAcceptable),
)
async def follow_topic(call: Call, name: str, query: FollowQuery) -> Response:
    """Follow what is published to a topic, from now on, without a queue.

    A WebSocket with `Upgrade: websocket`, server-sent events with `Accept: text/event-stream`.
    Nothing is stored for the client: one that is too slow is told how many messages it missed. The
    filter's document has message_id, topic_arn, subject, attributes as names with their values, and
    message, which is parsed if it is a JSON object or array.
    """
    call.broker.topics.get(call.namespace, name)
    opened = TopicOpened(topic=name, filter=query.filter, buffer=query.buffer)
    return _followed(call, name, query, call.broker.live.follow_topic, opened, topic_events)


@operations.add(
    "GET",
    "/v1/event-buses/{name}/stream",
    query=FollowQuery,
    answers={101: None, 200: LiveFrames},
    answer_media=EVENT_STREAM,
    raises=(EventBusDoesNotExist, InvalidEventPattern, InvalidParameter, NotAcceptable),
)
async def follow_event_bus(call: Call, name: str, query: FollowQuery) -> Response:
    """Follow what is put on an event bus, from now on, without a rule or a queue.

    A WebSocket with `Upgrade: websocket`, server-sent events with `Accept: text/event-stream`.
    Nothing is stored for the client: one that is too slow is told how many events it missed. The
    filter is matched against the event, as the pattern of a rule is.
    """
    call.broker.event_buses.get(call.namespace, name)
    opened = EventBusOpened(bus=name, filter=query.filter, buffer=query.buffer)
    return _followed(call, name, query, call.broker.live.follow_bus, opened, bus_events)


def _followed(
    call: Call,
    name: str,
    query: FollowQuery,
    follow: Follow[T],
    opened: msgspec.Struct,
    frame: Callable[[list[T]], msgspec.Struct],
) -> Response:
    pattern = None if query.filter is None else parse(query.filter)

    async def over_websocket(channel: Channel, media_type: str) -> None:
        with follow(call.namespace, name, pattern, query.buffer) as follower:
            way = WebSocket(channel, media_type, follower.leave)
            await run_live(way, follower, opened, frame)

    async def over_events(channel: Channel) -> None:
        with follow(call.namespace, name, pattern, query.buffer) as follower:
            await run_live(ServerSentEvents(channel, follower.leave), follower, opened, frame)

    return stream_response(call.request, query.format, over_websocket, over_events)
