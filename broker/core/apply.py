"""which function applies which command"""

from collections.abc import Callable
from typing import Any, Protocol

from broker.core import commands
from broker.core.configuration import (
    RecordView,
    configure,
    configure_and_send,
    read_records,
    replay_messages,
)
from broker.core.limits import RECLAIM_SLICE, SETTLE_SLICE
from broker.core.queue.delete import delete_messages, replace_messages
from broker.core.queue.look import count_messages, find_by_id, find_messages, peek_messages
from broker.core.queue.move import discard_messages, move_messages, relocate_messages
from broker.core.queue.purge import purge_queue, reclaim
from broker.core.queue.receive import receive_messages
from broker.core.queue.schedule import cancel_messages
from broker.core.queue.send import expand, fan_out, fan_out_once, send_messages
from broker.core.queue.settle import expire
from broker.core.queue.view import QueueState
from broker.core.queue.visibility import change_visibility, release_hidden


class StoreView(RecordView, Protocol):
    """All that commands need of a transaction."""

    def due_queues(self) -> list[QueueState]:
        """Queues that were scheduled for now or before; each is named once."""

    def reclaimable(self) -> list[int]:
        """Ids that were given to housekeeping."""

    def reclaimed(self, queue_id: int) -> None:
        """Nothing is left under the id."""

    def forget_due(self, limit: int) -> None:
        """Forget up to `limit` of what queues remember and no longer need."""


def advance(view: StoreView, namespace: str, command: commands.Advance) -> list[str]:
    """Do what is due in the queues, and one slice of each kind of housekeeping.

    Of many queues with much to do, the last ones wait for the next advance.
    """
    for queue in view.due_queues():
        if view.effort < SETTLE_SLICE:
            expire(view, queue)
        else:
            view.schedule(queue, view.now_ms)
    for queue_id in view.reclaimable()[:1]:
        if reclaim(view, queue_id, RECLAIM_SLICE):
            view.reclaimed(queue_id)
    view.forget_due(RECLAIM_SLICE)
    return expand(view)


APPLY: dict[type[commands.Command], Callable[[Any, str, Any], Any]] = {
    commands.SendMessages: send_messages,
    commands.FanOut: fan_out,
    commands.FanOutOnce: fan_out_once,
    commands.ReceiveMessages: receive_messages,
    commands.DeleteMessages: delete_messages,
    commands.ChangeVisibility: change_visibility,
    commands.ReplaceMessages: replace_messages,
    commands.ReleaseHidden: release_hidden,
    commands.PurgeQueue: purge_queue,
    commands.CancelMessages: cancel_messages,
    commands.RelocateMessages: relocate_messages,
    commands.DiscardMessages: discard_messages,
    commands.MoveMessages: move_messages,
    commands.Configure: configure,
    commands.ConfigureAndSend: configure_and_send,
    commands.ReplayMessages: replay_messages,
    commands.ReadRecords: read_records,
    commands.CountMessages: count_messages,
    commands.PeekMessages: peek_messages,
    commands.FindMessages: find_messages,
    commands.FindById: find_by_id,
    commands.Advance: advance,
}
