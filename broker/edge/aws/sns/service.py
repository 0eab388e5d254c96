"""SNS as a service: its names, its errors, and how a topic is named in a request"""

from broker.core import errors
from broker.core.filter_policy import InvalidFilterPolicy
from broker.core.names import Arn, Namespace
from broker.edge.aws.protocol import MalformedRequest, MissingMember
from broker.edge.aws.service import Call, Service, Wire
from broker.edge.aws.sns.message_attributes import UntypedAttribute

_BATCH = {
    errors.EmptyBatch: "EmptyBatchRequest",
    errors.TooManyEntriesInBatch: "TooManyEntriesInBatchRequest",
    errors.InvalidBatchEntryId: "InvalidBatchEntryId",
    errors.BatchEntryIdsNotDistinct: "BatchEntryIdsNotDistinct",
    errors.BatchTooLong: "BatchRequestTooLong",
}


class TagLimitExceeded(errors.LimitExceeded):
    """The resource can't have more tags."""


sns = Service(
    name="sns",
    xmlns="http://sns.amazonaws.com/doc/2010-03-31/",
    version="2010-03-31",
    why_not="it is for programs, and has no mobile push and no text messages",
    known_actions=frozenset(
        """CheckIfPhoneNumberIsOptedOut CreatePlatformApplication CreatePlatformEndpoint
        CreateSMSSandboxPhoneNumber DeleteEndpoint DeletePlatformApplication
        DeleteSMSSandboxPhoneNumber GetEndpointAttributes GetPlatformApplicationAttributes
        GetSMSAttributes GetSMSSandboxAccountStatus ListEndpointsByPlatformApplication
        ListOriginationNumbers ListPhoneNumbersOptedOut ListPlatformApplications
        ListSMSSandboxPhoneNumbers OptInPhoneNumber SetEndpointAttributes
        SetPlatformApplicationAttributes SetSMSAttributes VerifySMSSandboxPhoneNumber""".split()
    ),
    errors={
        errors.TopicDoesNotExist: Wire(404, "NotFound"),
        errors.SubscriptionDoesNotExist: Wire(404, "NotFound"),
        errors.ResourceNotFound: Wire(404, "ResourceNotFound"),
        errors.InvalidParameter: Wire(400, "InvalidParameter"),
        InvalidFilterPolicy: Wire(400, "InvalidParameter"),
        errors.MissingParameter: Wire(400, "InvalidParameter"),
        errors.InvalidMessageContents: Wire(400, "InvalidParameter"),
        errors.MessageTooLong: Wire(400, "InvalidParameter"),
        errors.InvalidAttributeName: Wire(400, "InvalidParameter"),
        errors.InvalidAttributeValue: Wire(400, "ParameterValueInvalid"),
        UntypedAttribute: Wire(400, "ValidationError"),
        MissingMember: Wire(400, "InvalidParameter"),
        MalformedRequest: Wire(400, "InvalidParameter"),
        errors.NotSupported: Wire(400, "InvalidParameter"),
        errors.InvalidState: Wire(400, "InvalidState"),
        **{kind: Wire(400, code) for kind, code in _BATCH.items()},
        errors.SubscriptionLimitExceeded: Wire(403, "SubscriptionLimitExceeded"),
        errors.FilterPolicyLimitExceeded: Wire(403, "FilterPolicyLimitExceeded"),
        errors.AuthorizationRequired: Wire(403, "AuthorizationError"),
        TagLimitExceeded: Wire(400, "TagLimitExceeded"),
        errors.RecordChanged: Wire(400, "ConcurrentAccess"),
        errors.StoreFull: Wire(429, "Throttled"),
        errors.StoreUnavailable: Wire(503, "ServiceUnavailable"),
        errors.StoreFailed: Wire(500, "InternalError"),
    },
)


def locate_topic(call: Call, topic_arn: str) -> tuple[Namespace, str]:
    """The namespace and the topic that an ARN names: of any account, in the request's region.

    A request that isn't signed, such as the link in a confirmation, is for no region.
    Raises: InvalidParameter.
    """
    count = len(topic_arn.split(":"))
    if count < 6:
        raise errors.InvalidParameter(
            f"Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not {count}"
        )
    arn = Arn.parse(topic_arn)
    if (
        arn is None
        or arn.service != "sns"
        or (is_signed(call) and arn.namespace.region != call.namespace.region)
    ):
        raise errors.InvalidParameter("Invalid parameter: TopicArn")
    return arn.namespace, arn.resource


def is_signed(call: Call) -> bool:
    """Whether the request has a signature, in its headers or its query."""
    return "authorization" in call.request.headers or b"X-Amz-Credential=" in call.request.raw_query


def as_attribute(error: errors.InvalidParameter) -> errors.InvalidParameter:
    """The refusal of an attribute's value, as it is worded where several are given at once."""
    text = error.message.removeprefix("Invalid parameter: ")
    return type(error)(f"Invalid parameter: Attributes Reason: {text}")
