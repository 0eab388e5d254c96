"""Lambda actions on functions: list, get, get configuration"""

from typing import Any

import msgspec

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.message import iso_time
from broker.core.names import Namespace
from broker.core.resources import Function
from broker.edge.aws.lambda_.location import locate_function
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.service import Call
from broker.edge.http.message import Response

PAGE, PAGE_MAX = 50, 10_000


@lambda_.route("GET", "/2015-03-31/functions")
async def list_functions(call: Call) -> Response:
    """Functions by name, fifty a page."""
    query = call.request.query
    if "MasterRegion" in query:
        raise NotSupported("MasterRegion is not supported by this broker.")
    limit_text = query.get("MaxItems", str(PAGE))
    limit = int(limit_text) if limit_text.isascii() and limit_text.isdigit() else 0
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidParameter(
            f"1 validation error detected: Value '{limit_text}' at 'maxItems' failed to satisfy "
            f"constraint: Member must be between 1 and {PAGE_MAX}"
        )
    marker = query.get("Marker", "")
    left = [f for f in call.broker.functions.all(call.namespace) if f.name > marker]
    page = left[:limit]
    body: dict[str, Any] = {"Functions": [configuration(call.namespace, f) for f in page]}
    if len(page) < len(left):
        body["NextMarker"] = page[-1].name
    return _answer(call, body)


@lambda_.route("GET", "/2015-03-31/functions/{}")
async def get_function(call: Call, label: str) -> Response:
    """One function, with its configuration and concurrency."""
    namespace, function = _function(call, label)
    body: dict[str, Any] = {
        "Configuration": configuration(namespace, function),
        "Code": {"RepositoryType": "local", "Location": f"{function.invoker}:{function.handler}"},
        "Tags": function.tags,
    }
    if function.reserved_concurrency is not None:
        body["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
    return _answer(call, body)


@lambda_.route("GET", "/2015-03-31/functions/{}/configuration")
async def get_function_configuration(call: Call, label: str) -> Response:
    """One function's configuration."""
    return _answer(call, configuration(*_function(call, label)))


def configuration(namespace: Namespace, function: Function) -> dict[str, Any]:
    """The document that Lambda describes a function by."""
    modified = iso_time(function.modified_at_ms).replace("Z", "+0000")
    document: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": namespace.arn("lambda", f"function:{function.name}"),
        "Runtime": "provided",
        "Handler": function.handler,
        "CodeSize": 0,
        "Description": function.description,
        "Timeout": max(1, round(function.timeout_s)),
        "MemorySize": function.memory_mb,
        "LastModified": modified,
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
    }
    if function.environment:
        document["Environment"] = {"Variables": function.environment}
    if function.dead_letter_target_arn:
        document["DeadLetterConfig"] = {"TargetArn": function.dead_letter_target_arn}
    return document


def _function(call: Call, label: str) -> tuple[Namespace, Function]:
    namespace, name = locate_function(call, label)
    return namespace, call.broker.functions.get(namespace, name)


def _answer(call: Call, body: dict[str, Any]) -> Response:
    headers = (("x-amzn-RequestId", call.request_id),)
    return Response(200, msgspec.json.encode(body), "application/json", headers)
