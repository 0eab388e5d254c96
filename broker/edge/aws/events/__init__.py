"""EventBridge: events, buses, rules, targets"""

from broker.edge.aws.events import buses, put_events, rules, targets
from broker.edge.aws.events.service import events

__all__ = ["buses", "events", "put_events", "rules", "targets"]
