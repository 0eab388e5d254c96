"""Lambda actions on aliases: create, get, list, update, delete"""

from typing import Any

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.names import Namespace, labelled
from broker.core.resources import Alias
from broker.edge.aws.lambda_.answers import FUNCTIONS, answer, limit_of
from broker.edge.aws.lambda_.location import locate_function
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations
from broker.edge.http.message import Response


class RoutingConfig(Members, kw_only=True):
    additional_version_weights: dict[str, float] | None = None


class _Settings(Members, kw_only=True):
    description: str | None = None
    routing_config: RoutingConfig | None = None

    def applied_to(self, alias: Alias) -> Alias:
        """The alias with what is given. Raises: InvalidParameter."""
        given: dict[str, Any] = {}
        if self.description is not None:
            given["description"] = self.description
        if self.routing_config is not None:
            weights = self.routing_config.additional_version_weights or {}
            if len(weights) > 1:
                raise InvalidParameter(
                    "Number of items in AdditionalVersionWeights cannot be greater than 1"
                )
            for version, weight in weights.items():
                v = Violations()
                v.pattern("routingConfig.additionalVersionWeights.key", version, "[0-9]+")
                v.check()
                if not 0.0 <= weight <= 1.0:
                    raise InvalidParameter(f"The weight of version {version} must be 0.0 to 1.0.")
            given["other_version"], given["other_weight"] = next(iter(weights.items()), ("", 0.0))
        return msgspec.structs.replace(alias, **given)


class CreateAliasRequest(_Settings, kw_only=True):
    name: str
    function_version: str


class UpdateAliasRequest(_Settings, kw_only=True):
    function_version: str | None = None
    revision_id: str | None = None


@lambda_.route("POST", FUNCTIONS + "/{}/aliases")
async def create_alias(call: Call, label: str) -> Response:
    """Name a version."""
    request = decode(call, CreateAliasRequest)
    namespace, name = locate_function(call, label)
    version = _version(request.function_version)
    alias = request.applied_to(Alias(name=f"{name}:{request.name}", version=version))
    made = await call.broker.function_versions.create_alias(namespace, alias)
    return answer(call, _document(namespace, made), 201)


@lambda_.route("GET", FUNCTIONS + "/{}/aliases/{}")
async def get_alias(call: Call, label: str, alias: str) -> Response:
    """One alias."""
    namespace, name = locate_function(call, label)
    found = call.broker.function_versions.alias(namespace, name, alias)
    return answer(call, _document(namespace, found))


@lambda_.route("GET", FUNCTIONS + "/{}/aliases")
async def list_aliases(call: Call, label: str) -> Response:
    """A function's aliases by name; of one version, if that is asked for."""
    namespace, name = locate_function(call, label)
    query = call.request.query
    limit, marker = limit_of(call), query.get("Marker", "")
    found = call.broker.function_versions.aliases(namespace, name, query.get("FunctionVersion"))
    left = [alias for alias in found if labelled(alias.name)[1] > marker]
    body: dict[str, Any] = {"Aliases": [_document(namespace, alias) for alias in left[:limit]]}
    if len(left) > limit:
        body["NextMarker"] = labelled(left[limit - 1].name)[1]
    return answer(call, body)


@lambda_.route("PUT", FUNCTIONS + "/{}/aliases/{}")
async def update_alias(call: Call, label: str, alias: str) -> Response:
    """Point an alias elsewhere; what isn't given stays."""
    request = decode(call, UpdateAliasRequest)
    namespace, name = locate_function(call, label)
    changed = request.applied_to(call.broker.function_versions.alias(namespace, name, alias))
    if request.function_version is not None:
        version = _version(request.function_version)
        changed = msgspec.structs.replace(changed, version=version)
    made = await call.broker.function_versions.update_alias(namespace, changed, request.revision_id)
    return answer(call, _document(namespace, made))


@lambda_.route("DELETE", FUNCTIONS + "/{}/aliases/{}")
async def delete_alias(call: Call, label: str, alias: str) -> Response:
    """Delete an alias; one that isn't there is as good."""
    namespace, name = locate_function(call, label)
    await call.broker.function_versions.delete_alias(namespace, name, alias)
    return answer(call, None, 204)


def _version(text: str) -> str:
    v = Violations()
    v.pattern("functionVersion", text, r"(\$LATEST|[0-9]+)")
    v.check()
    return text


def _document(namespace: Namespace, alias: Alias) -> dict[str, Any]:
    document: dict[str, Any] = {
        "AliasArn": namespace.arn("lambda", f"function:{alias.name}"),
        "Name": labelled(alias.name)[1],
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.other_version:
        weights = {alias.other_version: alias.other_weight}
        document["RoutingConfig"] = {"AdditionalVersionWeights": weights}
    return document
