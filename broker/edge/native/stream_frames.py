"""what goes back and forth on a stream: frames, the same over WebSocket and server-sent events"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from broker.core import message as messages
from broker.core.commands import Received
from broker.core.errors import (
    BrokerError,
    InvalidParameter,
    MissingParameter,
    TooManyEntriesInBatch,
)
from broker.core.limits import (
    STREAM_CREDIT_MAX,
    STREAM_TAGS_MAX,
    VISIBILITY_TIMEOUT_S_MAX,
)
from broker.core.system_attributes import system_attributes
from broker.edge.native.errors import MalformedRequest
from broker.edge.native.message import Attribute, shown_attributes
from broker.edge.native.messages import HANDLE_ERRORS
from broker.edge.native.operation import Result, Shape
from broker.edge.native.problems import to_problem
from broker.runtime.ids import uuid_texts
from broker.runtime.stream import Asked, Ending, Stream

# A tag that is unknown is told, and msgpack has no larger numbers.
Tag = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Tags = Annotated[list[Tag], msgspec.Meta(max_length=STREAM_TAGS_MAX)]
Credit = Annotated[int, msgspec.Meta(ge=0, le=STREAM_CREDIT_MAX)]
HeldFor = Annotated[int, msgspec.Meta(ge=1, le=VISIBILITY_TIMEOUT_S_MAX)]


# From the client


class StreamRequest(Shape, frozen=True, kw_only=True):
    """What a client asks of its stream: any of these, together."""

    ack: Annotated[Tags, msgspec.Meta(description="Delete these: they are done with.")] = []
    extend: Annotated[Tags, msgspec.Meta(description="Keep these hidden for longer.")] = []
    visibility_timeout_s: Annotated[
        HeldFor | None, msgspec.Meta(description="For how long from now; goes with extend.")
    ] = None
    release: Annotated[Tags, msgspec.Meta(description="Give these back, visible at once.")] = []
    spend_receive: Annotated[
        bool | None, msgspec.Meta(description="Whether that counts as a receive; no by default.")
    ] = None
    credit: Annotated[
        Credit | None, msgspec.Meta(description="How many messages may be held from now on.")
    ] = None


def to_asked(request: StreamRequest, frame: int = 0) -> Asked:
    """A request as the stream takes it.

    Raises: MalformedRequest, MissingParameter, InvalidParameter, TooManyEntriesInBatch.
    """
    if not (request.ack or request.extend or request.release or request.credit is not None):
        raise MalformedRequest("There is nothing in it: name ack, extend, release or credit.")
    if request.extend and request.visibility_timeout_s is None:
        raise MissingParameter("extend needs visibility_timeout_s.")
    if request.visibility_timeout_s is not None and not request.extend:
        raise InvalidParameter("visibility_timeout_s goes with extend, and there is none.")
    if request.spend_receive is not None and not request.release:
        raise InvalidParameter("spend_receive goes with release, and there is none.")
    asked = Asked(
        request.ack,
        request.extend,
        request.visibility_timeout_s or 0,
        request.release,
        bool(request.spend_receive),
        request.credit,
        frame,
    )
    if asked.weight > STREAM_TAGS_MAX:
        raise TooManyEntriesInBatch(f"There may be {STREAM_TAGS_MAX} tags, not {asked.weight}.")
    return asked


# From the broker


class Opened(Result, frozen=True, kw_only=True, tag_field="type", tag="open"):
    """The first frame: the stream and its settings."""

    stream: str
    queue: str
    credit: int
    batch: int
    visibility_timeout_s: int


class StreamMessage(Result, frozen=True, kw_only=True, gc=False):
    """A message, and the tag to settle it by."""

    tag: int
    message_id: str
    body: str
    attributes: dict[str, Attribute] = {}
    system_attributes: dict[str, str] = {}  # SenderId and such
    sent_at_ms: int
    first_received_at_ms: int
    receive_count: int  # this receive included
    dead_letter_source_arn: str | None = None


class Messages(Result, frozen=True, kw_only=True, tag_field="type", tag="messages"):
    """Messages, hidden from other receivers until they are settled or their time is up."""

    messages: list[StreamMessage]


class TagError(Result, frozen=True, kw_only=True):
    """Why what was asked for one message wasn't done."""

    tag: int
    status: int
    code: str
    detail: str


class Confirmed(Result, frozen=True, kw_only=True, tag_field="type", tag="confirmed"):
    """What the client asked for up to its frame of this number is done, and on disk."""

    frame: int  # the client's frames count from 1
    errors: list[TagError] = []


class Refused(Result, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A frame of the client that was not understood, of which nothing was done."""

    frame: int
    status: int
    code: str
    detail: str


class Ended(Result, frozen=True, kw_only=True, tag_field="type", tag="end"):
    """No more messages come."""

    code: str
    detail: str


def opened(stream: Stream) -> Opened:
    """The frame that begins a stream."""
    settings = stream.settings
    return Opened(
        stream=stream.id,
        queue=stream.queue,
        credit=settings.credit,
        batch=settings.batch,
        visibility_timeout_s=settings.visibility_timeout_s,
    )


def to_messages(first_tag: int, received: Sequence[Received], origin: str) -> Messages:
    """A frame of messages; `origin` is `http://host` by which we were reached."""
    ids = uuid_texts([one.message_id for one in received])
    found = []
    for tag, (message_id, one) in enumerate(zip(ids, received, strict=True), first_tag):
        message = messages.rendered(messages.decode(one.body), one.via, origin)
        found.append(
            StreamMessage(
                tag=tag,
                message_id=message_id,
                body=message.body,
                attributes=shown_attributes(message.attributes) if message.attributes else {},
                system_attributes=system_attributes(message, one),
                sent_at_ms=one.sent_at_ms,
                first_received_at_ms=one.first_received_at_ms,
                receive_count=one.receive_count,
                dead_letter_source_arn=one.dead_letter_source_arn,
            )
        )
    return Messages(messages=found)


def tag_errors(asked: Asked) -> list[TagError]:
    """What of that was not done."""
    return [
        _tag_error(tag, why if isinstance(why, BrokerError) else HANDLE_ERRORS[why])
        for tag, why in asked.refused
    ]


def refused(frame: int, error: BrokerError) -> Refused:
    """The answer to a frame that was not understood."""
    problem = to_problem(error)
    return Refused(frame=frame, status=problem.status, code=problem.code, detail=problem.detail)


def ended(ending: Ending) -> Ended:
    """The last frame."""
    return Ended(code=ending.code, detail=ending.detail)


def _tag_error(tag: int, error: BrokerError) -> TagError:
    problem = to_problem(error)
    return TagError(tag=tag, status=problem.status, code=problem.code, detail=problem.detail)
