"""the streams that are open: found by their ids, ended when their queue or the daemon ends"""

from collections.abc import Iterator
from contextlib import contextmanager

from broker.core.errors import StreamDoesNotExist
from broker.core.names import Namespace
from broker.runtime.ids import Ids
from broker.runtime.queues import Queues
from broker.runtime.stream import QUEUE_DELETED, SHUTTING_DOWN, Stream, StreamSettings


class Streams:
    """Opens streams. None outlives the block that opened it."""

    def __init__(self, queues: Queues, ids: Ids) -> None:
        self._queues = queues
        self._ids = ids
        self._open: dict[str, Stream] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def open(self, namespace: Namespace, queue: str, settings: StreamSettings) -> Iterator[Stream]:
        """A stream to run, which can be found as long as the block lasts."""
        stream = Stream(self._queues, namespace, queue, self._ids.new_text(), settings)
        self._open[stream.id] = stream
        if self._closed:
            stream.end(SHUTTING_DOWN)
        try:
            yield stream
        finally:
            del self._open[stream.id]

    def find(self, namespace: Namespace, queue: str, stream_id: str) -> Stream:
        """An open stream of that queue. Raises: StreamDoesNotExist."""
        stream = self._open.get(stream_id)
        if stream is None or stream.over or (stream.namespace, stream.queue) != (namespace, queue):
            raise StreamDoesNotExist
        return stream

    def end_of_queue(self, namespace: str, queue: str) -> None:
        """A queue was deleted, and its streams end."""
        for stream in self._open.values():
            if stream.queue == queue and stream.namespace.text == namespace:
                stream.end(QUEUE_DELETED)

    def close(self) -> None:
        """The daemon stops: every stream ends, once its receiver has settled what it holds."""
        self._closed = True
        for stream in self._open.values():
            stream.end(SHUTTING_DOWN)
