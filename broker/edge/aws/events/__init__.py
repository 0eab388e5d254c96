"""EventBridge: events, buses, rules, targets"""

from broker.edge.aws.events import (
    api_destinations,
    archives,
    buses,
    connections,
    permissions,
    put_events,
    replays,
    rules,
    tags,
    targets,
)
from broker.edge.aws.events.service import events

__all__ = [
    "api_destinations",
    "archives",
    "buses",
    "connections",
    "events",
    "permissions",
    "put_events",
    "replays",
    "rules",
    "tags",
    "targets",
]
