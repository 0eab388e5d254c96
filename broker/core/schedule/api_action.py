"""universal targets: API actions whose parameters are a schedule's input

Of the actions that AWS has there are those that put something into queues, topics, functions and
buses. A parameter that means nothing here is refused by name, as the action would refuse it.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.event import Event
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import DELAY_S_MAX, EVENT_ENTRIES_MAX, MESSAGE_ATTRIBUTES_MAX
from broker.core.message import Attributes, MessageAttribute
from broker.core.names import Arn, Namespace, event_bus_name
from broker.core.publication import Publication
from broker.core.registry import DEFAULT_BUS
from broker.core.schedule.target_request import (
    Invocation,
    Publish,
    PutEvent,
    SendMessage,
    TargetRequest,
)

__all__ = ["API_ACTION_PREFIX", "requests_of_action"]

API_ACTION_PREFIX = "arn:aws:scheduler:::aws-sdk:"


class _Parameters(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, kw_only=True):
    """An action's parameters, as its API names them."""


class _Attribute(_Parameters):
    data_type: str
    string_value: str | None = None
    binary_value: str | None = None  # base64


class _SendMessage(_Parameters):
    queue_url: str
    message_body: str
    delay_seconds: int = 0
    message_attributes: dict[str, _Attribute] = {}
    message_group_id: str | None = None
    message_deduplication_id: str | None = None


class _Publish(_Parameters):
    message: str
    topic_arn: str | None = None
    target_arn: str | None = None
    subject: str | None = None
    message_structure: str | None = None
    message_attributes: dict[str, _Attribute] = {}
    message_group_id: str | None = None
    message_deduplication_id: str | None = None


class _Invoke(_Parameters):
    function_name: str
    payload: str = "{}"
    invocation_type: str = "Event"  # a schedule waits for no answer, so both are the same
    qualifier: str | None = None


class _Entry(_Parameters):
    source: str
    detail_type: str
    detail: str = "{}"
    event_bus_name: str = DEFAULT_BUS
    resources: list[str] = []


class _PutEvents(_Parameters):
    entries: list[_Entry]


def requests_of_action(action: str, input_: str, namespace: Namespace) -> list[TargetRequest]:
    """What an action asks for, e.g. `sqs:sendMessage`.

    Raises: NotSupported for another action, InvalidParameter.
    """
    found = _ACTIONS.get(action)
    if found is None:
        raise NotSupported(
            f"The universal target {action} is not supported by this broker; "
            f"{', '.join(_ACTIONS)} are."
        )
    kind, make = found
    try:
        parameters = msgspec.convert(parse_json(input_), kind)
    except InvalidJson:
        raise InvalidParameter("The Input of a universal target has to be JSON.") from None
    except msgspec.ValidationError as error:
        raise InvalidParameter(f"The Input is not valid for {action}: {error}") from None
    return make(parameters, namespace)


def _send_message(given: _SendMessage, namespace: Namespace) -> list[TargetRequest]:
    if not 0 <= given.delay_seconds <= DELAY_S_MAX:
        raise InvalidParameter(f"DelaySeconds must be between 0 and {DELAY_S_MAX}.")
    return [
        SendMessage(
            arn=_queue_arn(given.queue_url, namespace),
            body=given.message_body,
            group=given.message_group_id,
            deduplication_id=given.message_deduplication_id,
            delay_s=given.delay_seconds,
            attributes=_attributes(given.message_attributes),
        )
    ]


def _publish(given: _Publish, namespace: Namespace) -> list[TargetRequest]:
    arn = Arn.parse(given.topic_arn or given.target_arn or "")
    if arn is None or arn.service != "sns":
        raise InvalidParameter("TopicArn has to name a topic.")
    by_protocol = None
    if given.message_structure == "json":
        by_protocol = _by_protocol(given.message)
    elif given.message_structure is not None:
        raise InvalidParameter("MessageStructure can be json only.")
    publication = Publication(
        message=given.message,
        subject=given.subject,
        attributes=_attributes(given.message_attributes),
        by_protocol=by_protocol,
        group=given.message_group_id,
        deduplication_id=given.message_deduplication_id,
    )
    return [Publish(arn=arn, publication=publication)]


