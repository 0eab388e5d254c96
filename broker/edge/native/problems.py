"""every refusal as an RFC 9457 problem: the one table from errors to statuses and titles"""

import math
from dataclasses import dataclass

import msgspec

from broker.core import errors
from broker.core.delivery_policy import InvalidDeliveryPolicy
from broker.core.errors import BrokerError
from broker.core.filter_policy import InvalidFilterPolicy
from broker.core.limits import PURGE_INTERVAL_MS
from broker.core.pattern import InvalidEvent, InvalidEventPattern
from broker.core.schedule import InvalidScheduleExpression, InvalidTimeZone
from broker.edge.http.message import Response
from broker.edge.native import errors as native
from broker.runtime.invokers import InvokerNotFound

PROBLEM_TYPE = "application/problem+json"
STORE_FULL_RETRY_S = 10  # room comes back with consumers and with expiry, not at once


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why a request was refused (RFC 9457). Programs decide by `code`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    reason: str | None = None  # of TooManyRequests: which limit


@dataclass(frozen=True, slots=True)
class Row:
    """How one error looks."""

    status: int
    title: str
    retry_after_s: float | None = None


PROBLEMS: dict[type[BrokerError], Row] = {
    native.PathNotFound: Row(404, "Not found"),
    native.MethodNotAllowed: Row(405, "Method not allowed"),
    native.MalformedRequest: Row(400, "Malformed request"),
    native.UnsupportedMediaType: Row(415, "Unsupported media type"),
    native.NotAcceptable: Row(406, "Not acceptable"),
    native.TagIsInvalid: Row(409, "Invalid tag"),
    errors.QueueDoesNotExist: Row(404, "Queue does not exist"),
    errors.QueueNameExists: Row(409, "Queue exists with other settings"),
    errors.StreamDoesNotExist: Row(404, "Stream does not exist"),
    errors.QueueDeletedRecently: Row(409, "Queue deleted recently"),
    errors.InvalidRedrivePolicy: Row(400, "Invalid dead-letter queue"),
    errors.TopicDoesNotExist: Row(404, "Topic does not exist"),
    errors.SubscriptionDoesNotExist: Row(404, "Subscription does not exist"),
    errors.SubscriptionLimitExceeded: Row(409, "Too many subscriptions"),
    errors.FilterPolicyLimitExceeded: Row(409, "Too many filter policies"),
    errors.AuthorizationRequired: Row(403, "Authorization required"),
    errors.InvalidState: Row(409, "State doesn't allow it"),
    errors.EventBusDoesNotExist: Row(404, "Event bus does not exist"),
    errors.EventBusExists: Row(409, "Event bus exists"),
    errors.RuleDoesNotExist: Row(404, "Rule does not exist"),
    errors.ArchiveDoesNotExist: Row(404, "Archive does not exist"),
    errors.ArchiveExists: Row(409, "Archive exists"),
    errors.ReplayDoesNotExist: Row(404, "Replay does not exist"),
    errors.ReplayExists: Row(409, "Replay exists"),
    errors.ReplayIsOver: Row(409, "Replay is over"),
    errors.ConnectionDoesNotExist: Row(404, "Connection does not exist"),
    errors.ConnectionExists: Row(409, "Connection exists"),
    errors.ApiDestinationDoesNotExist: Row(404, "API destination does not exist"),
    errors.ApiDestinationExists: Row(409, "API destination exists"),
    errors.EventIsUnknown: Row(404, "Event is unknown"),
    errors.StatementDoesNotExist: Row(404, "Statement does not exist"),
    errors.PipeDoesNotExist: Row(404, "Pipe does not exist"),
    errors.PipeExists: Row(409, "Pipe exists"),
    errors.MappingDoesNotExist: Row(404, "Event source mapping does not exist"),
    errors.MappingExists: Row(409, "Event source mapping exists"),
    errors.ScheduleDoesNotExist: Row(404, "Schedule does not exist"),
    errors.ScheduleExists: Row(409, "Schedule exists"),
    errors.ScheduleGroupDoesNotExist: Row(404, "Schedule group does not exist"),
    InvalidScheduleExpression: Row(400, "Invalid schedule expression"),
    InvalidTimeZone: Row(400, "Invalid time zone"),
    errors.ScheduleGroupExists: Row(409, "Schedule group exists"),
    errors.FunctionDoesNotExist: Row(404, "Function does not exist"),
    errors.MoveTaskDoesNotExist: Row(404, "Message move task does not exist"),
    errors.MoveTaskRunning: Row(409, "Message move task under way"),
    errors.RecordChanged: Row(409, "Changed in the meantime"),
    errors.InvalidParameter: Row(400, "Invalid parameter"),
    InvalidFilterPolicy: Row(400, "Invalid filter policy"),
    InvalidDeliveryPolicy: Row(400, "Invalid delivery policy"),
    errors.ResourceNotFound: Row(404, "Resource not found"),
    errors.InvalidAddress: Row(400, "Invalid address"),
    errors.MissingParameter: Row(400, "Missing parameter"),
    errors.InvalidAttributeName: Row(400, "Invalid attribute name"),
    errors.InvalidAttributeValue: Row(400, "Invalid attribute value"),
    errors.InvalidMessageContents: Row(400, "Invalid message contents"),
    errors.MessageTooLong: Row(413, "Message too long"),
    errors.EmptyBatch: Row(400, "Empty batch"),
    errors.TooManyEntriesInBatch: Row(413, "Too many entries"),
    errors.InvalidBatchEntryId: Row(400, "Invalid batch entry id"),
    errors.BatchEntryIdsNotDistinct: Row(400, "Batch entry ids not distinct"),
    errors.BatchTooLong: Row(413, "Batch too long"),
    errors.ReceiptHandleIsInvalid: Row(400, "Invalid receipt handle"),
    errors.MessageNotScheduled: Row(404, "Message not scheduled"),
    errors.MessageNotFound: Row(404, "Message not found"),
    errors.CouldNotDetermineMessageSource: Row(409, "No queue to go back to"),
    errors.MessageNotInFlight: Row(409, "Message not in flight"),
    errors.OverLimit: Row(409, "Too many messages in flight"),
    errors.PurgeQueueInProgress: Row(409, "Purged already", PURGE_INTERVAL_MS / 1000),
    errors.LimitExceeded: Row(409, "Limit exceeded"),
    errors.ResourceInUse: Row(409, "Resource in use"),
    errors.NotSupported: Row(501, "Not supported"),
    InvalidEvent: Row(400, "Invalid event"),
    InvalidEventPattern: Row(400, "Invalid event pattern"),
    InvokerNotFound: Row(409, "No such invoker"),
    errors.ReservationTooLarge: Row(400, "Reservation too large"),
    errors.TooManyRequests: Row(429, "Too many requests"),
    errors.RecursiveInvocation: Row(409, "Invoked recursively"),
    errors.FunctionExists: Row(409, "Function exists"),
    errors.AliasDoesNotExist: Row(404, "No such alias"),
    errors.AliasExists: Row(409, "Alias exists"),
    errors.FunctionPolicyDoesNotExist: Row(404, "No such policy"),
    errors.FunctionUrlDoesNotExist: Row(404, "No such URL"),
    errors.FunctionUrlExists: Row(409, "URL exists"),
    errors.StatementExists: Row(409, "Statement exists"),
    errors.PreconditionFailed: Row(412, "Changed meanwhile"),
    errors.CodeTooLarge: Row(413, "Code too large"),
    errors.UploadForbidden: Row(403, "Upload forbidden"),
    errors.PayloadTooLarge: Row(413, "Payload too large"),
    errors.InvalidPayload: Row(400, "Invalid payload"),
    errors.InvokerFailed: Row(502, "Invoker failed"),
    errors.StoreFull: Row(507, "Store full", STORE_FULL_RETRY_S),
    errors.StoreFailed: Row(500, "Store failed"),
    errors.StoreUnavailable: Row(503, "Store unavailable", 1),
}
INTERNAL = Row(500, "Internal error")

