"""EventBridge: events, buses, rules, targets"""

from broker.edge.aws.events import buses, permissions, put_events, rules, tags, targets
from broker.edge.aws.events.service import events

__all__ = ["buses", "events", "permissions", "put_events", "rules", "tags", "targets"]
