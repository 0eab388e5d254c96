"""/v1/queues/{name}/messages: look at messages without receiving them, all or those that are wanted

A filter may match nothing in millions of messages. So a request looks at so many, page by page and
with others' commands in between, and then answers with what it has and with where to go on: an
answer without messages is not the end unless its `next` is null.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
import trio

from broker.core import message as messages
from broker.core.commands import Peeked
from broker.core.errors import InvalidParameter, QueueDoesNotExist
from broker.core.limits import (
    JSON_PATH_CHARS_MAX,
    PEEK_ANSWER_BYTES,
    PEEK_COUNT_MAX,
    PEEK_PAGE,
    PEEK_SCAN_BYTES_MAX,
    PEEK_SCAN_MAX,
    PEEK_SCAN_S,
)
from broker.core.message import Message
from broker.core.names import uuid_text
from broker.core.resources import Queue
from broker.core.system_attributes import system_attributes
from broker.edge.native.json_path import JsonPath, trying
from broker.edge.native.message import Attribute, shown_attributes
from broker.edge.native.messages import queue_of
from broker.edge.native.operation import Call, Result, Shape, operations


class Peek(Shape, frozen=True, kw_only=True):
    """How many messages to look at, behind which one to begin, and which are wanted."""

    count: Annotated[int, msgspec.Meta(ge=1, le=PEEK_COUNT_MAX)] = 10
    after: Annotated[
        str, msgspec.Meta(description="The `next` of an earlier page, or a message's `cursor`.")
    ] = ""
    text: Annotated[str, msgspec.Meta(description="What the body contains, as it is.")] = ""
    attribute: Annotated[
        str,
        msgspec.Meta(
            description="NAME=VALUE: a message attribute, its binary value in base64, or a system "
            "attribute. May be repeated; a message is wanted if it has them all."
        ),
    ] = ""
    json_path: Annotated[
        str,
        msgspec.Meta(
            max_length=JSON_PATH_CHARS_MAX,
            description="RFC 9535; the body is JSON in which it selects something.",
        ),
    ] = ""
    message_id: str = ""


class PeekedMessage(Result, frozen=True, kw_only=True):
    """A message as it lies in its queue."""

    message_id: str
    body: str
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    system_attributes: dict[str, str] = msgspec.field(default_factory=dict)
    state: str  # visible, in_flight or delayed
    sent_at_ms: int
    visible_at_ms: int
    receive_count: int
    dead_letter_source_arn: str | None = None
    cursor: str  # where it lies, until it is received or hidden


class PeekedMessages(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Part of a queue; `next` is null after the last one, however few messages were wanted."""

    messages: list[PeekedMessage]
    scanned: int  # how many were looked at
    next: str | None = None


