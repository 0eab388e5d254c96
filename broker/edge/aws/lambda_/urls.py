"""Lambda actions on functions' URLs: create, get, list, update, delete"""

from typing import Any

from broker.core.message import iso_time
from broker.core.names import Namespace
from broker.core.resources import FunctionUrl
from broker.edge.aws.lambda_.answers import answer, limit_of
from broker.edge.aws.lambda_.location import locate_function, locate_label
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations
from broker.edge.http.message import Response

PATH = "/2021-10-31/functions/{}/url"


class Cors(Members, kw_only=True):
    allow_credentials: bool | None = None
    allow_headers: list[str] | None = None
    allow_methods: list[str] | None = None
    allow_origins: list[str] | None = None
    expose_headers: list[str] | None = None
    max_age: int | None = None

    def document(self) -> dict[str, Any]:
        """As it is kept and shown. Raises: InvalidParameter."""
        v = Violations()
        v.range("cors.maxAge", self.max_age, 0, 86_400)
        v.check()
        members = {
            "AllowCredentials": self.allow_credentials,
            "AllowHeaders": self.allow_headers,
            "AllowMethods": self.allow_methods,
            "AllowOrigins": self.allow_origins,
            "ExposeHeaders": self.expose_headers,
            "MaxAge": self.max_age,
        }
        return {name: value for name, value in members.items() if value is not None}


class FunctionUrlConfigRequest(Members, kw_only=True):
    auth_type: str | None = None
    cors: Cors | None = None
    invoke_mode: str | None = None

    def check(self) -> None:
        """Raises: InvalidParameter."""
        v = Violations()
        v.choice("authType", self.auth_type, ["NONE", "AWS_IAM"])
        v.choice("invokeMode", self.invoke_mode, ["BUFFERED", "RESPONSE_STREAM"])
        v.check()


@lambda_.route("POST", PATH)
async def create_function_url_config(call: Call, label: str) -> Response:
    """Give a function or an alias a URL on this port."""
    request = decode(call, FunctionUrlConfigRequest)
    request.check()
    if request.auth_type is None:
        v = Violations()
        v.missing("authType")
        raise v.error()
    namespace, name = locate_label(call, label)
    cors = request.cors.document() if request.cors is not None else None
    url = await call.broker.function_urls.create(
        namespace, name, request.auth_type, cors, request.invoke_mode
    )
    return answer(call, _document(call, namespace, url), 201)


@lambda_.route("GET", PATH)
async def get_function_url_config(call: Call, label: str) -> Response:
    """A function's URL, or an alias's."""
    namespace, name = locate_label(call, label)
    url = call.broker.function_urls.get(namespace, name)
    return answer(call, _document(call, namespace, url))


@lambda_.route("PUT", PATH)
async def update_function_url_config(call: Call, label: str) -> Response:
    """Change what is given."""
    request = decode(call, FunctionUrlConfigRequest)
    request.check()
    namespace, name = locate_label(call, label)
    cors = request.cors.document() if request.cors is not None else None
    url = await call.broker.function_urls.update(
        namespace, name, request.auth_type, cors, request.invoke_mode
    )
    return answer(call, _document(call, namespace, url))


@lambda_.route("DELETE", PATH)
async def delete_function_url_config(call: Call, label: str) -> Response:
    """Take the URL away."""
    namespace, name = locate_label(call, label)
    await call.broker.function_urls.delete(namespace, name)
    return answer(call, None, 204)


@lambda_.route("GET", PATH + "s")
async def list_function_url_configs(call: Call, label: str) -> Response:
    """The URLs of a function and its aliases."""
    namespace, name = locate_function(call, label)
    limit, marker = limit_of(call), call.request.query.get("Marker", "")
    left = [url for url in call.broker.function_urls.all(namespace, name) if url.name > marker]
    shown = [_document(call, namespace, url) for url in left[:limit]]
    body: dict[str, Any] = {"FunctionUrlConfigs": shown}
    if len(left) > limit:
        body["NextMarker"] = left[limit - 1].name
    return answer(call, body)


def _document(call: Call, namespace: Namespace, url: FunctionUrl) -> dict[str, Any]:
    port = call.request.headers.get("host", "").rpartition(":")[2]
    suffix = f":{port}" if port.isdigit() else ""
    document: dict[str, Any] = {
        "FunctionUrl": f"http://{url.id}.lambda-url.{namespace.region}.localhost{suffix}/",
        "FunctionArn": namespace.arn("lambda", f"function:{url.name}"),
        "AuthType": url.auth_type,
        "CreationTime": iso_time(url.created_at_ms),
        "LastModifiedTime": iso_time(url.modified_at_ms),
        "InvokeMode": url.invoke_mode,
    }
    if url.cors is not None:
        document["Cors"] = url.cors
    return document
