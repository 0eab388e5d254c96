"""functions behind URLs of their own: `<id>.lambda-url.<region>.localhost`, on the same port"""

import json
import logging
import re

from broker.core.errors import BrokerError, TooManyRequests
from broker.core.function_url import (
    UrlRequest,
    UrlResponse,
    cors_headers,
    streamed_head,
    url_event,
    url_response,
)
from broker.core.names import Namespace
from broker.core.resources import FunctionUrl
from broker.edge.http.channel import Channel
from broker.edge.http.message import Request, Response
from broker.runtime.broker import Broker
from broker.runtime.functions import Invoked, Streamed

__all__ = ["function_url_response"]

log = logging.getLogger(__name__)

_HOST = re.compile(r"([a-z2-7]{32})\.lambda-url\.[a-z0-9-]+\.[a-z0-9.-]+(:[0-9]+)?", re.IGNORECASE)


async def function_url_response(broker: Broker, request: Request) -> Response | None:
    """The function's response; None if the request's Host is no function's."""
    host = request.headers.get("host", "")
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    found = broker.function_urls.find(match[1].lower())
    if found is None:
        return _refusal(404, "Not Found")
    namespace, url = found
    origin = request.headers.get("origin", "")
    if request.method == "OPTIONS" and origin and url.cors:
        return Response(200, headers=cors_headers(url, origin, preflight=True))
    if url.auth_type == "AWS_IAM" and "authorization" not in request.headers:
        return _refusal(403, "Forbidden")
    response = await _invoke(broker, namespace, url, request, host.partition(":")[0])
    if origin and url.cors:
        response.headers = [*response.headers, *cors_headers(url, origin, preflight=False)]
    return response


async def _invoke(
    broker: Broker, namespace: Namespace, url: FunctionUrl, request: Request, host: str
) -> Response:
    event = url_event(
        url,
        namespace.account,
        UrlRequest(
            method=request.method,
            raw_path=request.raw_path.decode("latin-1"),
            raw_query=request.raw_query.decode("latin-1"),
            headers=request.headers,
            body=request.body,
            peer=request.peer,
            host=host,
            http_version=request.version,
            at_ms=broker.now_ms(),
            request_id=broker.ids.new_text(),
        ),
    )
    if url.invoke_mode == "RESPONSE_STREAM":
        streamed = broker.functions.stream(namespace, url.name, event, request.trace_header)
        return await _stream(streamed, url)
    try:
        invoked = await broker.functions.invoke(
            namespace, url.name, event, trace_header=request.trace_header
        )
    except BrokerError as error:
        return _refused(url, error)
    return _whole(url, invoked)


async def _stream(streamed: Streamed, url: FunctionUrl) -> Response:
    """The response as soon as its head is known; the rest follows as the function writes it."""
    beginning = b""
    head: tuple[UrlResponse, bytes] | None = None
    async for piece in streamed.pieces:
        beginning += piece
        if (head := streamed_head(beginning)) is not None:
            break
    if head is None:
        if streamed.refusal is not None:
            return _refused(url, streamed.refusal)
        assert streamed.invoked is not None
        if not streamed.invoked.attempt.result.streamed:
            return _whole(url, streamed.invoked)
        # A body that looked like a prelude all the way to its end.
        head = UrlResponse(content_type="application/octet-stream"), beginning
    found, first = head

    async def send(channel: Channel) -> None:
        with streamed.pieces:
            if first:
                await channel.send(first)
            async for piece in streamed.pieces:
                await channel.send(piece)
        failed = streamed.invoked is None or streamed.invoked.attempt.result.function_error
        if not failed:  # else it ends without an end: so the client sees that something is missing
            await channel.finish()

    response = _response(found, "")
    return Response(
        response.status,
        content_type=response.content_type,
        headers=response.headers,
        takeover=send,
    )


def _refused(url: FunctionUrl, error: BrokerError) -> Response:
    if isinstance(error, TooManyRequests):
        retry_after_s = max(1, round(error.details["retry_after_s"]))
        return _refusal(429, "Rate Exceeded.", ("Retry-After", str(retry_after_s)))
    log.warning("the URL of function %s: %s", url.name, error.message)
    return _refusal(502, "Internal Server Error")


def _whole(url: FunctionUrl, invoked: Invoked) -> Response:
    if invoked.attempt.result.function_error is not None:
        return _refusal(502, "Internal Server Error", ("x-amzn-RequestId", invoked.request_id))
    try:
        found = url_response(invoked.attempt.result.payload)
    except ValueError as error:
        log.warning("the URL of function %s: its result is no response: %s", url.name, error)
        return _refusal(502, "Internal Server Error", ("x-amzn-RequestId", invoked.request_id))
    return _response(found, invoked.request_id)


def _response(found: UrlResponse, request_id: str) -> Response:
    headers = [*found.headers]
    if request_id:
        headers.append(("x-amzn-RequestId", request_id))
    if any("\r" in text or "\n" in text for pair in headers for text in pair):
        return _refusal(502, "Internal Server Error", ("x-amzn-RequestId", request_id))
    return Response(found.status, found.body, found.content_type, headers)


def _refusal(status: int, message: str, *headers: tuple[str, str]) -> Response:
    body = json.dumps({"Message": message}).encode()
    return Response(status, body, "application/json", headers)
