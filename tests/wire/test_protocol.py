"""the requests and responses of every action against the SDK's own models of the services"""

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

import botocore.session
import msgspec
import pytest
from botocore.model import OperationModel, ServiceModel, Shape
from msgspec.structs import fields

from broker.edge.app import JSON_SERVICES, QUERY_SERVICES
from broker.edge.aws.service import Action, Service

SERVICES = {
    service.name: service for service in (*JSON_SERVICES.values(), *QUERY_SERVICES.values())
}

# Modelled members of requests that no field reads, and why that ignores nothing.
UNREAD: dict[tuple[str, str], str] = {}
# Modelled members of responses that a service with all of its actions never returns, and why.
UNRETURNED = {
    ("sqs", f"ReceiveMessage.Messages.MessageAttributes.{name}"): "SQS takes no lists either"
    for name in ("StringListValues", "BinaryListValues")
}


def model(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


MODELS = {name: model(name) for name in SERVICES}
ACTIONS = [(name, action) for name, service in SERVICES.items() for action in service.actions]


def operation(service: str, action: str) -> tuple[Action, OperationModel]:
    return SERVICES[service].actions[action], MODELS[service].operation_model(action)


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_every_action_of_the_service_is_known_to_be_supported_or_not(service: Service) -> None:
    known = set(service.actions) | service.known_actions
    assert set(MODELS[service.name].operation_names) - known == set()
    assert set(service.actions) - set(MODELS[service.name].operation_names) == set()
    assert set(service.actions) & service.known_actions == set()


@pytest.mark.parametrize(("service", "action"), ACTIONS)
def test_every_member_of_a_request_is_read_or_refused(service: str, action: str) -> None:
    ours, modelled = operation(service, action)
    differences = list(_differences(ours.request, modelled.input_shape, action))
    assert [path for path, kind in differences if kind == "not modelled"] == []
    ignored = [path for path, kind in differences if kind == "not ours"]
    assert [path for path in ignored if (service, path) not in UNREAD] == []


@pytest.mark.parametrize(("service", "action"), ACTIONS)
def test_every_member_of_a_response_is_one_that_the_service_has(service: str, action: str) -> None:
    ours, modelled = operation(service, action)
    response = get_type_hints(ours.handler)["return"]
    if response is type(None):
        assert modelled.output_shape is None or not modelled.output_shape.members
        return
    differences = _differences(response, modelled.output_shape, action)
    assert [path for path, kind in differences if kind == "not modelled"] == []


@pytest.mark.parametrize(
    ("service", "action"),
    [(name, action) for name, action in ACTIONS if not SERVICES[name].known_actions],
)
def test_a_service_with_all_its_actions_returns_all_their_members(
    service: str, action: str
) -> None:
    ours, modelled = operation(service, action)
    response = get_type_hints(ours.handler)["return"]
    if response is type(None):
        return
    differences = _differences(response, modelled.output_shape, action)
    unreturned = {(service, path) for path, kind in differences if kind == "not ours"}
    assert unreturned - UNRETURNED.keys() == set()


@pytest.mark.parametrize(("service", "action"), ACTIONS)
def test_what_the_service_requires_is_required_here(service: str, action: str) -> None:
    ours, modelled = operation(service, action)
    if modelled.input_shape is None:
        return
    required = {f.encode_name for f in fields(ours.request) if f.required}
    assert required <= set(modelled.input_shape.required_members), "more than the service does"
    # A list or text may be required by a check of its own, with a message of its own.
    optional = {
        f.encode_name
        for f in fields(ours.request)
        if not f.required and f.default is None and f.default_factory is msgspec.NODEFAULT
    }
    assert optional & set(modelled.input_shape.required_members) == set()


def _differences(kind: Any, shape: Shape | None, path: str) -> Iterator[tuple[str, str]]:
    """Paths of members that only one of the two has."""
    if shape is None:
        assert not fields(kind), path
        return
    members = {f.encode_name: f for f in fields(kind)}
    for name in members.keys() - shape.members.keys():
        yield f"{path}.{name}", "not modelled"
    for name in shape.members.keys() - members.keys():
        yield f"{path}.{name}", "not ours"
    for name in members.keys() & shape.members.keys():
        inner, inner_shape = _inner(members[name].type, shape.members[name])
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            assert inner_shape.type_name == "structure", f"{path}.{name}"
            yield from _differences(inner, inner_shape, f"{path}.{name}")


def _inner(kind: Any, shape: Shape) -> tuple[Any, Shape]:
    """What lies in lists, maps and options, on both sides alike."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        (kind,) = (arg for arg in get_args(kind) if arg is not type(None))
        return _inner(kind, shape)
    if origin is list:
        assert shape.type_name == "list"
        return _inner(get_args(kind)[0], shape.member)
    if origin is dict:
        assert shape.type_name == "map"
        return _inner(get_args(kind)[1], shape.value)
    return kind, shape


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_every_error_code_of_the_table_is_one_that_clients_can_tell_apart(
    service: Service,
) -> None:
    """Modelled errors answer with the modelled status."""
    for wire in service.errors.values():
        if wire.shape not in MODELS[service.name].shape_names:
            continue
        shape = MODELS[service.name].shape_for(wire.shape)
        status = shape.metadata.get("error", {}).get("httpStatusCode")
        if status is not None and service.name != "sqs":
            assert wire.status == status, wire
