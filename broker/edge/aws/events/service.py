"""EventBridge as a service: its names, its errors, and how a bus is named in a request"""

from broker.core import errors
from broker.core.errors import BrokerError
from broker.core.limits import DESCRIPTION_CHARS_MAX, EVENT_PATTERN_CHARS_MAX
from broker.core.names import Arn, Namespace
from broker.core.pattern import InvalidEvent, InvalidEventPattern
from broker.core.registry import DEFAULT_BUS
from broker.edge.aws.protocol import MalformedRequest, MissingMember
from broker.edge.aws.service import Call, Service, Wire
from broker.edge.aws.validation import Violations

NAME = r"[\.\-_A-Za-z0-9]+"

_VALIDATION = Wire(400, "ValidationException")


class PolicyTooLong(BrokerError):
    """A bus's policy has a limit of its own."""


events = Service(
    name="events",
    xmlns="",
    version="2015-10-07",
    target_prefix="AWSEvents",
    known_actions=frozenset(
        """ActivateEventSource CreateEndpoint CreatePartnerEventSource DeactivateEventSource
        DeleteEndpoint DeletePartnerEventSource DescribeEndpoint DescribeEventSource
        DescribePartnerEventSource ListEndpoints ListEventSources ListPartnerEventSourceAccounts
        ListPartnerEventSources PutPartnerEvents UpdateEndpoint""".split()
    ),
    errors={
        errors.EventBusDoesNotExist: Wire(400, "ResourceNotFoundException"),
        errors.RuleDoesNotExist: Wire(400, "ResourceNotFoundException"),
        errors.ArchiveDoesNotExist: Wire(400, "ResourceNotFoundException"),
        errors.ArchiveExists: Wire(400, "ResourceAlreadyExistsException"),
        errors.ReplayDoesNotExist: Wire(400, "ResourceNotFoundException"),
        errors.ReplayExists: Wire(400, "ResourceAlreadyExistsException"),
        errors.ReplayIsOver: Wire(400, "IllegalStatusException"),
        errors.ConnectionDoesNotExist: Wire(400, "ResourceNotFoundException"),
        errors.ConnectionExists: Wire(400, "ResourceAlreadyExistsException"),
        errors.ApiDestinationDoesNotExist: Wire(400, "ResourceNotFoundException"),
        errors.ApiDestinationExists: Wire(400, "ResourceAlreadyExistsException"),
        errors.StatementDoesNotExist: Wire(400, "ResourceNotFoundException"),
        PolicyTooLong: Wire(400, "PolicyLengthExceededException"),
        errors.EventBusExists: Wire(400, "ResourceAlreadyExistsException"),
        InvalidEventPattern: Wire(400, "InvalidEventPatternException"),
        InvalidEvent: _VALIDATION,
        errors.InvalidParameter: _VALIDATION,
        errors.MissingParameter: _VALIDATION,
        errors.MessageTooLong: _VALIDATION,
        errors.ResourceInUse: _VALIDATION,
        errors.NotSupported: _VALIDATION,
        MissingMember: _VALIDATION,
        MalformedRequest: Wire(400, "SerializationException"),
        errors.LimitExceeded: Wire(400, "LimitExceededException"),
        errors.RecordChanged: Wire(400, "ConcurrentModificationException"),
        errors.StoreFull: Wire(400, "ThrottlingException"),
        errors.StoreUnavailable: Wire(503, "ServiceUnavailable"),
        errors.StoreFailed: Wire(500, "InternalException"),
    },
)


def naming(path: str, name: str, chars_max: int, description: str, form: str = NAME) -> Violations:
    """What is wrong with the name and the description of something that is to be made."""
    v = Violations()
    v.length(path, name, 1, chars_max)
    v.pattern(path, name, form)
    v.length("description", description, 0, DESCRIPTION_CHARS_MAX)
    return v


def check_pattern_length(text: str | None) -> None:
    """Raises: InvalidEventPattern, if the text is too long for a pattern."""
    if text is not None and len(text) > EVENT_PATTERN_CHARS_MAX:
        raise InvalidEventPattern("Event pattern is too long")


def bus_arn(namespace: Namespace, name: str) -> str:
    """`…:event-bus/NAME`"""
    return namespace.arn("events", f"event-bus/{name}")


def locate_bus(call: Call, name_or_arn: str | None) -> tuple[Namespace, str]:
    """The namespace and the bus that a name or an ARN names; the default one for neither."""
    if name_or_arn is None:
        return call.namespace, DEFAULT_BUS
    arn = Arn.parse(name_or_arn)
    if arn is None:
        return call.namespace, name_or_arn
    return arn.namespace, arn.resource.removeprefix("event-bus/")
