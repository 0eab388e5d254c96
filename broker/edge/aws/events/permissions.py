"""EventBridge actions that let others put events on a bus: they write statements of its policy

A policy is stored and returned. It is not enforced: without authentication everybody who reaches
the broker may do everything.
"""

import re
from typing import Any

import msgspec

from broker.core.errors import InvalidParameter, StatementDoesNotExist
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import EVENT_BUS_POLICY_BYTES_MAX
from broker.core.names import Namespace
from broker.core.resources import EventBus
from broker.edge.aws.events.service import PolicyTooLong, bus_arn, events, locate_bus
from broker.edge.aws.policy_document import VERSIONS, is_policy, policy_text, statements_of
from broker.edge.aws.service import Call, Members

_STATEMENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_PRINCIPAL = re.compile(r"[0-9]{12}|\*")
_ACTIONS = ("events:PutEvents",)


class Condition(Members, kw_only=True):
    type: str
    key: str
    value: str


class PutPermissionRequest(Members, kw_only=True):
    event_bus_name: str | None = None
    action: str | None = None
    principal: str | None = None
    statement_id: str | None = None
    condition: Condition | None = None
    policy: str | None = None


@events.action("PutPermission", PutPermissionRequest)
async def put_permission(call: Call, request: PutPermissionRequest) -> None:
    """Add a statement to the bus's policy, or replace the one of its id, or the whole policy."""
    namespace, name = locate_bus(call, request.event_bus_name)
    bus = call.broker.event_buses.get(namespace, name)
    if request.policy is not None:
        if (request.action, request.principal, request.statement_id) != (None, None, None):
            raise InvalidParameter("Policy can't be given together with a statement's parameters.")
        policy = request.policy
        if not is_policy(_parsed(policy)):
            raise InvalidParameter(
                "Parameter Policy is not valid. Reason: it is no policy document."
            )
    else:
        document = _document(bus)
        statement = _statement(namespace, bus, request)
        others = [each for each in statements_of(document) if each.get("Sid") != statement["Sid"]]
        policy = policy_text({**document, "Statement": [*others, statement]})
    if len(policy.encode()) > EVENT_BUS_POLICY_BYTES_MAX:
        raise PolicyTooLong("The policy of the event bus is too long.")
    await call.broker.event_buses.configure(namespace, _with_policy(call, bus, policy))


class RemovePermissionRequest(Members, kw_only=True):
    event_bus_name: str | None = None
    statement_id: str | None = None
    remove_all_permissions: bool = False


@events.action("RemovePermission", RemovePermissionRequest)
async def remove_permission(call: Call, request: RemovePermissionRequest) -> None:
    """Remove one statement of the bus's policy, or all."""
    namespace, name = locate_bus(call, request.event_bus_name)
    bus = call.broker.event_buses.get(namespace, name)
    policy = None
    if not request.remove_all_permissions:
        if request.statement_id is None:
            raise InvalidParameter("Parameter StatementId must be specified.")
        if bus.policy is None:
            raise StatementDoesNotExist("EventBus does not have a policy.")
        document = _document(bus)
        statements = statements_of(document)
        left = [each for each in statements if each.get("Sid") != request.statement_id]
        if len(left) == len(statements):
            raise StatementDoesNotExist("Statement with the provided id does not exist.")
        policy = policy_text({**document, "Statement": left}) if left else None
    await call.broker.event_buses.configure(namespace, _with_policy(call, bus, policy))


def _statement(
    namespace: Namespace, bus: EventBus, request: PutPermissionRequest
) -> dict[str, Any]:
    for name, value, allowed in (
        ("StatementId", request.statement_id, _STATEMENT_ID),
        ("Principal", request.principal, _PRINCIPAL),
    ):
        if value is None or not allowed.fullmatch(value):
            raise InvalidParameter(f"Parameter {name} is not valid.")
    if request.action not in _ACTIONS:
        raise InvalidParameter("Provided value in parameter 'action' is not supported.")
    everybody = request.principal == "*"
    statement: dict[str, Any] = {
        "Sid": request.statement_id,
        "Effect": "Allow",
        "Principal": "*" if everybody else {"AWS": f"arn:aws:iam::{request.principal}:root"},
        "Action": request.action,
        "Resource": bus_arn(namespace, bus.name),
    }
    if request.condition is not None:
        condition = request.condition
        if (condition.type, condition.key) != ("StringEquals", "aws:PrincipalOrgID"):
            raise InvalidParameter("Parameter Condition is not valid.")
        statement["Condition"] = {condition.type: {condition.key: condition.value}}
    return statement


def _document(bus: EventBus) -> dict[str, Any]:
    if bus.policy is None:
        return {"Version": VERSIONS[1], "Statement": []}
    document: dict[str, Any] = parse_json(bus.policy)
    return document


def _parsed(text: str) -> Any:
    try:
        return parse_json(text)
    except InvalidJson:
        return None


def _with_policy(call: Call, bus: EventBus, policy: str | None) -> EventBus:
    return msgspec.structs.replace(bus, policy=policy, modified_at_ms=call.broker.now_ms())
