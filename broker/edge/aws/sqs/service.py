"""SQS as a service: its names, its errors, and how a queue is named in a request"""

from broker.core import errors
from broker.core.names import ACCOUNT, QUEUE_NAME, Namespace
from broker.edge.aws.protocol import MalformedRequest, MissingMember
from broker.edge.aws.service import Call, Members, Service, Wire

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
    errors={
        errors.QueueDoesNotExist: Wire(
            400,
            "QueueDoesNotExist",
            _SQS + "NonExistentQueue",
            "The specified queue does not exist for this wsdl version.",
        ),
        errors.QueueNameExists: Wire(400, "QueueNameExists", "QueueAlreadyExists"),
        errors.QueueDeletedRecently: Wire(
            400, "QueueDeletedRecently", _SQS + "QueueDeletedRecently"
        ),
        errors.InvalidAddress: Wire(400, "InvalidAddress"),
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
        errors.MoveTaskDoesNotExist: Wire(404, "ResourceNotFoundException"),
        errors.ResourceNotFound: Wire(404, "ResourceNotFoundException"),
        errors.MoveTaskRunning: Wire(
            400, "InvalidParameterValueException", "InvalidParameterValue"
        ),
        errors.OverLimit: Wire(403, "OverLimit"),
        errors.LimitExceeded: Wire(403, "OverLimit"),
        errors.NotSupported: Wire(400, "UnsupportedOperation", _SQS + "UnsupportedOperation"),
        errors.RecordChanged: Wire(400, "RequestThrottled"),
        errors.StoreFull: Wire(503, "RequestThrottled"),
        errors.StoreUnavailable: Wire(503, "ServiceUnavailable"),
        errors.StoreFailed: Wire(500, "InternalFailure"),
    },
)


class QueueUrlRequest(Members, kw_only=True):
    """A request that names a queue and says no more."""

    queue_url: str


def locate_queue(call: Call, queue_url: str) -> tuple[Namespace, str]:
    """The namespace and the queue that a URL names, whatever host it has.

    The account is the URL's if it names one, the region the request's.
    Raises: InvalidAddress, for what can't name a queue.
    """
    parts = queue_url.rstrip("/").rsplit("/", 2)
    name = parts[-1]
    if not QUEUE_NAME.fullmatch(name):
        raise errors.InvalidAddress(f"The address {queue_url} is not valid for this endpoint.")
    namespace = call.namespace
    account = parts[-2] if len(parts) > 1 else ""
    if account != namespace.account and ACCOUNT.fullmatch(account):
        namespace = Namespace(account, namespace.region)
    return namespace, name


def queue_url(call: Call, name: str, namespace: Namespace | None = None) -> str:
    """`http://<Host of the request>/<account>/<name>`; the caller's account by default."""
    return f"{call.origin}/{(namespace or call.namespace).account}/{name}"
