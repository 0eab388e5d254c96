"""deduplication: within five minutes, a FIFO queue stores what is sent under one id once

The scope is the queue or each message group. For five minutes after the scope was changed, an id is
looked up in both, so what was sent before still counts.
"""

from hashlib import blake2b

from broker.core.commands import Accepted, NewMessage
from broker.core.limits import DEDUPLICATION_MS
from broker.core.queue.view import QueueState, QueueView, Sent


def find_earlier(view: QueueView, queue: QueueState, message: NewMessage) -> Accepted | None:
    """The message that was sent under the same id less than five minutes ago."""
    scoped = queue.config.deduplication_scope == "messageGroup"
    both = view.now_ms < queue.scope_changed_ms + DEDUPLICATION_MS
    for per_group in (scoped, not scoped) if both else (scoped,):
        sent = view.recall(queue.identity, _digest(message, per_group=per_group))
        if isinstance(sent, Sent) and view.now_ms < sent.at_ms + DEDUPLICATION_MS:
            return Accepted(sent.message_id, sent.sequence)
    return None


def note(view: QueueView, queue: QueueState, message: NewMessage, sequence: int) -> None:
    """Remember what was sent under the id."""
    per_group = queue.config.deduplication_scope == "messageGroup"
    sent = Sent(view.now_ms, message.message_id, sequence)
    view.remember(queue.identity, _digest(message, per_group=per_group), sent)


def _digest(message: NewMessage, *, per_group: bool) -> bytes:
    assert message.deduplication_id is not None
    digest = blake2b(digest_size=16, person=b"group" if per_group else b"queue")
    if per_group:
        group = (message.group or "").encode()
        digest.update(len(group).to_bytes(4) + group)
    digest.update(message.deduplication_id.encode())
    return digest.digest()
