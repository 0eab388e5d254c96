"""docs/compatibility-sqs.md: what there is of SQS; `python -m tests.compatibility_sqs` writes it"""

from broker.edge.aws.sqs import sqs
from tests.compatibility import NOT_TESTED, SUPPORTED, Page, Row
from tests.module_map import ROOT
from tests.wire.service_clients import MODELS
from tests.wire.sqs_exchanges import CONVERSATIONS

MODEL = MODELS["sqs"]
NOT_ENFORCED = "stored and returned, not enforced"
AT_REST = "stored and returned; encryption at rest is the disk's affair"

# Supported, but with less behind it than at AWS.
ACTION_NOTES = {
    "AddPermission": "the policy is stored, not enforced",
    "RemovePermission": "the policy is stored, not enforced",
}
ATTRIBUTE_NOTES = {
    "Policy": NOT_ENFORCED,
    "SqsManagedSseEnabled": AT_REST,
    "KmsMasterKeyId": AT_REST,
    "KmsDataKeyReusePeriodSeconds": AT_REST,
    "FifoThroughputLimit": "stored and returned; no queue's throughput is limited",
}
# Members that no conversation can have.
MEMBER_REASONS = {
    ("SendMessage", "request", "MessageSystemAttributes.BinaryValue"): "refused: only "
    "AWSTraceHeader, a String, is known",
    ("SendMessageBatch", "request", "Entries.MessageSystemAttributes.BinaryValue"): "refused: "
    "only AWSTraceHeader, a String, is known",
    ("ReceiveMessage", "response", "Messages.MessageAttributes.StringListValues"): "never "
    "returned: SQS takes none either",
    ("ReceiveMessage", "response", "Messages.MessageAttributes.BinaryListValues"): "never "
    "returned: SQS takes none either",
}
_KMS = "never answered: no key of KMS is ever used"
ERROR_REASONS = {
    "InvalidIdFormat": "never answered: SQS answers ReceiptHandleIsInvalid",
    "InvalidSecurity": "never answered: there is no authentication yet",
    "MessageNotInflight": "never answered: SQS answers InvalidParameterValue",
    "RequestThrottled": "answered when the store is full, or when a resource was changed at the "
    "same time; SDKs retry it",
    **{
        shape: _KMS
        for shape in MODEL.shape_names
        if shape.startswith("Kms") and MODEL.shape_for(shape).type_name == "structure"
    },
}

_INTRODUCTION = """# SQS compatibility

Every action, member, attribute and error of the service's model, and what there is of it. This
page is generated (`make map`) from botocore's model of SQS and from conversations that the tests
hold with a running daemon, over JSON through an unmodified boto3 and over Query: *supported* means
that one of them has it, with the answer it must have.
"""

_ERRORS = """Beside the modelled errors there are those that all services share: MissingParameter,
InvalidParameterValue, SerializationException, InvalidAction, ServiceUnavailable, InternalFailure.
"""


def _queue_attributes(page: Page) -> list[Row]:
    set_, returned = set(), set()
    for exchange in page.answered():
        if exchange.action in ("CreateQueue", "SetQueueAttributes"):
            set_ |= exchange.request.get("Attributes", {}).keys()
        elif exchange.action == "GetQueueAttributes":
            returned |= exchange.answer.get("Attributes", {}).keys()
    rows = []
    for name in page.model.shape_for("QueueAttributeName").enum:
        if name == "All":
            continue
        state = ATTRIBUTE_NOTES.get(name, SUPPORTED) if name in returned else NOT_TESTED
        rows.append((name, "set, returned" if name in set_ else "returned", state))
    return rows


def _system_attributes(page: Page) -> list[Row]:
    sent, returned = set(), set()
    for exchange in page.answered():
        for message in [exchange.request, *exchange.request.get("Entries", [])]:
            sent |= message.get("MessageSystemAttributes", {}).keys()
        for message in exchange.answer.get("Messages", []):
            returned |= message.get("Attributes", {}).keys()
    rows = [
        (
            name,
            "sent, received" if name in sent else "received",
            SUPPORTED if name in returned else NOT_TESTED,
        )
        for name in page.model.shape_for("MessageSystemAttributeName").enum
        if name != "All"
    ]
    return rows


def _attributes(page: Page) -> dict[str, list[Row]]:
    return {
        "Queue attributes": _queue_attributes(page),
        "System attributes of messages": _system_attributes(page),
    }


PAGE = Page(
    file=ROOT / "docs" / "compatibility-sqs.md",
    title="SQS",
    introduction=_INTRODUCTION,
    service=sqs,
    model=MODEL,
    exchanges=[exchange for each in CONVERSATIONS.values() for exchange in each],
    protocols="JSON and Query",
    refusal_code="UnsupportedOperation",
    attributes=_attributes,
    errors_introduction=_ERRORS,
    action_notes=ACTION_NOTES,
    member_reasons=MEMBER_REASONS,
    error_reasons=ERROR_REASONS,
)

if __name__ == "__main__":
    PAGE.file.write_text(PAGE.text())
