"""the OpenAPI 3.1 document, from the descriptions that the API itself works by"""

import inspect
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from broker import __version__
from broker.core import errors
from broker.core.errors import BrokerError
from broker.core.names import ACCOUNT, REGION
from broker.edge.native.errors import (
    MalformedRequest,
    MethodNotAllowed,
    PathNotFound,
    UnsupportedMediaType,
)
from broker.edge.native.operation import JSON, MSGPACK, Call, Operation, operations
from broker.edge.native.problems import PROBLEM_TYPE, Problem, row_of

_REFERENCE = "#/components/schemas/{name}"
_LABEL = re.compile(r"\{(\w+)\}")
_ALWAYS: tuple[type[BrokerError], ...] = (
    MalformedRequest,
    PathNotFound,
    MethodNotAllowed,
    errors.StoreFailed,
    errors.StoreUnavailable,
)
_NAMESPACE = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": f"The {name} to work in, if not the default one.",
        "schema": {"type": "string", "pattern": f"^{allowed.pattern}$"},
    }
    for name, allowed in (("account", ACCOUNT), ("region", REGION))
]
_FORBIDDEN = {
    "description": "The request comes from a web page, or for a host that is not this broker's.",
    "content": {
        JSON: {
            "schema": {
                "type": "object",
                "properties": {"__type": {"type": "string"}, "message": {"type": "string"}},
                "required": ["__type", "message"],
            }
        }
    },
}


@operations.add("GET", "/v1/openapi.json", answers={200: dict[str, Any]})
async def get_openapi(call: Call) -> dict[str, Any]:
    """This document."""
    return document()


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    schemas, components = msgspec.json.schema_components(
        list(_types(operations.all)), ref_template=_REFERENCE
    )
    by_type = dict(zip(map(str, _types(operations.all)), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations.all:
        described = _describe(operation, by_type, components)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Event broker",
            "version": __version__,
            "description": "Durable queues, topics, event buses and functions. "
            "An answer means that the change is on disk.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(components.items()))},
    }


def _types(every: Iterable[Operation]) -> dict[Any, None]:
    """All types of bodies, queries and results, once each, in order."""
    found: dict[Any, None] = {Problem: None}
    for operation in every:
        kinds = (operation.query, operation.body, *operation.media.values())
        found.update(dict.fromkeys((*kinds, *operation.answers.values())))
    found.pop(None, None)
    return found


def _describe(
    operation: Operation, by_type: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    text = inspect.getdoc(operation.handler) or ""
    summary, _, description = text.partition("\n")
    described: dict[str, Any] = {
        "operationId": getattr(operation.handler, "__name__", ""),
        "summary": summary,
        "tags": [operation.path.split("/")[2]],
        "parameters": _parameters(operation, components),
    }
    if description.strip():
        described["description"] = " ".join(description.split())
    if operation.takes_body:
        described["requestBody"] = _request_body(operation, by_type)
    described["responses"] = _responses(operation, by_type)
    return described


def _parameters(operation: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": label,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "pattern": r"^[A-Za-z0-9_-]+(\.fifo)?$"},
        }
        for label in _LABEL.findall(operation.path)
    ]
    if operation.query is not None:
        schema = components[operation.query.__name__]
        for name, property_schema in schema["properties"].items():
            schema_only = {k: v for k, v in property_schema.items() if k != "description"}
            parameter = {"name": name, "in": "query", "required": False, "schema": schema_only}
            if "description" in property_schema:
                parameter["description"] = property_schema["description"]
            parameters.append(parameter)
    return [*parameters, *_NAMESPACE]


def _request_body(operation: Operation, by_type: dict[str, Any]) -> dict[str, Any]:
    content = {}
    if operation.body is not None:
        content[JSON] = {"schema": by_type[str(operation.body)]}
        if operation.binary:
            content[MSGPACK] = content[JSON]
    for media_type, kind in operation.media.items():
        content[media_type] = {"schema": by_type[str(kind)]}
    return {"required": operation.body is not None, "content": content}


def _responses(operation: Operation, by_type: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in operation.answers.items():
        responses[str(status)] = {"description": "Switched." if status == 101 else "Done."}
        if kind is not None:
            content = {operation.answer_media: {"schema": by_type[str(kind)]}}
            if operation.binary:
                content[MSGPACK] = {"schema": by_type[str(kind)]}
            responses[str(status)]["content"] = content
    refusals = [*_ALWAYS, *operation.raises, errors.NotSupported]
    if operation.takes_body:
        refusals += [UnsupportedMediaType, errors.BatchTooLong]  # the body itself may be too long
    titles: dict[int, dict[str, None]] = {}
    for kind in refusals:
        row = row_of(kind)
        titles.setdefault(row.status, {})[row.title] = None
    for status, found in titles.items():
        responses[str(status)] = {
            "description": "; ".join(found),
            "content": {PROBLEM_TYPE: {"schema": by_type[str(Problem)]}},
        }
    responses["403"] = _FORBIDDEN
    return dict(sorted(responses.items()))
