"""what the store can be asked: commands and their results, as data

A command is frozen and serialisable, and brings its own ids and random values; time comes from the
store, once per batch. So applying a command is deterministic. A message body is bytes that
`core.message` encoded: the store keeps it and never looks inside.

Times are milliseconds since the epoch, durations milliseconds.
"""

from typing import ClassVar, TypeVar

import msgspec

from broker.core.limits import FAN_OUT_TARGETS_MAX, RECLAIM_SLICE
from broker.core.message import Via


class NewMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message that goes to one queue.

    In a FIFO queue it has a group and a deduplication id; elsewhere the group is the tenant whose
    share of the receives it counts towards. The body's attributes name both for receivers.
    """

    message_id: bytes
    body: bytes
    delay_ms: int = 0
    group: str | None = None
    deduplication_id: str | None = None
    cancellable: bool = False  # can be found by its id until it becomes visible
    not_before_ms: int = 0  # becomes visible then, if that is later than its delay says


class NewEntry(msgspec.Struct, frozen=True, array_like=True):
    """One delivery of a fan-out."""

    queue: str
    message_id: bytes
    body: int  # which of the fan-out's bodies
    delay_ms: int = 0
    via: Via | None = None
    dead_letter_queue: str | None = None  # takes the entry if the queue is gone, or full
    group: str | None = None
    deduplication_id: str | None = None  # for a FIFO queue
    findable: bool = False  # can be found by its id; takes the place of what has the same
    not_before_ms: int = 0  # as a new message's


class Accepted(msgspec.Struct, frozen=True, array_like=True):
    """A message of a FIFO queue as it was stored, perhaps by an earlier send of the same."""

    message_id: bytes
    sequence: int


class Received(msgspec.Struct, frozen=True, array_like=True):
    """A message that was received, and the handle to delete it by."""

    receipt_handle: bytes
    message_id: bytes
    body: bytes
    sent_at_ms: int
    first_received_at_ms: int
    receive_count: int  # this receive included
    via: Via | None = None
    dead_letter_source_arn: str | None = None
    sequence: int = 0  # grows with every message sent


class Peeked(msgspec.Struct, frozen=True, array_like=True):
    """A message as it lies in its queue."""

    message_id: bytes
    body: bytes
    sent_at_ms: int
    visible_at_ms: int
    receive_count: int
    in_flight: bool
    cursor: bytes  # where to go on after this one
    via: Via | None = None
    dead_letter_source_arn: str | None = None
    sequence: int = 0


class QueueCounts(msgspec.Struct, frozen=True, array_like=True):
    """How many messages a queue holds, by state."""

    visible: int = 0
    in_flight: int = 0
    delayed: int = 0
    oldest_sent_at_ms: int | None = None  # of the message that is next to be received
    receivable: int = 0  # how many receivers could be served; of a FIFO queue, as groups allow


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A configuration record."""

    namespace: str
    kind: str
    name: str
    version: int  # grows by one with every change
    value: bytes


class RecordChange(msgspec.Struct, frozen=True, array_like=True):
    """Put (`value`) or delete (None) one configuration record."""

    kind: str
    name: str
    value: bytes | None
    expected_version: int | None = None  # 0: must not exist; None: whatever it is


class Command(msgspec.Struct, frozen=True, array_like=True):
    """Base of all commands. `result` is the type of the answer."""

    result: ClassVar[type] = type(None)

    @property
    def weight(self) -> int:
        """Entries it may write: what bounds a commit."""
        return 1


class SendMessages(Command, frozen=True, tag="send"):
    """Put messages into one queue, all or none.

    Of a FIFO queue, answers with what each came to: a duplicate with what it is a duplicate of.
    Raises: QueueDoesNotExist, StoreFull.
    """

    result: ClassVar[type] = list[Accepted] | None  # type: ignore[assignment]
    queue: str
    messages: list[NewMessage]

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.messages)


class FanOut(Command, frozen=True, tag="fan_out"):
    """Put entries into many queues, all or none; each body is stored once.

    Answers with the indices of entries that found neither their queue nor a dead-letter queue.
    Raises: StoreFull.
    """

    result: ClassVar[type] = list[int]
    bodies: list[bytes]
    entries: list[NewEntry]

    @property
    def weight(self) -> int:
        """One entry each; a wide one is only noted down."""
        return min(len(self.entries), FAN_OUT_TARGETS_MAX)


class Published(msgspec.Struct, frozen=True, array_like=True):
    """A publish to a FIFO topic, or the earlier one that it repeats."""

    message_id: bytes
    sequence: int
    homeless: list[int] = []  # indices of entries that found no place
    repeated: bool = False


