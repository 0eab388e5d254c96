"""what can go wrong, as one closed tree; the edge says once how each looks on the wire"""

from typing import Any


class BrokerError(Exception):
    """A refusal. Raised before the first write of whatever it refuses."""

    def __init__(self, message: str = "", **details: Any) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.details = details

    @property
    def message(self) -> str:
        """The text for people, without the class name."""
        return str(self.args[0])


# Resources


class QueueDoesNotExist(BrokerError):
    """The specified queue does not exist."""


class QueueNameExists(BrokerError):
    """A queue already exists with the same name and a different value for an attribute."""


class StreamDoesNotExist(BrokerError):
    """The stream has ended, or never was one of this queue."""


class QueueDeletedRecently(BrokerError):
    """A queue of this name was deleted a short while ago."""


class ResourceNotFound(BrokerError):
    """The resource that was named doesn't exist."""


class TopicDoesNotExist(BrokerError):
    """Topic does not exist"""


class SubscriptionDoesNotExist(BrokerError):
    """Subscription does not exist"""


class SubscriptionLimitExceeded(BrokerError):
    """The topic can't have more subscriptions."""


class FilterPolicyLimitExceeded(BrokerError):
    """The topic can't have more subscriptions with a filter policy."""


class AuthorizationRequired(BrokerError):
    """The request has to be signed."""


class InvalidState(BrokerError):
    """The resource's state doesn't allow that."""


class EventBusDoesNotExist(BrokerError):
    """The event bus does not exist."""


class EventBusExists(BrokerError):
    """The event bus already exists."""


class ArchiveDoesNotExist(BrokerError):
    """There is no archive of that name."""


class ArchiveExists(BrokerError):
    """The name of a new archive is taken."""


class ReplayDoesNotExist(BrokerError):
    """There is no replay of that name."""


class ReplayExists(BrokerError):
    """The name of a new replay is taken."""


class ReplayIsOver(BrokerError):
    """A replay that has ended can't be cancelled, halted or resumed."""


class ConnectionDoesNotExist(BrokerError):
    """There is no connection of that name."""


class ConnectionExists(BrokerError):
    """The name of a new connection is taken."""


class ApiDestinationDoesNotExist(BrokerError):
    """There is no API destination of that name."""


class ApiDestinationExists(BrokerError):
    """The name of a new API destination is taken."""


class EventIsUnknown(BrokerError):
    """The ledger has no event of that id."""


class StatementDoesNotExist(BrokerError):
    """A policy has no statement of that id, or there is no policy."""


class StatementExists(BrokerError):
    """A policy has a statement of that id already."""


class RuleDoesNotExist(BrokerError):
    """The rule does not exist."""


class PipeDoesNotExist(BrokerError):
    """The pipe does not exist."""


class PipeExists(BrokerError):
    """A pipe of this name exists."""


class MappingDoesNotExist(BrokerError):
    """The resource you requested does not exist."""


class MappingExists(BrokerError):
    """The function is mapped to the queue already."""


class ScheduleDoesNotExist(BrokerError):
    """The schedule does not exist."""


class ScheduleExists(BrokerError):
    """The schedule already exists."""


class ScheduleGroupDoesNotExist(BrokerError):
    """The schedule group does not exist."""


class ScheduleGroupExists(BrokerError):
    """The schedule group already exists."""


class FunctionDoesNotExist(BrokerError):
    """Function not found."""


class FunctionExists(BrokerError):
    """The name of a new function is taken."""


class AliasDoesNotExist(BrokerError):
    """The function has no alias of that name."""


class AliasExists(BrokerError):
    """The name of a new alias is taken."""


class FunctionPolicyDoesNotExist(BrokerError):
    """The resource you requested does not exist."""


class FunctionUrlDoesNotExist(BrokerError):
    """The resource you requested does not exist."""


class FunctionUrlExists(BrokerError):
    """The function has a URL already."""


