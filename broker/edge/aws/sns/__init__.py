"""SNS: topics, subscriptions, publish"""

from broker.edge.aws.sns import (
    data_protection,
    permissions,
    publish,
    subscriptions,
    tags,
    topics,
)
from broker.edge.aws.sns.service import sns

__all__ = [
    "data_protection",
    "permissions",
    "publish",
    "sns",
    "subscriptions",
    "tags",
    "topics",
]
