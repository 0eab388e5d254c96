"""SQS actions that let other accounts use a queue: they write statements of its policy"""

import re
from typing import ClassVar

import msgspec

from broker.core.errors import InvalidParameter, MissingParameter
from broker.core.names import ACCOUNT
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs.policy import with_permission, without_permission
from broker.edge.aws.sqs.service import locate_queue, sqs

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
# What a queue's owner can share; a batch goes by the name of its single action.
SHARED_ACTIONS = frozenset(
    {
        "*",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    }
)


class AddPermissionRequest(Members, kw_only=True):
    query_names: ClassVar = {"AWSAccountIds": "AWSAccountId", "Actions": "ActionName"}
    queue_url: str
    label: str
    aws_account_ids: list[str] = msgspec.field(name="AWSAccountIds", default_factory=list)
    actions: list[str] = msgspec.field(default_factory=list)


@sqs.action("AddPermission", AddPermissionRequest)
async def add_permission(call: Call, request: AddPermissionRequest) -> None:
    """Add a statement to the queue's policy. It is stored and returned, not enforced."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    _check_label(request.label)
    if not request.actions:
        raise MissingParameter("The request must contain the parameter Actions.")
    for action in request.actions:
        _check_action(action)
    accounts = request.aws_account_ids
    if not accounts or not all(ACCOUNT.fullmatch(account) for account in accounts):
        shown = msgspec.json.encode(accounts).decode()
        raise InvalidParameter(
            f"Value {shown} for parameter PrincipalId is invalid. Reason: Unable to verify."
        )
    policy = with_permission(
        queue.policy, namespace.arn("sqs", name), request.label, accounts, request.actions
    )
    await call.broker.queues.configure(
        namespace,
        msgspec.structs.replace(queue, policy=policy, modified_at_ms=call.broker.now_ms()),
    )


class RemovePermissionRequest(Members, kw_only=True):
    queue_url: str
    label: str


@sqs.action("RemovePermission", RemovePermissionRequest)
async def remove_permission(call: Call, request: RemovePermissionRequest) -> None:
    """Remove the statement of this label; with the last one goes the policy."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    _check_label(request.label)
    policy = without_permission(queue.policy, request.label)
    await call.broker.queues.configure(
        namespace,
        msgspec.structs.replace(queue, policy=policy, modified_at_ms=call.broker.now_ms()),
    )


def _check_label(label: str) -> None:
    if not _LABEL.fullmatch(label):
        raise InvalidParameter(
            f"Value {label} for parameter Label is invalid. Reason: Can only include "
            "alphanumeric characters, hyphens, or underscores. 1 to 80 in length."
        )


def _check_action(action: str) -> None:
    if action in SHARED_ACTIONS:
        return
    known = action in sqs.actions and not action.endswith("Batch")
    reason = (
        "Only the queue owner is allowed to invoke this action."
        if known
        else "Please refer to the appropriate WSDL for a list of valid actions."
    )
    raise InvalidParameter(
        f"Value SQS:{action} for parameter ActionName is invalid. Reason: {reason}"
    )
