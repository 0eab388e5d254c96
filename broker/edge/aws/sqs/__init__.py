"""SQS: queues and messages"""

from broker.edge.aws.sqs import (
    dead_letter_sources,
    delete,
    permissions,
    queues,
    receive,
    send,
    tags,
    visibility,
)
from broker.edge.aws.sqs.service import sqs

__all__ = [
    "dead_letter_sources",
    "delete",
    "permissions",
    "queues",
    "receive",
    "send",
    "sqs",
    "tags",
    "visibility",
]