class FanOutOnce(Command, frozen=True, tag="fan_out_once"):
    """The fan-out of a FIFO topic's message, unless one was published under the same id.

    The topic's own queue remembers ids for five minutes, and keeps the message if the topic has an
    archive. Answers with what was published, now or earlier.
    Raises: QueueDoesNotExist (the topic is gone), StoreFull.
    """

    result: ClassVar[type] = Published
    queue: str  # the topic's
    message_id: bytes
    group: str
    deduplication_id: str
    bodies: list[bytes]  # the first is what is archived
    entries: list[NewEntry]
    archive: bool = False

    @property
    def weight(self) -> int:
        """One entry each, and the archived one."""
        return len(self.entries) + 1


class ReceiveMessages(Command, frozen=True, tag="receive"):
    """Take up to `count` visible messages, hidden for `visibility_timeout_ms`.

    Of a FIFO queue, an attempt that is made again within five minutes under the same id gets the
    same messages with the same handles, unless one of them was deleted or changed.
    Raises: QueueDoesNotExist, OverLimit.
    """

    result: ClassVar[type] = list[Received]
    queue: str
    count: int
    visibility_timeout_ms: int
    nonce: bytes  # 8 random bytes
    attempt_id: str | None = None

    @property
    def weight(self) -> int:
        """At most one entry for each message."""
        return self.count


class DeleteMessages(Command, frozen=True, tag="delete"):
    """Delete received messages; an entry of the answer is None or an error's name.

    A handle that was overtaken by a later receive deletes nothing and is no error.
    Raises: QueueDoesNotExist.
    """

    result: ClassVar[type] = list[str | None]
    queue: str
    receipt_handles: list[bytes]

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.receipt_handles)


class VisibilityChange(msgspec.Struct, frozen=True, array_like=True):
    """A new end of one message's invisibility, counted from now."""

    receipt_handle: bytes
    timeout_ms: int
    spend_receive: bool = True  # False: as if this receive had never been
    delayed: bool = False  # waits for a retry: nobody holds it, so it isn't in flight


class ChangeVisibility(Command, frozen=True, tag="visibility"):
    """Hide received messages for longer or shorter; an answer's entry is None or an error's name.

    Raises: QueueDoesNotExist.
    """

    result: ClassVar[type] = list[str | None]
    queue: str
    changes: list[VisibilityChange]

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.changes)


class ReplaceMessages(Command, frozen=True, tag="replace"):
    """Delete received messages and put others in their place, in one step: a dead letter, a result.

    The handles are of different messages.
    Answers the indices of handles that are no longer good, and which entries found no queue; if
    there are such handles, nothing is done. More entries than one commit takes are placed later, as
    a fan-out's are.
    Raises: QueueDoesNotExist for the queue of the handles, StoreFull if it is to be asked for room.
    """

    result: ClassVar[type] = tuple[list[int], list[int]]
    queue: str
    receipt_handles: list[bytes]
    bodies: list[bytes]
    entries: list[NewEntry]
    admit: bool = False  # ask for room, as it is more than what takes its place

    @property
    def weight(self) -> int:
        """One entry each; of a wide one they are only noted down."""
        return min(len(self.entries), FAN_OUT_TARGETS_MAX) + len(self.receipt_handles)


class ReleaseHidden(Command, frozen=True, tag="release"):
    """Make messages visible that are in flight, as their receivers died with the daemon.

    With `delayed` those that wait for a retry instead: it is to be made now. For queues that only
    the broker itself receives from. Answers how many there were, `limit` if there may be more.
    """

    result: ClassVar[type] = int
    queue: str
    limit: int = 1_000
    delayed: bool = False

    @property
    def weight(self) -> int:
        """As many as it may release."""
        return self.limit


class PurgeQueue(Command, frozen=True, tag="purge"):
    """Delete all messages of a queue at once; their space comes back in slices.

    Raises: QueueDoesNotExist, PurgeQueueInProgress.
    """

    queue: str


class CancelMessages(Command, frozen=True, tag="cancel"):
    """Delete delayed messages that were sent as cancellable; whether each was still waiting.

    Raises: QueueDoesNotExist.
    """

    result: ClassVar[type] = list[bool]
    queue: str
    message_ids: list[bytes]

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.message_ids)


class Pick(msgspec.Struct, frozen=True, array_like=True):
    """A message that a peek found, and what becomes of it."""

    cursor: bytes
    message_id: bytes  # its new one
    body: bytes | None = None  # in place of its own


class RelocateMessages(Command, frozen=True, tag="relocate"):
    """Move chosen messages, each to where it was dead-lettered from or all to one queue.

    An answer's entry is None, or what is in the way: MessageNotFound (it was received, moved or
    deleted since), CouldNotDetermineMessageSource, QueueDoesNotExist (of its destination).
    Raises: QueueDoesNotExist.
    """

    result: ClassVar[type] = list[str | None]
    queue: str
    picks: list[Pick]
    destination: str | None = None

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.picks)


