"""SQS: queues and messages"""

from broker.edge.aws.sqs import delete, queues, receive, send, visibility
from broker.edge.aws.sqs.service import sqs

__all__ = ["delete", "queues", "receive", "send", "sqs", "visibility"]
