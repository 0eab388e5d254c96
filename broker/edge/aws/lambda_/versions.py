"""Lambda actions on versions of functions: publish, list"""

from typing import Any

from broker.core.names import LATEST
from broker.edge.aws.lambda_.answers import FUNCTIONS, answer, limit_of
from broker.edge.aws.lambda_.functions import version_configuration
from broker.edge.aws.lambda_.location import locate_function
from broker.edge.aws.lambda_.members import configuration
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.http.message import Response


class PublishVersionRequest(Members, kw_only=True):
    code_sha256: str | None = None
    description: str | None = None
    revision_id: str | None = None
    publish_to: Refused = None


@lambda_.route("POST", FUNCTIONS + "/{}/versions")
async def publish_version(call: Call, label: str) -> Response:
    """Keep the function as it is now, under a number."""
    request = decode(call, PublishVersionRequest)
    namespace, name = locate_function(call, label)
    version = await call.broker.function_versions.publish(
        namespace, name, request.description, request.code_sha256, request.revision_id
    )
    return answer(call, version_configuration(namespace, version), 201)


@lambda_.route("GET", FUNCTIONS + "/{}/versions")
async def list_versions_by_function(call: Call, label: str) -> Response:
    """$LATEST, and the versions by number."""
    namespace, name = locate_function(call, label)
    limit = limit_of(call)
    marker = call.request.query.get("Marker", "")
    latest = configuration(namespace, call.broker.functions.get(namespace, name), LATEST)
    shown = [(0, latest)] + [
        (int(number), document)
        for version in call.broker.function_versions.all(namespace, name)
        for document in [version_configuration(namespace, version)]
        for number in [document["Version"]]
    ]
    after = int(marker) if marker.isdigit() else -1
    left = [each for each in shown if each[0] > after]
    body: dict[str, Any] = {"Versions": [document for _, document in left[:limit]]}
    if len(left) > limit:
        body["NextMarker"] = str(left[limit - 1][0])
    return answer(call, body)
