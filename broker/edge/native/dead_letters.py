"""/v1/queues/{name}/dead-letters: what dead letters there are, by what gave them up and why"""

from dataclasses import dataclass, field

from broker.core.dead_letter_cause import DeadLetterCause
from broker.core.errors import QueueDoesNotExist
from broker.core.limits import DEAD_LETTER_CAUSES_MAX, DEAD_LETTER_SAMPLE, PEEK_SCAN_MAX
from broker.core.names import uuid_text
from broker.edge.native.messages import queue_of
from broker.edge.native.operation import Call, Result, operations
from broker.edge.native.scan import Filters, Found, cursor_text, scan


class DeadLetter(Result, frozen=True, kw_only=True):
    """One message of many with a cause in common."""

    message_id: str
    cursor: str
    error: str = ""  # in the words of what failed


class DeadLetters(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Messages that have a source and a cause in common.

    Where both are null, nothing about the messages tells that they are dead letters.
    """

    source_arn: str | None  # of the queue or rule that gave them up
    code: str | None  # MaxReceiveCountExceeded, or what the service that gave up wrote
    cause: str | None  # for people; errors that differ in ids and numbers only are one
    count: int
    oldest_sent_at_ms: int
    newest_sent_at_ms: int
    sample: list[DeadLetter]


class DeadLettersByCause(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Part of a queue, counted. `next` is null after the last one; later parts may have more of
    the same causes."""

    dead_letters: list[DeadLetters]
    scanned: int  # how many messages were looked at
    next: str | None = None


@operations.add(
    "GET",
    "/v1/queues/{name}/dead-letters",
    query=Filters,
    answers={200: DeadLettersByCause},
    raises=(QueueDoesNotExist,),
)
async def list_dead_letters(call: Call, name: str, query: Filters) -> DeadLettersByCause:
    """Count the messages of a queue by source and cause, the most frequent first.

    A request looks at a bounded number of messages: go on with `next` until it is null, and add up.
    """
    queue_of(call, name)
    counts: dict[tuple[str | None, str | None], _Count] = {}

    def take(found: Found) -> bool:
        cause = found.cause
        key = (cause.source_arn, cause.text) if cause else (None, None)
        counts.setdefault(key, _Count(cause)).add(found)
        return len(counts) < DEAD_LETTER_CAUSES_MAX

    scanned = await scan(call, name, query, take, PEEK_SCAN_MAX)
    listed = [count.shown() for count in counts.values()]
    listed.sort(key=lambda each: each.count, reverse=True)
    return DeadLettersByCause(dead_letters=listed, scanned=scanned.scanned, next=scanned.next)


@dataclass(slots=True)
class _Count:
    cause: DeadLetterCause | None
    count: int = 0
    sent_at_ms: list[int] = field(default_factory=list)  # the oldest and the newest
    sample: list[DeadLetter] = field(default_factory=list)

    def add(self, found: Found) -> None:
        self.count += 1
        sent = (*self.sent_at_ms, found.peeked.sent_at_ms)
        self.sent_at_ms = [min(sent), max(sent)]
        if len(self.sample) < DEAD_LETTER_SAMPLE:
            self.sample.append(
                DeadLetter(
                    message_id=uuid_text(found.peeked.message_id),
                    cursor=cursor_text(found.peeked.cursor),
                    error=found.cause.error if found.cause else "",
                )
            )

    def shown(self) -> DeadLetters:
        oldest, newest = self.sent_at_ms
        return DeadLetters(
            source_arn=self.cause.source_arn if self.cause else None,
            code=self.cause.code if self.cause else None,
            cause=self.cause.text if self.cause else None,
            count=self.count,
            oldest_sent_at_ms=oldest,
            newest_sent_at_ms=newest,
            sample=self.sample,
        )
