"""docs/compatibility-pipes.md: what there is of Pipes; run it to write the page"""

from broker.edge.aws.pipes import pipes
from tests.compatibility import Page
from tests.module_map import ROOT
from tests.wire.pipes_exchanges import CONVERSATIONS, OTHER_SOURCES, OTHER_TARGETS
from tests.wire.service_clients import MODELS

_INTRODUCTION = """# EventBridge Pipes compatibility

Every action, member and error of the service's model, and what there is of it. This page is
generated (`make map`) from botocore's model of EventBridge Pipes and from conversations that the
tests hold with a running daemon, through an unmodified boto3, the AWS SDK for JavaScript and the
AWS CLI: *supported* means that one of them has it, with the answer it must have.

The source is a queue; the target a queue, a topic, a function, an event bus or an API destination;
the enrichment a function or an API destination. Parameters of other services are refused by name.
[Pipes](pipes.md) tells what they do.
"""

_SHOWN = "supported; a test of its own shows it"
_FUNCTION = "TargetParameters.LambdaFunctionParameters"
MEMBER_REASONS = {
    ("ListPipes", "request", "NextToken"): _SHOWN,
    ("ListPipes", "request", "Limit"): _SHOWN,
    ("ListPipes", "response", "NextToken"): _SHOWN,
    **{
        (action, side, _FUNCTION): _SHOWN
        for action, side in (
            ("CreatePipe", "request"),
            ("UpdatePipe", "request"),
            ("DescribePipe", "response"),
        )
    },
}
_NEVER_SET = "never answered: it can't be set"
NAME_REASONS = {
    **{("response", name): _NEVER_SET for name in (*OTHER_SOURCES, *OTHER_TARGETS)},
    ("response", "EndpointId"): _NEVER_SET,
    ("response", "LogConfiguration"): _NEVER_SET,
    ("response", "StateReason"): "never answered: no pipe fails to start",
}
ERROR_REASONS = {
    "InternalException": "answered to our own bugs",
    "ServiceQuotaExceededException": "answered when there are too many pipes",
    "ThrottlingException": "answered when the disk or the quota is full",
}


PAGE = Page(
    file=ROOT / "docs" / "compatibility-pipes.md",
    title="Pipes",
    introduction=_INTRODUCTION,
    service=pipes,
    model=MODELS["pipes"],
    exchanges=[exchange for each in CONVERSATIONS.values() for exchange in each],
    protocols="REST",
    refusal_code="ValidationException",
    member_reasons=MEMBER_REASONS,
    name_reasons=NAME_REASONS,
    error_reasons=ERROR_REASONS,
)

if __name__ == "__main__":
    PAGE.file.write_text(PAGE.text())
