"""SNS as a service: its names, its errors, and how a topic is named in a request"""

from broker.core import errors
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

sns = Service(
    name="sns",
    xmlns="http://sns.amazonaws.com/doc/2010-03-31/",
    version="2010-03-31",
    known_actions=frozenset(
        """AddPermission CheckIfPhoneNumberIsOptedOut ConfirmSubscription CreatePlatformApplication
        CreatePlatformEndpoint CreateSMSSandboxPhoneNumber DeleteEndpoint DeletePlatformApplication
        DeleteSMSSandboxPhoneNumber GetDataProtectionPolicy GetEndpointAttributes
        GetPlatformApplicationAttributes GetSMSAttributes GetSMSSandboxAccountStatus
        ListEndpointsByPlatformApplication ListOriginationNumbers ListPhoneNumbersOptedOut
        ListPlatformApplications ListSMSSandboxPhoneNumbers ListTagsForResource OptInPhoneNumber
        PutDataProtectionPolicy RemovePermission SetEndpointAttributes
        SetPlatformApplicationAttributes SetSMSAttributes SetTopicAttributes TagResource
        UntagResource VerifySMSSandboxPhoneNumber""".split()
    ),
    errors={
        errors.TopicDoesNotExist: Wire(404, "NotFound"),
        errors.SubscriptionDoesNotExist: Wire(404, "NotFound"),
        errors.InvalidParameter: Wire(400, "InvalidParameter"),
        errors.MissingParameter: Wire(400, "InvalidParameter"),
        errors.InvalidMessageContents: Wire(400, "InvalidParameter"),
        errors.MessageTooLong: Wire(400, "InvalidParameter"),
        errors.InvalidAttributeName: Wire(400, "InvalidParameter"),
        errors.InvalidAttributeValue: Wire(400, "ParameterValueInvalid"),
        UntypedAttribute: Wire(400, "ValidationError"),
        MissingMember: Wire(400, "InvalidParameter"),
        MalformedRequest: Wire(400, "InvalidParameter"),
        errors.NotSupported: Wire(400, "InvalidParameter"),
        **{kind: Wire(400, code) for kind, code in _BATCH.items()},
        errors.LimitExceeded: Wire(403, "SubscriptionLimitExceeded"),
        errors.RecordChanged: Wire(400, "ConcurrentAccess"),
        errors.StoreFull: Wire(429, "Throttled"),
        errors.StoreUnavailable: Wire(503, "ServiceUnavailable"),
        errors.StoreFailed: Wire(500, "InternalError"),
    },
)


def locate_topic(call: Call, topic_arn: str) -> tuple[Namespace, str]:
    """The namespace and the topic that an ARN names: of any account, in the request's region.

    Raises: InvalidParameter.
    """
    count = len(topic_arn.split(":"))
    if count < 6:
        raise errors.InvalidParameter(
            f"Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not {count}"
        )
    arn = Arn.parse(topic_arn)
    if arn is None or arn.service != "sns" or arn.namespace.region != call.namespace.region:
        raise errors.InvalidParameter("Invalid parameter: TopicArn")
    return arn.namespace, arn.resource