class PreconditionFailed(BrokerError):
    """The Revision Id provided does not match the latest Revision Id. Call the \
GetFunction/GetAlias API to retrieve the latest Revision Id"""


class RecordChanged(BrokerError):
    """The resource was changed by somebody else in the meantime; read it again and retry."""


# Requests


class InvalidParameter(BrokerError):
    """A parameter's value is not acceptable."""


class InvalidRedrivePolicy(InvalidParameter):
    """The queue can't have this dead-letter queue."""


class MissingParameter(BrokerError):
    """A required parameter is missing."""


class InvalidAddress(BrokerError):
    """The address is not a queue's."""


class InvalidAttributeName(BrokerError):
    """The attribute does not exist or can't be set."""


class InvalidAttributeValue(BrokerError):
    """The attribute's value is not acceptable."""


class InvalidMessageContents(BrokerError):
    """The message contains characters that XML 1.0 doesn't allow."""


class MessageTooLong(BrokerError):
    """The message is longer than the queue or topic allows."""


class EmptyBatch(BrokerError):
    """There should be at least one entry in the request."""


class TooManyEntriesInBatch(BrokerError):
    """The batch has more entries than are allowed."""


class InvalidBatchEntryId(BrokerError):
    """A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
It can be at most 80 letters long."""


class BatchEntryIdsNotDistinct(BrokerError):
    """Two entries of the batch have the same id."""


class BatchTooLong(BrokerError):
    """The batch has more bytes than are allowed."""


class ReceiptHandleIsInvalid(BrokerError):
    """The receipt handle was not issued by this broker."""


class MessageNotScheduled(BrokerError):
    """No message with this id waits to become visible, of those that can be cancelled."""


class MessageNotFound(BrokerError):
    """There is no such message there any more: it was received, moved or deleted since."""


class CouldNotDetermineMessageSource(BrokerError):
    """The message wasn't dead-lettered from a queue: it goes back nowhere. Name a destination."""


class MessageNotInFlight(BrokerError):
    """Message does not exist or is not available for visibility timeout change."""


class OverLimit(BrokerError):
    """Too many messages of the queue are in flight."""


class MoveTaskDoesNotExist(BrokerError):
    """Task does not exist."""


class MoveTaskRunning(BrokerError):
    """There is already a task running. Only one active task is allowed for a source queue arn at \
a given time."""


class PurgeQueueInProgress(BrokerError):
    """Only one purge of a queue is allowed every 60 seconds."""


class LimitExceeded(BrokerError):
    """The requested resource exceeds the maximum number allowed."""


class ResourceInUse(BrokerError):
    """The resource is still used by another one."""


class NotSupported(BrokerError):
    """This broker doesn't support what was asked for."""


# Functions


class ReservationTooLarge(InvalidParameter):
    """Too little concurrency would be left for functions without a reservation."""


class TooManyRequests(BrokerError):
    """Rate Exceeded."""  # with `reason` and `retry_after_s` in the details


class RecursiveInvocation(BrokerError):
    """The function was invoked recursively: it has led to itself too often. If that is meant, set \
its recursion configuration to Allow."""


class CodeTooLarge(BrokerError):
    """A function's code is larger than it may be."""


class UploadForbidden(BrokerError):
    """Code is not taken from anybody while nobody is asked who they are: to allow it, set \
allow_upload = true under [functions] in the configuration."""


class PayloadTooLarge(BrokerError):
    """The payload is larger than the invocation type allows."""


class InvalidPayload(BrokerError):
    """Could not parse request body into json."""


class InvokerFailed(BrokerError):
    """The function's invoker could not be reached or failed."""


# The store


class StoreFull(BrokerError):
    """The store is full: its quota or its disk. Retry when there is room again."""


class StoreFailed(BrokerError):
    """The command met a bug in the store and changed nothing."""


class StoreUnavailable(BrokerError):
    """The store has gone away."""
