"""SQS: queues and messages"""

from broker.edge.aws.sqs import (
    dead_letter_sources,
    delete,
    message_move_tasks,
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
    "message_move_tasks",
    "permissions",
    "queues",
    "receive",
    "send",
    "sqs",
    "tags",
    "visibility",
]