def _invoke(given: _Invoke, namespace: Namespace) -> list[TargetRequest]:
    if given.invocation_type not in ("Event", "RequestResponse"):
        raise NotSupported(f"InvocationType {given.invocation_type} is not supported.")
    if given.qualifier not in (None, "$LATEST"):
        raise NotSupported(f"Versions and aliases are not supported: {given.qualifier}.")
    arn = Arn.parse(given.function_name)
    if arn is None:
        arn = Arn("lambda", namespace, f"function:{given.function_name}")
    if arn.service != "lambda":
        raise InvalidParameter("FunctionName has to name a function.")
    try:
        parse_json(given.payload)
    except InvalidJson:
        raise InvalidParameter("Payload has to be JSON.") from None
    return [Invocation(arn=arn, payload=given.payload)]


def _put_events(given: _PutEvents, namespace: Namespace) -> list[TargetRequest]:
    if not 1 <= len(given.entries) <= EVENT_ENTRIES_MAX:
        raise InvalidParameter(f"Entries can be 1 to {EVENT_ENTRIES_MAX}.")
    return [_put_event(entry, namespace) for entry in given.entries]


def _put_event(entry: _Entry, namespace: Namespace) -> PutEvent:
    if entry.source.startswith("aws."):
        raise InvalidParameter("Not authorized for the source.")
    try:
        detail = parse_json(entry.detail)
    except InvalidJson:
        detail = None
    if not isinstance(detail, dict):
        raise InvalidParameter("Detail has to be a JSON object.")
    event = Event(
        source=entry.source,
        detail_type=entry.detail_type,
        detail=detail,
        resources=entry.resources,
    )
    return PutEvent(arn=_bus_arn(entry.event_bus_name, namespace), event=event)


def _queue_arn(url: str, namespace: Namespace) -> Arn:
    """The queue that a URL names: its last parts are the account and the name."""
    account, _, name = url.rpartition("/")
    account = account.rpartition("/")[2]
    if not name or (account and not account.isdecimal()):
        raise InvalidParameter(f"The QueueUrl is not a queue's: {url}")
    where = Namespace(account, namespace.region) if account else namespace
    return Arn("sqs", where, name)


def _bus_arn(name: str, namespace: Namespace) -> Arn:
    arn = Arn.parse(name)
    if arn is None:
        return Arn("events", namespace, f"event-bus/{name}")
    if arn.service != "events" or not event_bus_name(arn.resource):
        raise InvalidParameter(f"The EventBusName is not a bus's: {name}")
    return arn


def _attributes(given: dict[str, _Attribute]) -> Attributes | None:
    if len(given) > MESSAGE_ATTRIBUTES_MAX:
        raise InvalidParameter(f"There can be {MESSAGE_ATTRIBUTES_MAX} MessageAttributes.")
    return {name: _attribute(name, each) for name, each in given.items()} or None


def _attribute(name: str, given: _Attribute) -> MessageAttribute:
    kind = given.data_type.partition(".")[0]
    if kind in ("String", "Number") and given.string_value and given.binary_value is None:
        return MessageAttribute(given.data_type, given.string_value)
    if kind == "Binary" and given.binary_value and given.string_value is None:
        try:
            data = base64.b64decode(given.binary_value, validate=True)
        except binascii.Error:
            raise InvalidParameter(f"The attribute {name} is not base64.") from None
        return MessageAttribute(given.data_type, binary_value=data)
    raise InvalidParameter(f"The attribute {name} has no value of its type.")


def _by_protocol(text: str) -> dict[str, str]:
    try:
        found = msgspec.convert(parse_json(text), dict[str, str])
    except (InvalidJson, msgspec.ValidationError):
        found = {}
    if "default" not in found:
        raise InvalidParameter("A Message of MessageStructure json needs a default text.")
    return found


_Make = Callable[[Any, Namespace], list[TargetRequest]]
_ACTIONS: dict[str, tuple[type[_Parameters], _Make]] = {
    "sqs:sendMessage": (_SendMessage, _send_message),
    "sns:publish": (_Publish, _publish),
    "lambda:invoke": (_Invoke, _invoke),
    "eventbridge:putEvents": (_PutEvents, _put_events),
}
