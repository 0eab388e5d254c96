"""EventBridge Scheduler: schedules, their groups, and the groups' tags"""

from broker.edge.aws.scheduler import groups, schedules, tags
from broker.edge.aws.scheduler.service import scheduler

__all__ = ["groups", "scheduler", "schedules", "tags"]
