"""a turn of the event loop over all connections: who can be read, and what is to be sent

System calls are what an HTTP server spends most on, and two of them can be had cheaper than one
connection alone could have them:

- A socket is registered with an epoll of the server's own once, edge-triggered, instead of anew for
  every wait. One task waits for that epoll and wakes the connections that have something to read.
- Responses that become ready in the same turn are sent together at its end. Sending wakes a client
  that sleeps; sent in a row, the first response wakes it and the others find it awake.
"""

import select
import socket
from collections.abc import Callable

import trio

HUNG_UP = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
EVENTS = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET


class Line:
    """One connection's socket, as the turns see it."""

    def __init__(self, client: socket.socket, turns: "Turns") -> None:
        self._socket = client
        self._turns = turns
        self._task: trio.lowlevel.Task | None = None
        self.readable = False
        self.hung_up = False  # the client sends no more: reading says so, at once and always
        self.on_hang_up: Callable[[], None] | None = None  # called when it does
        self.unsent = b""  # what the client wasn't ready for
        self.failed = False  # it can't be sent to any more
        # What the response on its way takes along: forgotten when all of it is sent.
        self.undelivered: Callable[[], None] | None = None

    async def wait_readable(self) -> None:
        """Until there may be something to read, or something is left unsent."""
        if self.readable:
            await trio.lowlevel.checkpoint()
        else:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._leave)
        self.readable = self.hung_up

    def _leave(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        """Have `wait_readable` return."""
        self.readable = True
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    def hang_up(self) -> None:
        """Take note that the client sends no more. Not told again, and bytes may come before it."""
        self.hung_up = True
        if self.on_hang_up is not None:
            self.on_hang_up()

    def send(self, data: bytes) -> None:
        """Have the data sent at the end of this turn, after what was given before."""
        self._turns.add(self, data)

    def entrust(self, undelivered: Callable[[], None]) -> None:
        """Have it called unless all of the data that is given next can be sent.

        One at a time: what was entrusted before must have been sent.
        """
        if self._turns.hold(self):
            self._turns.flush()  # what is sent first must not pass for what comes next
        self.undelivered = undelivered

    def transmit(self, data: bytes) -> None:
        """Send now what the client will take; the rest is left in `unsent`."""
        if self.unsent or self.failed:
            self.unsent += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.failed = True
            sent = 0
        if sent < len(data):
            self.unsent = data[sent:]
            self._turns.wake_soon(self)
        else:
            self.undelivered = None


class Turns(trio.abc.Instrument):
    """All connections of one server."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._lines: dict[int, Line] = {}
        self._responses: list[tuple[Line, bytes]] = []
        self._token: trio.lowlevel.TrioToken | None = None

    def open_line(self, client: socket.socket) -> Line:
        """Take on a non-blocking socket, until `close_line`."""
        line = Line(client, self)
        self._lines[client.fileno()] = line
        self._epoll.register(client.fileno(), EVENTS)
        return line

    def close_line(self, client: socket.socket) -> None:
        """Let go of a socket, before it is closed; what waits for it is sent."""
        self.flush()
        self._epoll.unregister(client.fileno())
        del self._lines[client.fileno()]

    def add(self, line: Line, data: bytes) -> None:
        """Have data sent at the end of the turn."""
        self._responses.append((line, data))

    def hold(self, line: Line) -> bool:
        """Whether something for that line waits for the end of the turn."""
        return any(each is line for each, _ in self._responses)

    def wake_soon(self, line: Line) -> None:
        """Wake a connection from wherever this is called.

        Not directly: at the end of a turn trio has made up its mind to wait, and would not see the
        task it woke.
        """
        if self._token is not None:
            self._token.run_sync_soon(line.wake)

    def flush(self) -> None:
        """Send what waits, now."""
        responses, self._responses = self._responses, []
        for line, data in responses:
            line.transmit(data)

    def before_io_wait(self, timeout: float) -> None:
        """The end of a turn. Called by trio."""
        if self._responses:
            self.flush()

    async def run(self) -> None:
        """Read and send, turn by turn, until cancelled."""
        self._token = trio.lowlevel.current_trio_token()
        trio.lowlevel.add_instrument(self)
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for descriptor, events in self._epoll.poll(0):
                    line = self._lines[descriptor]
                    if events & HUNG_UP:
                        line.hang_up()
                    line.wake()
        finally:
            trio.lowlevel.remove_instrument(self)
            self.flush()
