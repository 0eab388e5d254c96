"""what the queue rules see of a transaction: entries, bodies, and each queue's state

An entry lies under (queue id, visible_at_ms, sequence). Hidden and visible messages are in the same
order: what lies at or before the present is visible. So a timeout or a delay ends without a write,
and the first visible message is one seek away, however many wait.

Messages with a group lie there only while they are hidden; `lanes` says where visible ones wait.

Counts follow lazily. Every entry at or before `settled_ms` is counted as visible, every later one
as in flight or delayed, as its own flag says; `settle` moves that line up to the present.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import msgspec

from broker.core.commands import NewEntry
from broker.core.message import Via
from broker.core.names import Arn
from broker.core.resources import Queue

NEVER_MS = 1 << 62
IN_LANE = 0  # in place of visible_at_ms: visible, in the lane of its group


class Entry(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A message in a queue, without its body."""

    body_id: int
    message_id: bytes
    sent_at_ms: int
    receive_count: int = 0
    first_received_at_ms: int = 0
    in_flight: bool = False  # as of its visibility: hidden by a receive, not by a delay
    shared: bool = False  # other entries have the same body; a reference count says how many
    moved: bool = False  # its visibility was changed: a pointer leads from its handle to it
    via: Via | None = None
    dead_letter_source_arn: str | None = None
    refunds: int = 0  # receives that were taken back, and don't count
    lane: int = 0  # of its message group; 0: it has none
    kept_from_ms: int = 0  # when its retention began, if later than it was sent
    cancellable: bool = False  # can be found by its message id

    @property
    def receives(self) -> int:
        """How often it was really received: what tells one receipt from the next."""
        return self.receive_count + self.refunds

    def expires_ms(self, retention_ms: int) -> int:
        """When it has been kept long enough."""
        return max(self.sent_at_ms, self.kept_from_ms) + retention_ms


class Tenant(msgspec.Struct, frozen=True, array_like=True):
    """What a fair queue knows of a message group that has messages visible or in flight."""

    waiting: int = 0  # visible messages
    in_flight: int = 0
    since: int = 0  # an id: when it was last served or, if later, began to wait


