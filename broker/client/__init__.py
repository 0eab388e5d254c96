"""Python client over httpx, synchronous and asynchronous, for programs and the command line"""

from broker.client.clients import AsyncClient, Client
from broker.client.errors import (
    BrokerClientError,
    BrokerNotRunning,
    BrokerRefused,
    BrokerUnanswered,
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
    TopicInfo,
)

__all__ = [
    "AsyncClient",
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
    "Page",
    "PeekPage",
    "PeekedMessage",
    "QueueInfo",
    "QueueStatistics",
    "Rates",
    "ReceivedMessage",
    "Status",
    "TopicInfo",
]