_encode = msgspec.json.Encoder().encode


def row_of(kind: type[BrokerError]) -> Row:
    """The row of an error's class, or of its nearest ancestor that has one."""
    for ancestor in kind.__mro__:
        if ancestor in PROBLEMS:
            return PROBLEMS[ancestor]
    return INTERNAL


def to_problem(error: BrokerError) -> Problem:
    """The problem that an error is."""
    row = row_of(type(error))
    return _problem(row, type(error).__name__, error.message, error.details.get("reason"))


def problem_response(error: BrokerError) -> Response:
    """The answer to a request that was refused."""
    headers = []
    retry_after_s = error.details.get("retry_after_s", row_of(type(error)).retry_after_s)
    if retry_after_s is not None:
        headers.append(("Retry-After", str(max(1, math.ceil(retry_after_s)))))
    if "allow" in error.details:
        headers.append(("Allow", error.details["allow"]))
    problem = to_problem(error)
    return Response(problem.status, _encode(problem), PROBLEM_TYPE, headers)


def internal_error() -> Response:
    """The answer when it was our own bug; the log has the rest."""
    detail = "The request failed because of a bug; the daemon's log says more."
    problem = _problem(INTERNAL, "InternalError", detail)
    return Response(problem.status, _encode(problem), PROBLEM_TYPE)


def _problem(row: Row, code: str, detail: str, reason: str | None = None) -> Problem:
    return Problem(
        type=f"urn:event-broker:problem:{code}",
        title=row.title,
        status=row.status,
        detail=detail,
        code=code,
        reason=reason,
    )
