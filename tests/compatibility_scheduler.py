"""docs/compatibility-scheduler.md: what there is of Scheduler; run it to write the page"""

from broker.edge.aws.scheduler import scheduler
from tests.compatibility import Page
from tests.module_map import ROOT
from tests.wire.scheduler_exchanges import CONVERSATIONS, NEWER_TARGETS, OTHER_TARGETS
from tests.wire.service_clients import MODELS

_INTRODUCTION = """# EventBridge Scheduler compatibility

Every action, member and error of the service's model, and what there is of it. This page is
generated (`make map`) from botocore's model of EventBridge Scheduler and from conversations that
the tests hold with a running daemon, through an unmodified boto3, the AWS SDK for JavaScript and
the AWS CLI: *supported* means that one of them has it, with the answer it must have.

Targets are queues, topics, functions and event buses; parameters of other services are refused by
name. [Schedules](schedules.md) tells when they run.
"""

_SHOWN = "supported; a test of its own shows it"
MEMBER_REASONS = {
    (action, side, name): _SHOWN
    for action in ("ListScheduleGroups", "ListSchedules")
    for side, name in (
        ("request", "NextToken"),
        ("request", "MaxResults"),
        ("response", "NextToken"),
    )
}
NAME_REASONS = {
    ("response", name): "never answered: it can't be set"
    for name in (*OTHER_TARGETS, *NEWER_TARGETS)
}
ERROR_REASONS = {
    "InternalServerException": "answered to our own bugs",
    "ServiceQuotaExceededException": "answered to a group with too many tags",
    "ThrottlingException": "answered when the disk or the quota is full",
}


PAGE = Page(
    file=ROOT / "docs" / "compatibility-scheduler.md",
    title="Scheduler",
    introduction=_INTRODUCTION,
    service=scheduler,
    model=MODELS["scheduler"],
    exchanges=[exchange for each in CONVERSATIONS.values() for exchange in each],
    protocols="REST",
    refusal_code="ValidationException",
    member_reasons=MEMBER_REASONS,
    name_reasons=NAME_REASONS,
    error_reasons=ERROR_REASONS,
)

if __name__ == "__main__":
    PAGE.file.write_text(PAGE.text())
