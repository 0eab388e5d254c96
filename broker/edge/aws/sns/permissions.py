"""SNS actions that let other accounts use a topic: they write statements of its policy"""

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.names import ACCOUNT
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sns.policy import with_permission, without_permission
from broker.edge.aws.sns.service import locate_topic, sns


class AddPermissionRequest(Members, kw_only=True):
    topic_arn: str
    label: str
    aws_account_id: list[str] = msgspec.field(name="AWSAccountId", default_factory=list)
    action_name: list[str] = msgspec.field(default_factory=list)


@sns.action("AddPermission", AddPermissionRequest)
async def add_permission(call: Call, request: AddPermissionRequest) -> None:
    """Add a statement to the topic's policy. It is stored and returned, not enforced."""
    namespace, name = locate_topic(call, request.topic_arn)
    topic = call.broker.topics.get(namespace, name)
    if not request.label:
        raise InvalidParameter("Invalid parameter: Label")
    accounts = request.aws_account_id
    if not accounts or not all(ACCOUNT.fullmatch(account) for account in accounts):
        raise InvalidParameter("Invalid parameter: AWSAccountId")
    if not request.action_name:
        raise InvalidParameter("Invalid parameter: ActionName")
    policy = with_permission(namespace, topic, request.label, accounts, request.action_name)
    await call.broker.topics.configure(namespace, msgspec.structs.replace(topic, policy=policy))


class RemovePermissionRequest(Members, kw_only=True):
    topic_arn: str
    label: str


@sns.action("RemovePermission", RemovePermissionRequest)
async def remove_permission(call: Call, request: RemovePermissionRequest) -> None:
    """Remove the statement of this label from the topic's policy."""
    namespace, name = locate_topic(call, request.topic_arn)
    topic = call.broker.topics.get(namespace, name)
    policy = without_permission(namespace, topic, request.label)
    await call.broker.topics.configure(namespace, msgspec.structs.replace(topic, policy=policy))
