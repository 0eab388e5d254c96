"""whose message is received next: in a FIFO queue by group, in a standard one by tenant

FIFO: a message can be received if no earlier message of its group is in flight or delayed. The
group whose first message is the oldest comes first, and gives as many as are wanted.

Standard: the next message is taken from the tenant with the fewest messages in flight; among
equals, from the one that has waited longest since it was served or had nothing to receive. A
message without a group is a tenant of its own.
"""

from dataclasses import dataclass

from tests.store.oracle import Message, Queue, Service


@dataclass
class Groups(Service):
    """Queues, and the order in which their messages are received."""

    def take(self, queue: Queue, limit: int) -> list[Message]:
        return self._take_fifo(queue, limit) if queue.settings.fifo else self._take(queue, limit)

    # FIFO queues

    def group(self, queue: Queue, group: str | None) -> list[Message]:
        """A group's messages in their order."""
        mine = [message for message in queue.messages if message.group == group]
        return sorted(mine, key=lambda message: message.order)

    def fronts(self, queue: Queue) -> list[Message]:
        """The first message of every group that isn't locked by it, the oldest first."""
        groups = {message.group for message in queue.messages}
        firsts = [self.group(queue, group)[0] for group in groups]
        free = [message for message in firsts if not self.is_hidden(message)]
        return sorted(free, key=lambda message: message.order)

    def _take_fifo(self, queue: Queue, limit: int) -> list[Message]:
        taken: list[Message] = []
        locked: set[str | None] = set()  # by what is taken
        while len(taken) < limit:
            fronts = [front for front in self.fronts(queue) if front.group not in locked]
            if not fronts:
                break
            if self.is_spent(queue, fronts[0]):
                self.put_aside(queue, fronts[0])
                continue
            locked.add(fronts[0].group)
            for message in self.group(queue, fronts[0].group):
                if len(taken) == limit or self.is_hidden(message):
                    break
                if self.is_spent(queue, message):
                    break  # those before it may come back: it would be gone before them
                taken.append(message)
        return taken

    # Standard queues

    def _take(self, queue: Queue, limit: int) -> list[Message]:
        taken: list[Message] = []
        while len(taken) < limit:
            message = self._next(queue, taken)
            if message is None:
                break
            if self.is_spent(queue, message):
                self.put_aside(queue, message)
                continue
            taken.append(message)
            if message.group is not None:
                queue.since[message.group] = next(self.numbers)
        for message in taken:
            message.lined_up = False  # unless it is visible again at once
        return taken

    def _next(self, queue: Queue, taken: list[Message]) -> Message | None:
        ranked: list[tuple[int, int, Message]] = []
        for group in {m.group for m in queue.messages if m.group is not None}:
            mine = self.group(queue, group)
            waiting = [m for m in mine if not self.is_hidden(m) and m not in taken]
            if waiting:
                in_flight = [m for m in mine if (self.is_hidden(m) and m.held) or m in taken]
                ranked.append((len(in_flight), queue.since[group], waiting[0]))
        alone = [
            m
            for m in self.by_time(queue)
            if m.group is None and not self.is_hidden(m) and m not in taken
        ]
        if alone:
            ranked.append((0, alone[0].order, alone[0]))
        return min(ranked)[2] if ranked else None

    def settle(self) -> None:
        """See which messages came to wait in their groups, and which groups have gone quiet."""
        for queue in self.queues.values():
            for message in self.by_time(queue):
                if message.group is None or self.is_hidden(message) or message.lined_up:
                    continue
                others = [m for m in self.group(queue, message.group) if m.lined_up]
                if not others:
                    known = queue.since.get(message.group, 0)
                    queue.since[message.group] = max(known, message.order)
                message.lined_up = True
                message.cancellable = False
            busy = {m.group for m in queue.messages if m.held or not self.is_hidden(m)}
            queue.since = {group: at for group, at in queue.since.items() if group in busy}

    # Looking

    def next_sent_at_ms(self, name: str) -> int | None:
        """When the message that is next to be received was sent; the older of a tenant's and one
        without a group.
        """
        queue = self._queue(name)
        if queue.settings.fifo:
            fronts = self.fronts(queue)
            return fronts[0].sent_at_ms if fronts else None
        found = []
        for alone in (False, True):
            hidden = [m for m in queue.messages if (m.group is None) is not alone]
            first = self._next(queue, hidden)
            if first is not None:
                found.append(first.sent_at_ms)
        return min(found, default=None)

    def has_some_to_receive(self, name: str) -> bool:
        """Whether a receiver would be served, if nothing that is there were spent."""
        queue = self.queues.get(name)
        if queue is None:
            return False
        if queue.settings.fifo:
            return bool(self.fronts(queue))
        return any(not self.is_hidden(message) for message in queue.messages)

    def as_peeked(self, name: str, peeked: list[bytes]) -> list[Message]:
        """Visible messages with a group come first, group by group, in whichever order of groups
        the peek has; then all others by time.
        """
        queue = self._queue(name)
        group_of = {message.message_id: message.group for message in queue.messages}
        places = list(dict.fromkeys(group_of.get(message_id) for message_id in peeked))
        lined_up = [m for m in queue.messages if m.group is not None and not self.is_hidden(m)]
        lined_up.sort(key=lambda message: (places.index(message.group), message.order))
        return lined_up + [m for m in self.by_time(queue) if m.group is None or self.is_hidden(m)]
