"""writes docs/compatibility-sqs.md: what there is of SQS, as the service's model lists it

`python -m tests.compatibility_sqs` writes it; a test holds it against the code. A thing is called
supported only if a conversation of `tests/wire/sqs_exchanges.py`, which the tests hold with a real
daemon over both protocols, has it in a request that was answered, or in the answer. What is here
for people to read is only why something is otherwise.
"""

from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

from broker.edge.aws.sqs import sqs
from tests.module_map import ROOT
from tests.wire.exchange import Exchange
from tests.wire.sqs_clients import MODEL
from tests.wire.sqs_exchanges import CONVERSATIONS

FILE = ROOT / "docs" / "compatibility-sqs.md"
SUPPORTED, NOT_TESTED = "supported", "**not tested**"
REFUSED = "refused by name"
NOT_ENFORCED = "stored and returned, not enforced"
AT_REST = "stored and returned; encryption at rest is the disk's affair"

EXCHANGES = [exchange for each in CONVERSATIONS.values() for exchange in each]

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

Member = tuple[str, str, str]  # action, "request" or "response", path


def page() -> str:
    """The whole page."""
    tested = set(_tested_members())
    parts = [_INTRODUCTION, "## Actions\n", _actions(), "## Members\n"]
    for action in sorted(MODEL.operation_names):
        operation = MODEL.operation_model(action)
        rows = [
            (side, path, _member_state((action, side, path), tested))
            for side, shape in (
                ("request", operation.input_shape),
                ("response", operation.output_shape),
            )
            for path in _paths(shape)
        ]
        parts += [f"### {action}\n", _table(("", "member", "state"), rows)]
    parts += ["## Queue attributes\n", _queue_attributes()]
    parts += ["## System attributes of messages\n", _system_attributes()]
    parts += ["## Errors\n", _ERRORS, _errors()]
    return "\n".join(parts)


_INTRODUCTION = """# SQS compatibility

Every action, member, attribute and error of the service's model, and what there is of it. This
page is generated (`make map`) from botocore's model of SQS and from conversations that the tests
hold with a running daemon, over JSON through an unmodified boto3 and over Query: *supported* means
that one of them has it, with the answer it must have.
"""

_ERRORS = """Beside the modelled errors there are those that all services share: MissingParameter,
InvalidParameterValue, SerializationException, InvalidAction, ServiceUnavailable, InternalFailure.
"""


def _actions() -> str:
    answered = {exchange.action for exchange in EXCHANGES if exchange.refusal is None}
    rows = []
    for action in sorted(MODEL.operation_names):
        state = NOT_TESTED
        if action not in sqs.actions:
            state = REFUSED
        elif action in answered:
            state = SUPPORTED
        note = ACTION_NOTES.get(action)
        rows.append((action, f"{state}; {note}" if note else state))
    return _table(("action", "JSON and Query"), rows)


def _member_state(member: Member, tested: set[Member]) -> str:
    action, _, path = member
    if member in tested:
        return SUPPORTED
    if member in MEMBER_REASONS:
        return MEMBER_REASONS[member]
    return REFUSED if _is_refused(action, path) else NOT_TESTED


def _is_refused(action: str, path: str) -> bool:
    """Whether a conversation shows that the member is refused by its name."""
    return any(
        exchange.action == action
        and exchange.refusal is not None
        and exchange.refusal.shape == "UnsupportedOperation"
        and exchange.refusal.message.startswith(path.rpartition(".")[2])
        and path in set(_given(MODEL.operation_model(action).input_shape, exchange.request))
        for exchange in EXCHANGES
    )


def _queue_attributes() -> str:
    set_, returned = set(), set()
    for exchange in _answered():
        if exchange.action in ("CreateQueue", "SetQueueAttributes"):
            set_ |= exchange.request.get("Attributes", {}).keys()
        elif exchange.action == "GetQueueAttributes":
            returned |= exchange.answer.get("Attributes", {}).keys()
    rows = []
    for name in MODEL.shape_for("QueueAttributeName").enum:
        if name == "All":
            continue
        state = SUPPORTED if name in returned else NOT_TESTED
        can_be_set = "set, returned" if name in set_ else "returned"
        rows.append((name, can_be_set, ATTRIBUTE_NOTES.get(name, state)))
    return _table(("attribute", "", "state"), rows)


def _system_attributes() -> str:
    sent, returned = set(), set()
    for exchange in _answered():
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
        for name in MODEL.shape_for("MessageSystemAttributeName").enum
        if name != "All"
    ]
    return _table(("attribute", "", "state"), rows)


def _errors() -> str:
    answered = {exchange.refusal.shape for exchange in EXCHANGES if exchange.refusal is not None}
    codes = {wire.shape: wire.query_code for wire in sqs.errors.values()}
    rows = []
    for shape in sorted(MODEL.shape_names):
        if not MODEL.shape_for(shape).metadata.get("exception"):
            continue
        state = SUPPORTED if shape in answered else ERROR_REASONS.get(shape, NOT_TESTED)
        rows.append((shape, codes.get(shape, ""), state))
    return _table(("error", "code in Query", "state"), rows)


def _answered() -> list[Exchange]:
    return [exchange for exchange in EXCHANGES if exchange.refusal is None]


def _tested_members() -> Iterator[Member]:
    for exchange in _answered():
        operation = MODEL.operation_model(exchange.action)
        for path in _given(operation.input_shape, exchange.request):
            yield exchange.action, "request", path
        for path in _given(operation.output_shape, exchange.answer):
            yield exchange.action, "response", path


def _paths(shape: Shape | None) -> Iterator[str]:
    """All members of a shape; those of what lies in lists and maps with a dot."""
    if shape is None:
        return
    for name, member in shape.members.items():
        yield name
        inner = _inner(member)
        if inner.type_name == "structure":
            yield from (f"{name}.{path}" for path in _paths(inner))


def _given(shape: Shape | None, value: Any) -> Iterator[str]:
    """Which of them a request or an answer has."""
    if shape is None:
        return
    for name, each in value.items():
        yield name
        member = shape.members[name]
        inner = _inner(member)
        if inner.type_name != "structure":
            continue
        items = each.values() if member.type_name == "map" else each
        for item in items:
            yield from (f"{name}.{path}" for path in _given(inner, item))


def _inner(shape: Shape) -> Shape:
    if shape.type_name == "list":
        return shape.member
    return shape.value if shape.type_name == "map" else shape


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return "No members.\n"
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    FILE.write_text(page())