class Sent(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """What a FIFO queue remembers of a deduplication id: the message that was sent under it."""

    at_ms: int
    message_id: bytes
    sequence: int


class Attempt(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """What a FIFO queue remembers of a receive's attempt id: the messages it was answered with."""

    at_ms: int
    hidden_until_ms: int
    receipt_handles: list[bytes]


Memory = Sent | Attempt


class Expansion(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A slice of a fan-out that is wider than one commit: its bodies are stored, it waits."""

    namespace: str
    sent_at_ms: int
    body_ids: list[tuple[int, bool]]  # with whether several entries share the body
    entries: list[NewEntry]


@dataclass(slots=True)
class QueueState:
    """A queue as the store holds it in memory; its messages stay on disk."""

    id: int  # of this incarnation: a purge takes a new one
    namespace: str
    name: str
    config: Queue
    version: int  # of its configuration record
    visible: int = 0
    in_flight: int = 0
    delayed: int = 0
    settled_ms: int = 0
    purged_at_ms: int = 0
    identity: int = 0  # its first id, under which deduplication ids outlive a purge
    turns: int = 0  # lanes that may be received from
    next_due_ms: int = NEVER_MS  # not later than the first entry behind `settled_ms`
    expires_ms: int = NEVER_MS  # not later than the first visible entry's end; past, if in excess
    sweep_ms: int = NEVER_MS  # when lanes are next looked through for what is too old
    sweep_lane: int = 0  # where that goes on
    scope_changed_ms: int = 0  # when the deduplication scope was changed, or may have been

    @property
    def fifo(self) -> bool:
        """Whether every message has a group, and each group an order."""
        return self.config.fifo

    @property
    def receivable(self) -> int:
        """How many receivers could be served at least one message each."""
        return self.turns if self.config.fifo else self.visible

    @property
    def retention_ms(self) -> int:
        """How long a message is kept, from when it was sent."""
        return self.config.retention_s * 1000

    @property
    def excess(self) -> int:
        """How many of its oldest messages are to go, because it has more than it keeps."""
        limit = self.config.messages_max
        if limit is None or not self.config.oldest_go:
            return 0
        return max(self.visible + self.in_flight + self.delayed - limit, 0)

    @property
    def dead_letter_queue(self) -> tuple[str, str] | None:
        """Namespace and name of the queue its redrive policy names."""
        policy = self.config.redrive_policy
        arn = Arn.parse(policy.dead_letter_target_arn) if policy else None
        return (str(arn.namespace), arn.resource) if arn else None

    def count(self, visible_at_ms: int, entry: Entry, by: int) -> None:
        """Add `by` to the count that the entry belongs to."""
        if visible_at_ms <= self.settled_ms:
            self.visible += by
        elif entry.in_flight:
            self.in_flight += by
        else:
            self.delayed += by


class QueueView(Protocol):
    """One open transaction. Whatever is written through it is committed whole or not at all."""

    now_ms: int
    behind: set[int]  # ids of queues that had a slice settled in it, and have more to settle
    effort: (
        int  # of housekeeping in it: entries looked at, and as many more for each that was moved
    )

    def queue(self, namespace: str, name: str) -> QueueState:
        """The queue, which is written back at the end. Raises: QueueDoesNotExist."""

    def find_queue(self, namespace: str, name: str) -> QueueState | None:
        """The queue, or None."""

    def next_id(self) -> int:
        """A number that was never used before; growing."""

    def next_ids(self, count: int) -> int:
        """The first of as many such numbers in a row."""

    def admit(self) -> None:
        """Ask whether there is room for more. Raises: StoreFull."""

    def sign(self, data: bytes) -> bytes:
        """8 bytes that only this store can make."""

    def wake(self, queue: QueueState) -> None:
        """Tell receivers, after the commit, that the queue has visible messages."""

    def report(self, queue: QueueState, *, expired: int = 0, dead_lettered: int = 0) -> None:
        """Tell, after the commit, of messages that the queue has lost by itself."""

    def schedule(self, queue: QueueState, due_ms: int) -> None:
        """Have the queue advanced at that time."""

    def put_entries(self, entries: Iterable[tuple[int, int, int, Entry]]) -> None:
        """Store entries, given with queue id, visible_at_ms and sequence."""

    def get_entry(self, queue_id: int, visible_at_ms: int, sequence: int) -> Entry | None:
        """The entry at exactly that place."""

    def delete_entry(self, queue_id: int, visible_at_ms: int, sequence: int) -> None:
        """Remove the entry, which is there."""

    def entries(
        self, queue_id: int, from_ms: int, from_sequence: int = 0
    ) -> Iterator[tuple[int, int, Entry]]:
        """Entries from that place on, in order. Nothing may be written while it runs."""

    def pop_entries(self, queue_id: int, until_ms: int, count: int) -> list[tuple[int, int, Entry]]:
        """Remove the first entries up to that time, at most so many."""

    def put_bodies(self, bodies: Iterable[tuple[int, bytes]]) -> None:
        """Store new bodies, by ids that grow."""

    def get_body(self, body_id: int) -> bytes:
        """The body, which is there."""

    def delete_body(self, body_id: int) -> None:
        """Remove the body, which is there."""

    def get_references(self, body_id: int) -> int:
        """How many entries share the body."""

    def put_references(self, body_id: int, count: int) -> None:
        """Remember it; 0 forgets."""

    def get_moved(self, queue_id: int, sequence: int) -> int | None:
        """Where the entry went when its visibility was changed."""

    def put_moved(self, queue_id: int, sequence: int, visible_at_ms: int | None) -> None:
        """Remember where an entry went; None forgets."""

    def put_scheduled(
        self, queue_id: int, message_id: bytes, place: tuple[int, int] | None
    ) -> None:
        """Remember where a cancellable entry lies, by visible_at_ms and sequence; None forgets."""

    def get_scheduled(self, queue_id: int, message_id: bytes) -> tuple[int, int] | None:
        """Where it lies."""

    def put_in_lane(self, queue_id: int, lane: int, sequence: int, entry: Entry) -> None:
        """Store a visible entry in its lane, in place of a marker if one is there."""

    def put_marker(self, queue_id: int, lane: int, sequence: int, visible_at_ms: int) -> None:
        """Store in a lane where its hidden entry lies, in place of that if it is there."""

    def get_in_lane(self, queue_id: int, lane: int, sequence: int) -> Entry | int | None:
        """An entry, or where a hidden one lies."""

    def delete_in_lane(self, queue_id: int, lane: int, sequence: int) -> None:
        """Remove either; it is there."""

    def head(self, queue_id: int, lane: int) -> tuple[int, Entry | int] | None:
        """What is first in a lane, with its sequence."""

    def lane(self, queue_id: int, lane: int) -> Iterator[tuple[int, Entry | int]]:
        """A lane's entries and markers in order. Nothing may be written while it runs."""

    def lanes(
        self, queue_id: int, from_lane: int, from_sequence: int = 0
    ) -> Iterator[tuple[int, int, Entry | int]]:
        """All lanes' from that place on, with lane and sequence, likewise."""

    def put_turn(self, queue_id: int, in_flight: int, since: int, lane: int) -> bool:
        """Give a lane a turn; whether it is a new one."""

    def delete_turn(self, queue_id: int, in_flight: int, since: int) -> bool:
        """Take a turn away; whether it was there."""

    def first_turn(self, queue_id: int) -> tuple[int, int, int] | None:
        """The first turn: in_flight, since, lane."""

    def forget_turns(self, queue_id: int, limit: int) -> bool:
        """Remove up to `limit` turns and tenants of a queue that is gone; whether that was all."""

    def get_tenant(self, queue_id: int, lane: int) -> Tenant | None:
        """What is known of a fair queue's lane."""

    def put_tenant(self, queue_id: int, lane: int, tenant: Tenant | None) -> None:
        """Remember it; None forgets."""

    def recall(self, identity: int, digest: bytes) -> Memory | None:
        """What a queue remembers under the digest, however old."""

    def remember(self, identity: int, digest: bytes, memory: Memory) -> None:
        """Store it in place of an older one; it is forgotten some time after it has lost effect."""

    def put_expansion(self, expansion_id: int, expansion: Expansion) -> None:
        """Remember a slice that is to be expanded."""

    def first_expansion(self) -> tuple[int, Expansion] | None:
        """The one that waits longest, with its id."""

    def delete_expansion(self, expansion_id: int) -> None:
        """Forget it."""

    def reclaim_later(self, queue_id: int) -> None:
        """Give all that lies under the id to housekeeping."""
