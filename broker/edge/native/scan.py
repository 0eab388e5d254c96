"""a walk through a queue for messages that are wanted, in requests of bounded length

A filter may match nothing in millions of messages. So a request looks at so many, page by page and
with others' commands in between, and then answers with what it has and with where to go on: an
answer without messages is not the end unless its `next` is null.
"""

import base64
import binascii
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
import trio

from broker.core import message as messages
from broker.core.commands import Peeked
from broker.core.dead_letter_cause import DeadLetterCause, cause_of
from broker.core.errors import InvalidParameter
from broker.core.limits import (
    JSON_PATH_CHARS_MAX,
    MESSAGE_IDS_MAX,
    PEEK_ANSWER_BYTES,
    PEEK_PAGE,
    PEEK_SCAN_BYTES_MAX,
    PEEK_SCAN_MAX,
    PEEK_SCAN_S,
)
from broker.core.message import Message
from broker.core.names import uuid_text
from broker.core.system_attributes import system_attributes
from broker.edge.native.json_path import JsonPath, trying
from broker.edge.native.operation import Call, Shape


class Filters(Shape, frozen=True, kw_only=True):
    """Where to begin, and which messages are wanted: those that satisfy all that is given."""

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
    message_id: Annotated[
        str,
        msgspec.Meta(
            description=f"May be repeated, up to {MESSAGE_IDS_MAX} times; a message is wanted if "
            "it has one of them."
        ),
    ] = ""
    source: Annotated[
        str,
        msgspec.Meta(
            description="Of dead letters: the queue or rule that gave them up, by name or ARN."
        ),
    ] = ""
    cause: Annotated[
        str,
        msgspec.Meta(
            description="Of dead letters: part of the cause, as it is listed or as it was written."
        ),
    ] = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A message that is wanted."""

    peeked: Peeked
    message: Message  # as a receiver gets it
    cause: DeadLetterCause | None


Take = Callable[[Found], bool]  # whether there is room for another one


@dataclass(frozen=True, slots=True)
class Scanned:
    """How far a request came."""

    scanned: int  # how many messages were looked at
    next: str | None  # None: that was the end


async def scan(call: Call, queue: str, filters: Filters, take: Take, count: int) -> Scanned:
    """Hand over what is wanted until that is enough, enough was looked at, or the queue ends.

    `count` says how many will be enough at most. Raises: InvalidParameter, QueueDoesNotExist.
    """
    wanted = _Wanted(
        filters.text,
        _attributes(call),
        _message_ids(call),
        filters.source,
        filters.cause,
    )
    async with _perhaps_trying(filters.json_path) as json_path:
        walk = _Walk(call, queue, wanted, json_path, take, cursor_bytes(filters.after))
        ended = await walk.run(count)
    return Scanned(walk.scanned, None if ended else cursor_text(walk.cursor))


def cursor_text(cursor: bytes) -> str:
    """A cursor as it is answered."""
    return base64.urlsafe_b64encode(cursor).decode().rstrip("=")


def cursor_bytes(text: str) -> bytes:
    """What was given out; of what wasn't, something that the store refuses."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b"?"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which messages are wanted; what is empty restricts nothing."""

    text: str
    attributes: list[tuple[str, str]]
    message_ids: frozenset[str]
    source: str
    cause: str

    def __bool__(self) -> bool:
        return bool(self.text or self.attributes or self.message_ids or self.source or self.cause)

    def matches(self, found: Found) -> bool:
        peeked, message, cause = found.peeked, found.message, found.cause
        return (
            (not self.message_ids or uuid_text(peeked.message_id) in self.message_ids)
            and self.text in message.body
            and (not self.source or (cause is not None and cause.is_from(self.source)))
            and (not self.cause or (cause is not None and cause.mentions(self.cause)))
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
class _Walk:
    """The pages of one request."""

    call: Call
    queue: str
    wanted: _Wanted
    json_path: JsonPath | None
    take: Take
    cursor: bytes
    scanned: int = 0
    _scanned_bytes: int = 0
    _taken: int = 0
    _taken_bytes: int = 0

    async def run(self, count: int) -> bool:
        """Whether the queue's end was reached."""
        queues = self.call.broker.queues
        deadline = trio.current_time() + PEEK_SCAN_S
        filtered = bool(self.wanted) or self.json_path is not None
        while True:
            # The store may give fewer if they are large, so that only an empty page is the end.
            page = await queues.peek(
                self.call.namespace,
                self.queue,
                PEEK_PAGE if filtered else min(count - self._taken, PEEK_PAGE),
                self.cursor,
            )
            if not page:
                return True
            if (
                not await self._look_at(page)
                or self.scanned >= PEEK_SCAN_MAX
                or self._scanned_bytes >= PEEK_SCAN_BYTES_MAX
                or self._taken_bytes >= PEEK_ANSWER_BYTES
                or trio.current_time() >= deadline
            ):
                return False

    async def _look_at(self, page: list[Peeked]) -> bool:
        """Hand over what is wanted; whether there is room for more."""
        found = [self._found(peeked) for peeked in page]
        good = [self.wanted.matches(each) for each in found]
        if self.json_path is not None:
            candidates = [n for n, matches in enumerate(good) if matches]
            selected = await self.json_path.selects([found[n].message.body for n in candidates])
            for n, selects in zip(candidates, selected, strict=True):
                good[n] = selects
        for each, matches in zip(found, good, strict=True):
            self.scanned += 1
            self._scanned_bytes += len(each.peeked.body)
            self.cursor = each.peeked.cursor
            if matches:
                self._taken += 1
                self._taken_bytes += len(each.peeked.body)
                if not self.take(each):
                    return False
        return True

    def _found(self, peeked: Peeked) -> Found:
        body = messages.decode(peeked.body)
        message = messages.rendered(body, peeked.via, self.call.origin)
        source_arn = peeked.dead_letter_source_arn
        cause = cause_of(message.attributes, source_arn, body, peeked.via, self.call.namespace)
        return Found(peeked, message, cause)


@asynccontextmanager
async def _perhaps_trying(path: str) -> AsyncIterator[JsonPath | None]:
    if not path:
        yield None
        return
    async with trying(path) as json_path:
        yield json_path


def _message_ids(call: Call) -> frozenset[str]:
    """Raises: InvalidParameter, for too many."""
    found = frozenset(_repeated(call, "message_id"))
    if len(found) > MESSAGE_IDS_MAX:
        raise InvalidParameter(f"The parameter message_id may be given {MESSAGE_IDS_MAX} times.")
    return found


def _attributes(call: Call) -> list[tuple[str, str]]:
    """Raises: InvalidParameter."""
    found = []
    for text in _repeated(call, "attribute"):
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidParameter("The parameter attribute must be NAME=VALUE.")
        found.append((name, value))
    return found


def _repeated(call: Call, parameter: str) -> list[str]:
    """All that were given: `Request.query` has only the last."""
    query = parse_qsl(call.request.raw_query.decode(), keep_blank_values=True)
    return [text for name, text in query if name == parameter and text]
