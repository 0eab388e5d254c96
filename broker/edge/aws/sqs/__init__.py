"""SQS: queues and messages"""

from broker.edge.aws.sqs import messages, queues
from broker.edge.aws.sqs.service import sqs

__all__ = ["messages", "queues", "sqs"]
