"""docs/compatibility-eventbridge.md: what there is of EventBridge; run it to write the page"""

from broker.edge.aws.events import events
from tests.compatibility import Page
from tests.module_map import ROOT
from tests.wire.events_exchanges import CONVERSATIONS
from tests.wire.service_clients import MODELS

_INTRODUCTION = """# EventBridge compatibility

Every action, member and error of the service's model, and what there is of it. This page is
generated (`make map`) from botocore's model of EventBridge and from conversations that the tests
hold with a running daemon, through an unmodified boto3, the AWS SDK for JavaScript and the AWS CLI:
*supported* means that one of them has it, with the answer it must have.

Of rules, what has no place here is refused by name: partner event sources, global endpoints, and
targets that are neither queues, topics, functions, event buses, log groups nor API destinations.
"""

_PAGES = "supported; 100 at most"
MEMBER_REASONS = {
    ("PutEvents", "request", "EndpointId"): "refused by name; a test of its own shows it",
    **{
        (action, side, "NextToken"): _PAGES
        for action in (
            *("ListApiDestinations", "ListArchives", "ListConnections", "ListEventBuses"),
            *("ListReplays", "ListRuleNamesByTarget", "ListRules"),
        )
        for side in ("request", "response")
    },
}
_SHOWN = "supported; a test of its own shows it"
MEMBER_REASONS |= {
    ("CancelReplay", side, name): _SHOWN
    for side, name in (("request", "ReplayName"), ("response", "ReplayArn"), ("response", "State"))
}
_NEVER_SET = "never answered: it can't be set"
NAME_REASONS = {
    ("response", "StateReason"): "answered if something has failed",
    ("response", "LastAuthorizedTime"): "never answered: it isn't kept",
    ("response", "KmsKeyIdentifier"): _NEVER_SET,
    ("response", "LogConfig"): _NEVER_SET,
    ("response", "ConnectivityParameters"): _NEVER_SET,
    ("response", "InvocationConnectivityParameters"): _NEVER_SET,
    ("response", "SizeBytes"): "never answered: bytes aren't counted",
    ("response", "SecretArn"): "never answered: secrets are kept by the broker itself",
    ("response", "ManagedBy"): "never answered: nothing is managed by AWS",
    ("response", "CreatedBy"): "never answered: there is no authentication yet",
    ("response", "EventLastReplayedTime"): "answered once an event was replayed",
    ("response", "FailedEntries"): "always empty: a request is taken whole or refused whole",
    **{
        ("response", f"{kind}Parameters"): _NEVER_SET
        for kind in (
            *("Kinesis", "RunCommand", "Ecs", "Batch", "RedshiftData", "SageMakerPipeline"),
            "AppSync",
        )
    },
}
ACTION_REASONS = {"CancelReplay": _SHOWN}
_NOT_TO_BE = "never answered: there is no such thing here"
ERROR_REASONS = {
    "AccessDeniedException": "never answered: there is no authentication yet",
    "ConcurrentModificationException": "answered when a resource was changed at the same time",
    "InternalException": "answered to our own bugs",
    "InvalidStateException": _NOT_TO_BE,
    "ManagedRuleException": "never answered: no rule is managed by AWS",
    "OperationDisabledException": _NOT_TO_BE,
    "ThrottlingException": "answered when the disk or the quota is full",
}


PAGE = Page(
    file=ROOT / "docs" / "compatibility-eventbridge.md",
    title="EventBridge",
    introduction=_INTRODUCTION,
    service=events,
    model=MODELS["events"],
    exchanges=[exchange for each in CONVERSATIONS.values() for exchange in each],
    protocols="JSON",
    refusal_code="ValidationException",
    member_reasons=MEMBER_REASONS,
    name_reasons=NAME_REASONS,
    error_reasons=ERROR_REASONS,
    action_reasons=ACTION_REASONS,
)

if __name__ == "__main__":
    PAGE.file.write_text(PAGE.text())
