"""a WebSocket that brings frames, without I/O: bytes in, bytes out, and what has ended it"""

from abc import ABC, abstractmethod

import httpx
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    RejectData,
    Request,
)

from broker.client.asking import refusal
from broker.client.errors import BrokerUnanswered, StreamEnded


class WebSocketProtocol(ABC):
    """One connection. The caller moves bytes: `receive` what came, send what a method returns.

    Those who derive from it `read` the frames.
    """

    def __init__(self, url: httpx.URL, subprotocol: str) -> None:
        self.opened = False
        self.closed = False  # both sides have said so
        self._outgoing = b""  # to be sent before anything else: answers to pings
        self._failure: Exception | None = None
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._pieces: list[bytes] = []
        self._rejected: tuple[int, dict[str, str]] | None = None
        self._rejection = b""
        self._request = Request(
            host=url.netloc.decode(), target=url.raw_path.decode(), subprotocols=[subprotocol]
        )

    @property
    @abstractmethod
    def all_confirmed(self) -> bool:
        """Whether all that was asked for is on disk."""

    @abstractmethod
    def read(self, data: bytes) -> None:
        """Take in one frame."""

    def handshake(self) -> bytes:
        """The first bytes to send."""
        return self._protocol.send(self._request)

    def receive(self, data: bytes) -> None:
        """Take in what came; b"" for the end of the connection. Raises: BrokerRefused."""
        self._protocol.receive_data(data or None)
        for event in self._protocol.events():
            self._heed(event)

    def _heed(self, event: Event) -> None:
        match event:
            case Message(data=piece, message_finished=finished):
                self._pieces.append(piece.encode() if isinstance(piece, str) else bytes(piece))
                if finished:
                    data, self._pieces = b"".join(self._pieces), []
                    self.read(data)
            case Ping():
                self._outgoing += self._protocol.send(event.response())
            case CloseConnection(code=code, reason=reason):
                if int(code) == 1006:
                    self.fail(BrokerUnanswered("the connection of a stream broke"))
                elif not self.closed:
                    self._outgoing += self._answer(event)
                    self.fail(StreamEnded(reason or str(int(code)), "The broker closed it."))
                self.closed = True
            case AcceptConnection():
                self.opened = True
            case RejectConnection(status_code=status, headers=headers):
                names = {key.decode().lower(): value.decode("latin-1") for key, value in headers}
                self._rejected = (status, names)
            case RejectData(data=piece, body_finished=finished):
                self._rejection += piece
                if finished and self._rejected is not None:
                    raise refusal(*self._rejected, bytes(self._rejection))

    def _answer(self, closing: CloseConnection) -> bytes:
        """The answer to a close that we didn't ask for."""
        if self._protocol.state is ConnectionState.REMOTE_CLOSING:
            return self._protocol.send(closing.response())
        return b""

    def fail(self, failure: Exception) -> None:
        """Take note of what has ended the stream, unless something has already."""
        if self._failure is None:
            self._failure = failure

    def check(self) -> None:
        """Raises: what has ended the stream, if anything has."""
        if self._failure is not None:
            raise self._failure

    def check_open(self) -> None:
        """Raises: what has ended the stream, if nothing can be asked for any more."""
        if self.closed:
            self.check()

    def send(self, event: Event) -> bytes:
        """The bytes of what is to be sent, behind what waits to be. Raises: what has closed it."""
        self.check_open()
        return self.take_outgoing() + self._protocol.send(event)

    def close(self) -> bytes:
        """The bytes that say goodbye."""
        if self._protocol.state is ConnectionState.OPEN:
            return self.take_outgoing() + self._protocol.send(CloseConnection(1000))
        return self.take_outgoing()

    def take_outgoing(self) -> bytes:
        """What is to be sent now, if anything."""
        data, self._outgoing = self._outgoing, b""
        return data
