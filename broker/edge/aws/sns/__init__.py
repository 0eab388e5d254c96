"""SNS: topics, subscriptions, publish"""

from broker.edge.aws.sns import publish, subscriptions, topics
from broker.edge.aws.sns.service import sns

__all__ = ["publish", "sns", "subscriptions", "topics"]
