"""SNS actions on a topic's data protection policy: stored and returned, without effect here"""

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import TOPIC_POLICY_BYTES_MAX
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sns.service import sns
from broker.edge.aws.sns.tags import ResourceArnRequest, topic_of


def checked_data_protection_policy(text: str) -> str | None:
    """The document as given; an empty text is none. Raises: InvalidParameter."""
    if not text:
        return None
    if len(text.encode()) > TOPIC_POLICY_BYTES_MAX:
        raise InvalidParameter("Invalid parameter: DataProtectionPolicy Reason: it is too large")
    try:
        document = parse_json(text)
    except InvalidJson:
        document = None
    if not isinstance(document, dict):
        raise InvalidParameter(
            "Invalid parameter: DataProtectionPolicy Reason: it is no JSON object"
        )
    return text


class PutDataProtectionPolicyRequest(Members, kw_only=True):
    resource_arn: str
    data_protection_policy: str


@sns.action("PutDataProtectionPolicy", PutDataProtectionPolicyRequest)
async def put_data_protection_policy(call: Call, request: PutDataProtectionPolicyRequest) -> None:
    """Keep the policy with the topic. Nothing is looked for, masked or refused by it."""
    namespace, topic = topic_of(call, request.resource_arn)
    policy = checked_data_protection_policy(request.data_protection_policy)
    changed = msgspec.structs.replace(topic, data_protection_policy=policy)
    await call.broker.topics.configure(namespace, changed)


class GetDataProtectionPolicyResponse(Members, kw_only=True):
    data_protection_policy: str


@sns.action("GetDataProtectionPolicy", ResourceArnRequest)
async def get_data_protection_policy(
    call: Call, request: ResourceArnRequest
) -> GetDataProtectionPolicyResponse:
    """The policy as it was put; empty if there is none."""
    _, topic = topic_of(call, request.resource_arn)
    return GetDataProtectionPolicyResponse(
        data_protection_policy=topic.data_protection_policy or ""
    )
