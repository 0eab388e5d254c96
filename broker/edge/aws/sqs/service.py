"""SQS as a service: its names, its errors, and how a queue is named in a request"""

from broker.core import errors
from broker.core.names import ACCOUNT, QUEUE_NAME, Namespace
from broker.edge.aws.protocol import MalformedRequest, MissingMember
from broker.edge.aws.service import Call, Service, Wire

_SQS = "AWS.SimpleQueueService."

sqs = Service(
    name="sqs",
    xmlns="http://queue.amazonaws.com/doc/2012-11-05/",
    version="2012-11-05",
    target_prefix="AmazonSQS",
    error_namespace="com.amazonaws.sqs",
    invalid_action="The action {} is not valid for this endpoint.",
    error_detail=True,
    flattened=True,
    query_compatible=True,
    known_actions=frozenset(
        {
            "AddPermission",
            "CancelMessageMoveTask",
            "ListDeadLetterSourceQueues",
            "ListMessageMoveTasks",
            "ListQueueTags",
            "RemovePermission",
            "StartMessageMoveTask",
            "TagQueue",
            "UntagQueue",
        }
    ),
    errors={
        errors.QueueDoesNotExist: Wire(
            400,
            "QueueDoesNotExist",
            _SQS + "NonExistentQueue",
            "The specified queue does not exist for this wsdl version.",
        ),
        errors.QueueNameExists: Wire(400, "QueueNameExists", "QueueAlreadyExists"),
        errors.InvalidParameter: Wire(
            400, "InvalidParameterValueException", "InvalidParameterValue"
        ),
        errors.MissingParameter: Wire(400, "MissingRequiredParameterException", "MissingParameter"),
        MissingMember: Wire(400, "MissingRequiredParameterException", "MissingParameter"),
        MalformedRequest: Wire(400, "SerializationException", "SerializationException"),
        errors.InvalidAttributeName: Wire(400, "InvalidAttributeName"),
        errors.InvalidAttributeValue: Wire(400, "InvalidAttributeValue"),
        errors.InvalidMessageContents: Wire(400, "InvalidMessageContents"),
        errors.MessageTooLong: Wire(400, "InvalidParameterValueException", "InvalidParameterValue"),
        errors.ReceiptHandleIsInvalid: Wire(400, "ReceiptHandleIsInvalid"),
        errors.MessageNotInFlight: Wire(
            400, "InvalidParameterValueException", "InvalidParameterValue"
        ),
        errors.TooManyEntriesInBatch: Wire(
            400, "TooManyEntriesInBatchRequest", _SQS + "TooManyEntriesInBatchRequest"
        ),
        errors.InvalidBatchEntryId: Wire(400, "InvalidBatchEntryId", _SQS + "InvalidBatchEntryId"),
        errors.BatchTooLong: Wire(400, "BatchRequestTooLong", _SQS + "BatchRequestTooLong"),
        errors.EmptyBatch: Wire(400, "EmptyBatchRequest", _SQS + "EmptyBatchRequest"),
        errors.BatchEntryIdsNotDistinct: Wire(
            400, "BatchEntryIdsNotDistinct", _SQS + "BatchEntryIdsNotDistinct"
        ),
        errors.PurgeQueueInProgress: Wire(
            403, "PurgeQueueInProgress", _SQS + "PurgeQueueInProgress"
        ),
        errors.OverLimit: Wire(403, "OverLimit"),
        errors.NotSupported: Wire(400, "UnsupportedOperation", _SQS + "UnsupportedOperation"),
        errors.RecordChanged: Wire(400, "RequestThrottled"),
        errors.StoreFull: Wire(503, "RequestThrottled"),
        errors.StoreUnavailable: Wire(503, "ServiceUnavailable"),
        errors.StoreFailed: Wire(500, "InternalFailure"),
    },
)


def locate_queue(call: Call, queue_url: str) -> tuple[Namespace, str]:
    """The namespace and the queue that a URL names, whatever host it has.

    The account is the URL's if it names one, the region the request's.
    Raises: QueueDoesNotExist, for what can't be a queue's name.
    """
    parts = queue_url.rstrip("/").rsplit("/", 2)
    name = parts[-1]
    if not QUEUE_NAME.fullmatch(name):
        raise errors.QueueDoesNotExist
    namespace = call.namespace
    account = parts[-2] if len(parts) > 1 else ""
    if account != namespace.account and ACCOUNT.fullmatch(account):
        namespace = Namespace(account, namespace.region)
    return namespace, name


def queue_url(call: Call, name: str) -> str:
    """`http://<Host of the request>/<account>/<name>`"""
    return f"{call.origin}/{call.namespace.account}/{name}"
