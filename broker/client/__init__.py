"""Python client over httpx and wsproto, blocking and awaited, for programs and the command line"""

from broker.client.clients import AsyncClient, Client
from broker.client.errors import (
    BrokerClientError,
    BrokerNotRunning,
    BrokerRefused,
    BrokerUnanswered,
    StreamEnded,
)
from broker.client.results import (
    BulkResult,
    Done,
    EntryError,
    FunctionInfo,
    Invocation,
    Page,
    PeekedMessage,
    PeekPage,
    QueueInfo,
    QueueStatistics,
    Rates,
    ReceivedMessage,
    Status,
    StreamMessage,
    TagError,
    TopicInfo,
)
from broker.client.streams import AsyncMessageStream, MessageStream

__all__ = [
    "AsyncClient",
    "AsyncMessageStream",
    "BrokerClientError",
    "BrokerNotRunning",
    "BrokerRefused",
    "BrokerUnanswered",
    "BulkResult",
    "Client",
    "Done",
    "EntryError",
    "FunctionInfo",
    "Invocation",
    "MessageStream",
    "Page",
    "PeekPage",
    "PeekedMessage",
    "QueueInfo",
    "QueueStatistics",
    "Rates",
    "ReceivedMessage",
    "Status",
    "StreamEnded",
    "StreamMessage",
    "TagError",
    "TopicInfo",
]
