"""one request for an action: decode its members, call the handler, encode the answer"""

import logging
import re
from typing import Any

import msgspec

from broker.core.errors import BrokerError, NotSupported
from broker.edge.aws import query
from broker.edge.aws.service import Action, Call, Members, Service, Wire, check_supported
from broker.edge.http.message import Response

log = logging.getLogger(__name__)

_encode_json = msgspec.json.Encoder().encode
_NULL = "got `null`"
_MISSING = re.compile(r"missing required field `(\w+)`")
_INTERNAL = Wire(500, "InternalFailure", "InternalFailure")


class MalformedRequest(BrokerError):
    """The request's body does not have the action's shape."""


class MissingMember(BrokerError):
    """A required member is missing; `member` names it."""


async def answer_json(service: Service, call: Call, action_name: str) -> Response:
    """Serve the JSON protocol, in the version that the client speaks."""
    content_type = call.request.headers.get("content-type", "application/x-amz-json-1.0")
    action = service.actions.get(action_name)
    if action is None:
        return _json_error(service, call, content_type, *_unknown_json(service, action_name))
    try:
        members = _members(action, call.request.body or b"{}")
        if action.has_refused:
            check_supported(members)
        response = await action.handler(call, members)
    except BrokerError as error:
        wire = service.wire(error)
        return _json_error(service, call, content_type, wire, error.message)
    except Exception:
        log.exception("%s %s failed", service.name, action_name)
        text = "The request processing has failed because of an unknown error."
        return _json_error(service, call, content_type, _INTERNAL, text)
    body = _encode_json(response) if response is not None else b""
    return Response(200, body, content_type, (("x-amzn-RequestId", call.request_id),))


async def answer_query(service: Service, call: Call, parameters: dict[str, str]) -> Response:
    """Serve the Query protocol."""
    action_name = parameters.get("Action", "")
    action = service.actions.get(action_name)
    if action is None:
        wire, text = _unknown_query(service, action_name)
        return query_error(service, call, wire, text)
    try:
        try:
            members = query.decode(service, action.request, parameters)
        except msgspec.ValidationError as error:
            raise _shape_error(error) from None
        if action.has_refused:
            check_supported(members)
        response = await action.handler(call, members)
    except BrokerError as error:
        wire = service.wire(error)
        return query_error(service, call, wire, wire.query_message or error.message)
    except Exception:
        log.exception("%s %s failed", service.name, action_name)
        text = "The request processing has failed because of an unknown error."
        return query_error(service, call, _INTERNAL, text)
    body = query.encode(service, action_name, response, call.request_id)
    return Response(200, body, "text/xml", (("x-amzn-RequestId", call.request_id),))


def _members(action: Action, body: bytes) -> Members:
    """The action's members. Raises: MissingMember, MalformedRequest."""
    try:
        try:
            return action.decode_json(body)
        except msgspec.ValidationError as error:
            if _NULL not in str(error):
                raise
        return action.decode_json(_encode_json(_without_nulls(msgspec.json.decode(body))))
    except msgspec.DecodeError as error:
        raise _shape_error(error) from None
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The body is not UTF-8: {error}") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None


def _without_nulls(value: Any) -> Any:
    """To the JSON protocols a member that is null is absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _shape_error(error: msgspec.DecodeError) -> BrokerError:
    missing = _MISSING.search(str(error))
    if missing:
        return MissingMember(
            f"The request must contain the parameter {missing[1]}.", member=missing[1]
        )
    return MalformedRequest(str(error))


def _unknown_json(service: Service, action: str) -> tuple[Wire, str]:
    if action in service.known_actions:
        refusal = NotSupported(f"The action {action} is not supported by this broker.")
        return service.wire(refusal), refusal.message
    return (
        Wire(400, "UnknownOperationException"),
        f"The action {action} is not known to this service.",
    )


def _unknown_query(service: Service, action: str) -> tuple[Wire, str]:
    if not action:
        return Wire(400, "MissingAction"), "The request must contain the parameter Action."
    if action in service.known_actions:
        reason = f": {service.why_not}" if service.why_not else ""
        text = f"The action {action} is not supported by this broker{reason}."
        return Wire(400, "InvalidAction"), text
    return Wire(400, "InvalidAction"), service.invalid_action.format(action)


def _json_error(
    service: Service, call: Call, content_type: str, wire: Wire, message: str
) -> Response:
    shape = f"{service.error_namespace}#{wire.shape}" if service.error_namespace else wire.shape
    headers = [("x-amzn-RequestId", call.request_id)]
    if service.query_compatible:
        fault = "Sender" if wire.status < 500 else "Receiver"
        headers.append(("x-amzn-query-error", f"{wire.query_code};{fault}"))
    body = _encode_json({"__type": shape, "message": message})
    return Response(wire.status, body, content_type, headers)


def query_error(service: Service, call: Call, wire: Wire, message: str) -> Response:
    """An error as the Query protocol has it."""
    body = query.encode_error(
        service, wire.query_code, message, call.request_id, sender=wire.status < 500
    )
    return Response(wire.status, body, "text/xml", (("x-amzn-RequestId", call.request_id),))