@operations.add(
    "GET",
    "/v1/queues/{name}/messages",
    query=Peek,
    answers={200: PeekedMessages},
    raises=(QueueDoesNotExist,),
)
async def peek_messages(call: Call, name: str, query: Peek) -> PeekedMessages:
    """Look at messages in the order in which they become visible; changes nothing.

    Visible ones that have a group come first, group by group. With a filter, a request looks at a
    bounded number of messages: go on with `next` until it is null. Messages that are received or
    come back meanwhile may be seen twice or not at all.
    """
    queue = queue_of(call, name)
    wanted = _Wanted(query.text, _attributes(call), query.message_id)
    async with _perhaps_trying(query.json_path) as json_path:
        scan = _Scan(call, queue, query.count, wanted, json_path, _cursor(query.after))
        ended = await scan.run()
    return PeekedMessages(
        messages=scan.found,
        scanned=scan.scanned,
        next=None if ended else _cursor_text(scan.cursor),
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which messages are wanted; what is empty restricts nothing."""

    text: str
    attributes: list[tuple[str, str]]
    message_id: str

    def __bool__(self) -> bool:
        return bool(self.text or self.attributes or self.message_id)

    def matches(self, peeked: Peeked, message: Message) -> bool:
        return (
            (not self.message_id or uuid_text(peeked.message_id) == self.message_id)
            and self.text in message.body
            and all(_has(message, peeked, name, value) for name, value in self.attributes)
        )


def _has(message: Message, peeked: Peeked, name: str, value: str) -> bool:
    if system_attributes(message, peeked).get(name) == value:
        return True
    attribute = (message.attributes or {}).get(name)
    if attribute is None:
        return False
    if attribute.binary_value is not None:
        return base64.b64encode(attribute.binary_value).decode() == value
    return attribute.string_value == value


@dataclass(slots=True)
class _Scan:
    """A walk through a queue that ends with enough found, enough looked at, or the queue."""

    call: Call
    queue: Queue
    count: int
    wanted: _Wanted
    json_path: JsonPath | None
    cursor: bytes
    found: list[PeekedMessage] = field(default_factory=list)
    scanned: int = 0
    _scanned_bytes: int = 0
    _found_bytes: int = 0

    async def run(self) -> bool:
        """Whether the queue's end was reached."""
        queues = self.call.broker.queues
        deadline = trio.current_time() + PEEK_SCAN_S
        filtered = bool(self.wanted) or self.json_path is not None
        while True:
            left = self.count - len(self.found)
            # The store may give fewer if they are large, so that only an empty page is the end.
            page = await queues.peek(
                self.call.namespace,
                self.queue.name,
                PEEK_PAGE if filtered else min(left, PEEK_PAGE),
                self.cursor,
            )
            if not page:
                return True
            await self._look_at(page)
            if (
                len(self.found) >= self.count
                or self.scanned >= PEEK_SCAN_MAX
                or self._scanned_bytes >= PEEK_SCAN_BYTES_MAX
                or self._found_bytes >= PEEK_ANSWER_BYTES
                or trio.current_time() >= deadline
            ):
                return False

    async def _look_at(self, page: list[Peeked]) -> None:
        """Take what is wanted, and no more than is still to be found."""
        rendered = [
            messages.rendered(messages.decode(peeked.body), peeked.via, self.call.origin)
            for peeked in page
        ]
        good = [
            self.wanted.matches(peeked, message)
            for peeked, message in zip(page, rendered, strict=True)
        ]
        if self.json_path is not None:
            candidates = [n for n, matches in enumerate(good) if matches]
            selected = await self.json_path.selects([rendered[n].body for n in candidates])
            for n, selects in zip(candidates, selected, strict=True):
                good[n] = selects
        for peeked, message, matches in zip(page, rendered, good, strict=True):
            self.scanned += 1
            self._scanned_bytes += len(peeked.body)
            self.cursor = peeked.cursor
            if matches:
                self._found_bytes += len(peeked.body)
                self.found.append(self._shown(peeked, message))
                if len(self.found) == self.count:
                    return

    def _shown(self, peeked: Peeked, message: Message) -> PeekedMessage:
        if peeked.in_flight:
            state = "in_flight"
        else:
            now_ms = self.call.broker.now_ms()
            state = "delayed" if peeked.visible_at_ms > now_ms else "visible"
        return PeekedMessage(
            message_id=uuid_text(peeked.message_id),
            body=message.body,
            attributes=shown_attributes(message.attributes),
            system_attributes=system_attributes(message, peeked),
            state=state,
            sent_at_ms=peeked.sent_at_ms,
            visible_at_ms=peeked.visible_at_ms,
            receive_count=peeked.receive_count,
            dead_letter_source_arn=peeked.dead_letter_source_arn,
            cursor=_cursor_text(peeked.cursor),
        )


@asynccontextmanager
async def _perhaps_trying(path: str) -> AsyncIterator[JsonPath | None]:
    if not path:
        yield None
        return
    async with trying(path) as json_path:
        yield json_path


def _attributes(call: Call) -> list[tuple[str, str]]:
    """All that were given: `Request.query` has only the last. Raises: InvalidParameter."""
    found = []
    for key, text in parse_qsl(call.request.raw_query.decode(), keep_blank_values=True):
        if key == "attribute" and text:
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise InvalidParameter("The parameter attribute must be NAME=VALUE.")
            found.append((name, value))
    return found


def _cursor_text(cursor: bytes) -> str:
    return base64.urlsafe_b64encode(cursor).decode().rstrip("=")


def _cursor(text: str) -> bytes:
    """What was given out; of what wasn't, something that the store refuses."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b"?"
