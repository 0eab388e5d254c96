"""docs/compatibility-lambda.md: what there is of Lambda; run it to write the page"""

from broker.edge.aws.lambda_ import lambda_
from tests.compatibility import Page
from tests.module_map import ROOT
from tests.wire.lambda_exchanges import (
    CONVERSATIONS,
    FOREIGN_LOGGING,
    FOREIGN_SETTINGS,
    NEWER_SETTINGS,
    OF_STREAMS,
)
from tests.wire.service_clients import MODELS

_INTRODUCTION = """# Lambda compatibility

Every action, member and error of the service's model, and what there is of it. This page is
generated (`make map`) from botocore's model of Lambda and from conversations that the tests hold
with a running daemon, through an unmodified boto3 and the AWS SDK for JavaScript: *supported* means
that one of them has it, with the answer it must have. The AWS CLI has tests of its own.

Functions are made of zip files, for the runtimes of Python and Node.js that are on the host, or
with a bootstrap of their own (`provided`). Architectures and the size of `/tmp` are kept and
returned, without effect; permissions are kept and not enforced. [Functions](functions.md) tells
what they do.
"""

_SHOWN = "supported; a test of its own shows it"
_INVOKE = ("InvocationType", "LogType", "ClientContext", "Payload", "Qualifier")
_INVOKED = ("StatusCode", "FunctionError", "LogResult", "Payload", "ExecutedVersion")
_NEVER = "never answered: it can't be set"
_CONFIGURATIONS = (
    "CreateFunction",
    "GetFunctionConfiguration",
    "PublishVersion",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
)
MEMBER_REASONS = {
    **{("Invoke", "request", name): _SHOWN for name in ("FunctionName", *_INVOKE)},
    **{("Invoke", "response", name): _SHOWN for name in _INVOKED},
    **{("InvokeAsync", "request", name): _SHOWN for name in ("FunctionName", "InvokeArgs")},
    ("InvokeAsync", "response", "Status"): _SHOWN,
    ("Invoke", "response", "DurableExecutionArn"): _NEVER,
    **{
        ("InvokeWithResponseStream", "request", name): _SHOWN for name in ("FunctionName", *_INVOKE)
    },
    **{
        ("InvokeWithResponseStream", "response", name): _SHOWN
        for name in ("StatusCode", "ExecutedVersion", "EventStream", "ResponseStreamContentType")
    },
    ("InvokeWithResponseStream", "request", "TenantId"): "refused by name",
    ("ListFunctions", "response", "NextMarker"): _SHOWN,
    ("ListFunctionEventInvokeConfigs", "response", "NextMarker"): _SHOWN,
    ("ListFunctionUrlConfigs", "response", "NextMarker"): _SHOWN,
    ("ListEventSourceMappings", "response", "NextMarker"): _SHOWN,
    **{
        (action, "request", "Qualifier"): _SHOWN
        for action in (
            "CreateFunctionUrlConfig",
            "DeleteFunctionUrlConfig",
            "GetFunctionConfiguration",
            "GetFunctionUrlConfig",
            "UpdateFunctionUrlConfig",
        )
    },
}
_OF_FUNCTIONS = (
    *FOREIGN_SETTINGS,
    *NEWER_SETTINGS,
    *FOREIGN_LOGGING,
    "VpcConfig",
    "MasterArn",
    "SigningProfileVersionArn",
    "SigningJobArn",
    "StateReason",
    "StateReasonCode",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
    "ImageConfigResponse",
    "RuntimeVersionConfig",
    "ConfigSha256",
    "TenancyConfig",
    "Error",
    "ImageUri",
    "ResolvedImageUri",
    "ResolvedS3Object",
    "SourceKMSKeyArn",
    "TagsError",
)
_OF_MAPPINGS = (
    *OF_STREAMS,
    "StartingPosition",
    "StartingPositionTimestamp",
    "Topics",
    "Queues",
    "SelfManagedEventSource",
    "FilterCriteriaError",
)
NAME_REASONS = {("response", name): _NEVER for name in (*_OF_FUNCTIONS, *_OF_MAPPINGS)}
ERROR_REASONS = {
    "ServiceException": "answered to our own bugs, and when the disk or the quota is full",
    "RequestTooLargeException": "answered to payloads over 6 MiB; RequestEntityTooLargeException",
    "RecursiveInvocationException": "answered where a function has led to itself sixteen times",
}


def _page() -> Page:
    shown = {x.refusal.shape for each in CONVERSATIONS.values() for x in each if x.refusal}
    model = MODELS["lambda"]
    errors = {
        shape: "never answered: there is nothing here that it could be about"
        for shape in model.shape_names
        if model.shape_for(shape).metadata.get("exception") and shape not in shown
    }
    return Page(
        file=ROOT / "docs" / "compatibility-lambda.md",
        title="Lambda",
        introduction=_INTRODUCTION,
        service=lambda_,
        model=model,
        exchanges=[exchange for each in CONVERSATIONS.values() for exchange in each],
        protocols="REST",
        refusal_code="InvalidParameterValueException",
        member_reasons=MEMBER_REASONS,
        name_reasons=NAME_REASONS,
        error_reasons={**errors, **ERROR_REASONS},
        action_reasons=dict.fromkeys(("Invoke", "InvokeAsync", "InvokeWithResponseStream"), _SHOWN),
    )


PAGE = _page()

if __name__ == "__main__":
    PAGE.file.write_text(PAGE.text())