class DiscardMessages(Command, frozen=True, tag="discard"):
    """Delete messages that a peek found; an answer's entry is None or MessageNotFound.

    Raises: QueueDoesNotExist.
    """

    result: ClassVar[type] = list[str | None]
    queue: str
    cursors: list[bytes]

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.cursors)


class MoveMessages(Command, frozen=True, tag="move"):
    """Carry out the next slice of a message move task; answers with the task's record.

    Raises: MoveTaskDoesNotExist.
    """

    result: ClassVar[type] = Record
    task: str
    message_ids: list[bytes]  # new ones, as many as may be moved

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.message_ids)


class Configure(Command, frozen=True, tag="configure"):
    """Change configuration records, all or none; answers their new versions (0: deleted).

    A record of kind "queue" has a queue behind it, which is made and deleted with it.
    Raises: RecordChanged, StoreFull.
    """

    result: ClassVar[type] = list[int]
    changes: list[RecordChange]

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.changes)


class ConfigureAndSend(Command, frozen=True, tag="configure_send"):
    """Change configuration records, and in the same step what waits in a queue on their behalf.

    Cancellable messages go by their ids, those that are still to become visible, and new ones come;
    the queue may be one that the changes make. Answers the records' new versions.
    Raises: RecordChanged, StoreFull, QueueDoesNotExist.
    """

    result: ClassVar[type] = list[int]
    changes: list[RecordChange]
    queue: str
    cancelled: list[bytes]
    messages: list[NewMessage]

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.changes) + len(self.cancelled) + len(self.messages)


class ReplayMessages(Command, frozen=True, tag="replay"):
    """Deliver a slice of an archive, and note in the same step how far that has come.

    Answers the record's new version, and which entries found no place.
    Raises: RecordChanged, StoreFull.
    """

    result: ClassVar[type] = tuple[int, list[int]]
    change: RecordChange
    bodies: list[bytes]
    entries: list[NewEntry]

    @property
    def weight(self) -> int:
        """One entry each."""
        return len(self.entries) + 1


class ReadRecords(Command, frozen=True, tag="records"):
    """All configuration records of all namespaces, in order of namespace, kind, name."""

    result: ClassVar[type] = list[Record]


class CountMessages(Command, frozen=True, tag="counts"):
    """The counts of queues, in the order asked for.

    Raises: QueueDoesNotExist.
    """

    result: ClassVar[type] = list[QueueCounts]
    queues: list[str]


class PeekMessages(Command, frozen=True, tag="peek"):
    """Look at messages without receiving them, in the order in which they become visible.

    Raises: QueueDoesNotExist, InvalidParameter (for a cursor that none was given out as).
    """

    result: ClassVar[type] = list[Peeked]
    queue: str
    count: int
    after: bytes = b""  # a cursor of an earlier peek


class FindMessages(Command, frozen=True, tag="find"):
    """Look at the messages that peeks found; None for each that was received or has gone since.

    Raises: QueueDoesNotExist.
    """

    result: ClassVar[type] = list[Peeked | None]
    queue: str
    cursors: list[bytes]


class FindById(Command, frozen=True, tag="find_by_id"):
    """Look at findable messages by their ids; None for each that isn't there.

    Raises: QueueDoesNotExist.
    """

    result: ClassVar[type] = list[Peeked | None]
    queue: str
    message_ids: list[bytes]


class Advance(Command, frozen=True, tag="advance"):
    """Let what is due happen: delays and timeouts end, expired messages go, space comes back.

    Answers with the names of queues that were gone when a wide fan-out was to reach them.
    """

    result: ClassVar[type] = list[str]

    @property
    def weight(self) -> int:
        """As much as a slice of each kind of housekeeping."""
        return FAN_OUT_TARGETS_MAX + 2 * RECLAIM_SLICE


AnyCommand = (
    SendMessages
    | FanOut
    | FanOutOnce
    | ReceiveMessages
    | DeleteMessages
    | ChangeVisibility
    | ReplaceMessages
    | ReleaseHidden
    | PurgeQueue
    | CancelMessages
    | RelocateMessages
    | DiscardMessages
    | MoveMessages
    | Configure
    | ConfigureAndSend
    | ReplayMessages
    | ReadRecords
    | CountMessages
    | PeekMessages
    | FindMessages
    | FindById
    | Advance
)
T = TypeVar("T")


class Wakeup(msgspec.Struct, frozen=True, array_like=True):
    """A queue that can be received from since this commit, or lost messages by itself in it."""

    namespace: str
    queue: str
    visible: int  # how many receivers could be served a message each
    expired: int = 0
    dead_lettered: int = 0


class StoreStatus(msgspec.Struct, frozen=True, array_like=True):
    """The store's own figures, sent with every answered batch."""

    now_ms: int
    due_at_ms: int | None  # when something next happens by itself
    used_bytes: int
    quota_bytes: int
    full: bool
