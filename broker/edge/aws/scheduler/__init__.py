"""EventBridge Scheduler: schedules, their groups, and the groups' tags"""

from broker.edge.aws.scheduler import groups, schedules, tags
from broker.edge.aws.scheduler.rest import ROOT, answer_rest

__all__ = ["ROOT", "answer_rest", "groups", "schedules", "tags"]
