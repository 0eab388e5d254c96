"""listening, accepting, and letting go: connection limit, deadlines, graceful drain"""

import logging
import socket

import trio

from broker.core.limits import CONNECTIONS_MAX
from broker.edge.http.connection import BodyLimit, Connection, Handler, date_line
from broker.edge.http.message import Response
from broker.edge.http.turns import Turns

log = logging.getLogger(__name__)

REAP_EVERY_S = 1.0
BACKLOG = 4_096
ACCEPT_PAUSE_S = 0.1  # when the process is out of file descriptors


class Server:
    """Serves every connection of one listening socket with one handler."""

    def __init__(
        self,
        listener: socket.socket,
        handler: Handler,
        body_limit: BodyLimit,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._listener = listener
        self._handler = handler
        self._body_limit = body_limit
        self._connections_max = connections_max
        self._turns = Turns()
        self.connections: set[Connection] = set()

    async def accept(self, connections: trio.Nursery) -> None:
        """Accept until cancelled; each connection is a task in `connections`, which outlives it."""
        while True:
            await trio.lowlevel.wait_readable(self._listener)
            try:
                client, address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue
            except OSError as error:
                log.warning("can't accept a connection: %s", error)
                await trio.sleep(ACCEPT_PAUSE_S)
                continue
            client.setblocking(False)
            if len(self.connections) >= self._connections_max:
                _turn_away(client)
                continue
            peer = str(address[0]) if address else ""
            connection = Connection(client, peer, self._handler, self._body_limit, self._turns)
            self.connections.add(connection)
            connections.start_soon(self._serve, client, connection)

    async def _serve(self, client: socket.socket, connection: Connection) -> None:
        try:
            if client.family != socket.AF_UNIX:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await connection.serve()
        except Exception:
            # A bug in serving one connection must not end the others.
            log.exception("a connection failed")
        finally:
            self.connections.discard(connection)
            self._turns.close_line(client)
            trio.lowlevel.notify_closing(client)
            client.close()

    async def run(self) -> None:
        """What the connections live on, until cancelled: reading, sending, and their deadlines."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._turns.run)
            nursery.start_soon(self._reap)

    async def _reap(self) -> None:
        while True:
            await trio.sleep(REAP_EVERY_S)
            now = trio.current_time()
            for connection in [c for c in self.connections if c.deadline < now]:
                connection.expire()

    def drain(self) -> None:
        """Have every connection end with the answer that is under way; idle ones end now."""
        for connection in self.connections:
            connection.drain()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises: OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def _turn_away(client: socket.socket) -> None:
    refusal = Response(503, b"too many connections\n", "text/plain", close=True)
    try:
        client.send(refusal.encode(date_line(), keep_alive=False))
    except OSError:
        pass
    finally:
        client.close()
