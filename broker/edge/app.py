"""one port for everything: decides whose request it is and hands it over"""

import json
import re

from broker import __version__
from broker.core.errors import BrokerError
from broker.core.limits import AWS_BODY_BYTES_MAX, CODE_BODY_BYTES_MAX, NATIVE_BODY_BYTES_MAX
from broker.core.names import ACCOUNT, REGION, Namespace
from broker.edge.aws import query
from broker.edge.aws.events import events
from broker.edge.aws.lambda_ import lambda_, takes_code
from broker.edge.aws.pipes import pipes
from broker.edge.aws.protocol import answer_json, answer_query, query_error
from broker.edge.aws.rest import RestService
from broker.edge.aws.scheduler import scheduler
from broker.edge.aws.service import Call, Service, Wire
from broker.edge.aws.sns import sns
from broker.edge.aws.sqs import sqs
from broker.edge.aws.sts import sts
from broker.edge.function_url import function_url_response
from broker.edge.guard import Guard
from broker.edge.health import Health
from broker.edge.http.message import Request, Response
from broker.edge.native import NativeApi
from broker.edge.signing_certificate import certificate_response
from broker.runtime.broker import Broker

_CREDENTIAL = re.compile(r"([^/\s]+)/[^/]*/([^/]*)/([^/]*)/aws4_request")
SCOPES_MAX = 10_000  # remembered
_ON_NO_QUEUE = ("CreateQueue", "ListQueues")  # and so not valid on a queue's URL
_QUEUE_PATH = re.compile(rb"/[0-9]{12}/[^/]+")

JSON_SERVICES = {service.target_prefix: service for service in (sqs, events)}
REST_SERVICES = (scheduler, pipes, lambda_)
QUERY_SERVICES = {service.name: service for service in (sqs, sns, sts)}
_WELCOME = f"""broker {__version__}

This is an event broker's port, for programs: AWS SDKs (queues, topics, events, functions) and plain
HTTP under /v1, which /v1/openapi.json describes. /healthz, /readyz and /metrics tell how it is.
""".encode()


class App:
    """The handler of every request."""

    def __init__(self, broker: Broker, guard: Guard, health: Health, default: Namespace) -> None:
        self._broker = broker
        self._guard = guard
        self._health = health
        self._default = default
        self._native = NativeApi(broker)
        self._scopes: dict[str, tuple[Namespace, str]] = {}

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        if "origin" not in request.headers:
            return await self._route(request)
        answer = self._guard.preflight(request) or await self._route(request)
        return self._guard.let_read(request, answer)

    async def _route(self, request: Request) -> Response:
        if (answer := certificate_response(self._broker.signing, request)) is not None:
            return answer
        if (answer := await function_url_response(self._broker, request)) is not None:
            return answer
        namespace, signed_for = self._scope(request)
        if _is_native(request.raw_path) and signed_for != "pipes":
            return await self._native.handle(request, namespace)
        call = Call(self._broker, namespace, request, self._broker.ids.new_text())
        target = request.headers.get("x-amz-target")
        if target is not None:
            prefix, _, action = target.rpartition(".")
            service = JSON_SERVICES.get(prefix)
            if service is None:
                return _unknown_target(call, target)
            return await answer_json(service, call, action)
        if (answer := await self._health.handle(request)) is not None:
            return answer
        rest = _rest_service(signed_for, request.raw_path)
        return await (rest.answer(call) if rest is not None else self._query(call, signed_for))

    async def _query(self, call: Call, signed_for: str) -> Response:
        request = call.request
        if request.method not in ("GET", "POST"):
            allow = (("Allow", "GET, POST"), ("x-amzn-RequestId", call.request_id))
            return Response(405, b"", headers=allow)
        form = request.body if request.content_type == "application/x-www-form-urlencoded" else b""
        on_queue = _QUEUE_PATH.fullmatch(request.raw_path) is not None
        try:
            parameters = query.parse_form(form, request.raw_query)
        except BrokerError as error:
            wire = Wire(400, "MalformedQueryString")
            return query_error(QUERY_SERVICES.get(signed_for, sqs), call, wire, error.message)
        service = QUERY_SERVICES.get(signed_for) or _service_of(parameters, on_queue=on_queue)
        action = parameters.get("Action")
        if request.method == "GET" and request.raw_path == b"/" and not parameters:
            return Response(200, _WELCOME, "text/plain; charset=utf-8")
        if (
            service is None
            or (request.raw_path != b"/" and not on_queue)
            or (on_queue and action is None)
        ):
            headers = (("x-amzn-RequestId", call.request_id),)
            return Response(404, b"<UnknownOperationException/>\n", "application/xml", headers)
        if on_queue:
            if action in _ON_NO_QUEUE:
                text = service.invalid_action.format(action)
                return query_error(service, call, Wire(400, "InvalidAction"), text)
            parameters.setdefault("QueueUrl", request.path)
        return await answer_query(service, call, parameters)

    def _scope(self, request: Request) -> tuple[Namespace, str]:
        """The namespace, and the service that the request is signed for ("" if it isn't)."""
        authorization = request.headers.get("authorization")
        if authorization is None:
            if b"X-Amz-Credential=" not in request.raw_query:
                return self._default, ""
            # A presigned URL.
            authorization = f"Credential={request.query.get('X-Amz-Credential')}"
        # A client sends the same credential with every request, until the date in it changes.
        credential = authorization.partition("Credential=")[2].partition(",")[0]
        scope = self._scopes.get(credential)
        if scope is None:
            scope = self._parse_scope(credential)
            if len(self._scopes) >= SCOPES_MAX:
                self._scopes.clear()
            self._scopes[credential] = scope
        return scope

    def _parse_scope(self, credential: str) -> tuple[Namespace, str]:
        match = _CREDENTIAL.fullmatch(credential.strip())
        if match is None:
            return self._default, ""
        key, region, service = match.groups()
        account = key if ACCOUNT.fullmatch(key) else self._default.account
        known = REGION.fullmatch(region) is not None
        return Namespace(account, region if known else self._default.region), service


def _rest_service(signed_for: str, raw_path: bytes) -> RestService | None:
    """By what the request is signed for; else by path."""
    for service in REST_SERVICES:
        if signed_for == service.name or (not signed_for and service.root.fullmatch(raw_path)):
            return service
    return None


def _unknown_target(call: Call, target: str) -> Response:
    text = f"The operation {target} is not known to this broker."
    body = json.dumps({"__type": "UnknownOperationException", "message": text}).encode()
    headers = (("x-amzn-RequestId", call.request_id),)
    return Response(400, body, "application/x-amz-json-1.1", headers)


def _service_of(parameters: dict[str, str], *, on_queue: bool) -> Service | None:
    """By the API's version, which each Query service has its own of; then by action."""
    if on_queue:
        return sqs
    version, action = parameters.get("Version"), parameters.get("Action")
    for service in QUERY_SERVICES.values():
        if version == service.version or (version is None and action in service.actions):
            return service
    return None


def _is_native(raw_path: bytes) -> bool:
    """/v1/pipes and what lies under it belong to EventBridge Pipes."""
    return raw_path.startswith(b"/v1/") and not (
        raw_path == b"/v1/pipes" or raw_path.startswith(b"/v1/pipes/")
    )


def body_limit(method: str, target: bytes, headers: dict[str, str]) -> int:
    """How many bytes a request's body may have."""
    if target.startswith(b"/v1/"):
        return NATIVE_BODY_BYTES_MAX
    return CODE_BODY_BYTES_MAX if takes_code(method, target) else AWS_BODY_BYTES_MAX
