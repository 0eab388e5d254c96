"""EventBridge: events, buses, rules, targets"""

from broker.edge.aws.events import (
    archives,
    buses,
    permissions,
    put_events,
    replays,
    rules,
    tags,
    targets,
)
from broker.edge.aws.events.service import events

__all__ = [
    "archives",
    "buses",
    "events",
    "permissions",
    "put_events",
    "replays",
    "rules",
    "tags",
    "targets",
]
