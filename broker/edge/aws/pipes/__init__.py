"""EventBridge Pipes: pipes and their tags"""

from broker.edge.aws.pipes import actions, tags
from broker.edge.aws.pipes.service import pipes

__all__ = ["actions", "pipes", "tags"]
