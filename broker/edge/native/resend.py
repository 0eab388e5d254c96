"""/v1/queues/{name}/messages/resend: edit messages that a peek found, and send them on

The store takes the old message away and puts the new one in its place in one step: a crash leaves
one of the two. What was read for it can't have changed meanwhile, for the body of a message that is
still at its cursor is the one that was there before.
"""

from typing import Annotated

import msgspec

from broker.core import message as messages
from broker.core.commands import Peeked, Pick
from broker.core.dead_letters import check_move
from broker.core.errors import BrokerError, QueueDoesNotExist, StoreFull
from broker.core.limits import CHOSEN_MESSAGES_MAX, RESEND_PART
from broker.core.names import Arn
from broker.core.resources import Queue
from broker.edge.native.chosen_messages import Destination, Moved, moved, refusal_of
from broker.edge.native.message import Attribute, Entry, Sending, shown_attributes, to_message
from broker.edge.native.messages import queue_of
from broker.edge.native.operation import Call, Shape, operations
from broker.edge.native.redrives import destination_of
from broker.edge.native.scan import cursor_bytes


class Edited(Shape, frozen=True, kw_only=True):
    """A message, and what of it is new; what is left out stays as it is."""

    cursor: Annotated[str, msgspec.Meta(description="Of the message, as a peek told it.")]
    body: Annotated[str | None, msgspec.Meta(description="Text; not empty.")] = None
    attributes: Annotated[
        dict[str, Attribute] | None,
        msgspec.Meta(description="All of the message's attributes; {} takes them away."),
    ] = None


class Resend(Shape, frozen=True, kw_only=True):
    """Edited messages, and where to send them."""

    messages: Annotated[list[Edited], msgspec.Meta(min_length=1, max_length=CHOSEN_MESSAGES_MAX)]
    destination: Annotated[
        Destination, msgspec.Meta(description="It may be the queue itself: edited in place.")
    ] = None


@operations.add(
    "POST",
    "/v1/queues/{name}/messages/resend",
    body=Resend,
    answers={200: Moved},
    raises=(QueueDoesNotExist, StoreFull),
)
async def resend_messages(call: Call, name: str, resend: Resend) -> Moved:
    """Replace messages by edited ones, each in one step and for itself.

    The edited message is a new one: it has a new id, was received never, and is visible at once. It
    keeps its sender, its group and its deduplication id. By default it goes back to the queue it
    was dead-lettered from. Messages in flight are not found.
    """
    queue = queue_of(call, name)
    if resend.destination not in (None, name):
        destination_of(call, resend.destination)
        check_move(queue, queue_of(call, resend.destination))
    if call.broker.store.status.full:  # new bodies may not take the room of receives and deletes
        raise StoreFull
    ids = call.broker.ids.many(len(resend.messages))
    outcomes: list[BrokerError | None] = []
    for start in range(0, len(ids), RESEND_PART):
        part = slice(start, start + RESEND_PART)
        try:
            outcomes += await _resend(call, name, resend, resend.messages[part], ids[part])
        except BrokerError as refusal:
            if None not in outcomes:
                raise
            outcomes += [refusal] * (len(ids) - len(outcomes))  # what is done is done
            break
    return moved(outcomes, ids)


async def _resend(
    call: Call, name: str, resend: Resend, edited: list[Edited], ids: list[bytes]
) -> list[BrokerError | None]:
    """What became of each: None, or why it is as it was."""
    outcomes: list[BrokerError | None] = [None] * len(edited)
    cursors = [cursor_bytes(each.cursor) for each in edited]
    found = await call.broker.queues.at_cursors(call.namespace, name, cursors)
    picks: dict[int, Pick] = {}
    for n, (each, peeked) in enumerate(zip(edited, found, strict=True)):
        try:
            body = _edited_body(call, resend, each, peeked, ids[n])
        except BrokerError as refusal:
            outcomes[n] = refusal
        else:
            picks[n] = Pick(cursors[n], ids[n], body)
    if picks:
        results = await call.broker.queues.relocate(
            call.namespace, name, [*picks.values()], resend.destination
        )
        for n, result in zip(picks, results, strict=True):
            outcomes[n] = refusal_of(result) if result else None
    return outcomes


def _edited_body(
    call: Call, resend: Resend, edited: Edited, peeked: Peeked | None, new_id: bytes
) -> bytes | None:
    """The new body to store, checked as one that is sent; None if all stays as it is."""
    if peeked is None:
        raise refusal_of("MessageNotFound")
    target = _target(call, resend.destination, peeked)
    if edited.body is None and edited.attributes is None:
        return None
    message = messages.rendered(messages.decode(peeked.body), peeked.via, call.origin)
    system = dict(message.system_attributes or {})
    attributes = edited.attributes
    if attributes is None:
        attributes = shown_attributes(message.attributes)
    new = Entry(
        body=message.body if edited.body is None else edited.body,
        attributes=attributes,
        message_group_id=system.get("MessageGroupId"),
        message_deduplication_id=system.get("MessageDeduplicationId"),
    )
    sending = Sending(target, system, call.broker.now_ms(), call.broker.queues.options.delay_s_max)
    _, record = to_message(sending, new, new_id)
    return record.body


def _target(call: Call, destination: str | None, peeked: Peeked) -> Queue:
    """The queue whose limits hold. Raises: BrokerError, what is in the way."""
    if destination is None:
        arn = Arn.parse(peeked.dead_letter_source_arn or "")
        if arn is None or arn.namespace != call.namespace:
            raise refusal_of("CouldNotDetermineMessageSource")
        destination = arn.resource
    try:
        return call.broker.queues.get(call.namespace, destination)
    except QueueDoesNotExist:
        raise refusal_of("QueueDoesNotExist") from None
