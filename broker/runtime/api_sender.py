"""sends events to API destinations: requests as the connection and the target want them"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
import trio

from broker.core.authorization import (
    ApiKey,
    Authorization,
    Basic,
    ClientCredentials,
    Parameter,
)
from broker.core.cloudevent import HttpContent
from broker.core.event_path import MISSING, compile_path
from broker.core.limits import API_DESTINATION_TIMEOUT_S, DELIVERY_ANSWER_BYTES_MAX
from broker.core.resources import ApiDestination, Connection, HttpParameters
from broker.outgoing.address import Address
from broker.outgoing.resolve import Resolve, SystemResolver
from broker.outgoing.retry_after import retry_after_s
from broker.outgoing.transport import CheckedBackend, ForbiddenAddress, PooledTransport
from broker.outgoing.trust import ssl_context
from broker.runtime.http_sender import Answer

__all__ = ["ApiSender"]

CONNECTIONS_MAX = 100  # of one namespace
TOKEN_MARGIN_S = 60.0  # before it expires, a token is no longer used
TOKEN_LIFE_S = 3_600.0  # of one that doesn't say
RETRIED = (401, 407, 409, 429)
WITHOUT_BODY = ("GET", "HEAD")
_JSON = {"Content-Type": "application/json; charset=utf-8"}
USER_AGENT = "Amazon/EventBridge/ApiDestinations"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float  # on trio's clock


class Unauthorized(Exception):
    """The authorization server gives no token; says why."""


class ApiSender:
    """The requests of one namespace's API destinations."""

    def __init__(
        self,
        permits: Callable[[Address], bool],
        now_s: Callable[[], float],
        *,
        resolve: Resolve | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._now_s = now_s
        self._transport = PooledTransport(
            CheckedBackend(permits, resolve or SystemResolver()),
            connections_max=CONNECTIONS_MAX,
            idle_connections_max=CONNECTIONS_MAX,
            ssl_context=ssl_context(ca_file),
        )
        self._tokens: dict[str, _Token] = {}
        self._asking: dict[str, trio.Lock] = {}
        self._next_at: dict[str, float] = {}  # when a destination's rate allows the next request

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def send(
        self,
        destination: ApiDestination,
        connection: Connection,
        authorization: Authorization,
        parameters: HttpParameters,
        event: Any,
        body: str | HttpContent,
        answer_bytes_max: int = DELIVERY_ANSWER_BYTES_MAX,
    ) -> Answer:
        """One attempt, when the destination's rate allows it.

        `event` is what the parameters' paths lead into; `body` JSON, or something else with its
        headers. Of a longer answer a part is read.
        """
        await self._keep_rate(destination)
        answer = Answer("failed", f"no answer within {API_DESTINATION_TIMEOUT_S:.0f} s")
        with trio.move_on_after(API_DESTINATION_TIMEOUT_S):
            try:
                headers = await self._authorized(connection, authorization)
                request = _request(destination, authorization, parameters, headers, event, body)
                status, answer_headers, answered = await self._send(request, answer_bytes_max)
                answer = replace(self._judge(status, answer_headers), body=answered)
                if status in (401, 407):
                    self._tokens.pop(connection.name, None)
            except ForbiddenAddress as error:
                return Answer("refused", f"forbidden address: {error}")
            except httpx.InvalidURL as error:
                return Answer("refused", f"no URL that can be asked: {error}")
            except Unauthorized as error:
                return Answer("failed", f"the authorization server gives no token: {error}")
            except httpx.HTTPError as error:
                return Answer("failed", str(error) or type(error).__name__)
        return answer

    async def _keep_rate(self, destination: ApiDestination) -> None:
        now = trio.current_time()
        at = max(self._next_at.get(destination.name, 0.0), now)
        self._next_at[destination.name] = at + 1 / destination.rate
        await trio.sleep_until(at)

    async def _authorized(
        self, connection: Connection, authorization: Authorization
    ) -> dict[str, str]:
        """The headers that let a request in. Raises: Unauthorized, httpx.HTTPError."""
        match authorization.method:
            case Basic(username=username, password=password):
                return {"Authorization": _basic(username, password)}
            case ApiKey(name=name, value=value):
                return {name: value}
            case ClientCredentials() as credentials:
                token = await self._token(connection, credentials)
                return {"Authorization": f"Bearer {token}"}

    async def _token(self, connection: Connection, credentials: ClientCredentials) -> str:
        # Everybody waits for the one who asks: no server is asked by many at once.
        async with self._asking.setdefault(connection.name, trio.Lock()):
            known = self._tokens.get(connection.name)
            if known is not None and trio.current_time() < known.until:
                return known.text
            token = await self._ask_for_token(credentials)
            self._tokens[connection.name] = token
            return token.text

    async def _ask_for_token(self, credentials: ClientCredentials) -> _Token:
        parts = credentials.parts
        form = {"grant_type": "client_credentials"} | _plain(parts.body)
        headers = {
            "Authorization": _basic(credentials.client_id, credentials.client_secret),
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
        } | _plain(parts.headers)
        query = _plain(parts.query)
        content = b""
        if credentials.method == "GET":
            query = form | query
        else:
            content = urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = _with_query(credentials.endpoint, query)
        request = httpx.Request(credentials.method, url, headers=headers, content=content)
        status, _, body = await self._send(request)
        if status != 200:
            raise Unauthorized(f"HTTP status {status}")
        try:
            answer = msgspec.json.decode(body, type=dict[str, Any])
            text = str(answer["access_token"])
            life_s = float(answer.get("expires_in", TOKEN_LIFE_S))
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise Unauthorized("its answer has no access_token") from None
        return _Token(text, trio.current_time() + max(life_s - TOKEN_MARGIN_S, 0.0))

    async def _send(
        self, request: httpx.Request, answer_bytes_max: int = DELIVERY_ANSWER_BYTES_MAX
    ) -> tuple[int, httpx.Headers, bytes]:
        response, body = await self._transport.ask(request, answer_bytes_max)
        return response.status_code, response.headers, body

    def _judge(self, status: int, headers: httpx.Headers) -> Answer:
        """Source: EventBridge user guide, API destinations."""
        text = f"HTTP status {status}"
        wait_s = retry_after_s(headers.get("Retry-After"), self._now_s())
        if 200 <= status < 300:
            return Answer("delivered", text, status)
        if status == 429 or (wait_s is not None and (status in RETRIED or status >= 500)):
            return Answer("parked", text, status, wait_s)
        retried = status in RETRIED or status >= 500
        return Answer("failed" if retried else "refused", text, status)


def _request(
    destination: ApiDestination,
    authorization: Authorization,
    parameters: HttpParameters,
    authorized: Mapping[str, str],
    event: Any,
    body: str | HttpContent,
) -> httpx.Request:
    """Of what both name, the connection's value counts."""
    parts = authorization.parts
    query = _values(parameters.query_string_parameters, event) | _plain(parts.query)
    headers = {
        "User-Agent": USER_AGENT,
        **(_JSON if isinstance(body, str) else body.headers),
        **_values(parameters.header_parameters, event),
        **_plain(parts.headers),
        **authorized,
    }
    path = [_value(each, event) for each in parameters.path_parameter_values]
    url = _with_query(_with_path(destination.endpoint, path), query)
    content = b""
    if destination.http_method not in WITHOUT_BODY:
        text = _with_members(body, _plain(parts.body)) if isinstance(body, str) else ""
        content = text.encode() if isinstance(body, str) else body.body
    return httpx.Request(destination.http_method, url, headers=headers, content=content)


def _with_path(endpoint: str, values: list[str]) -> str:
    """The endpoint with a value in the place of each asterisk."""
    pieces = endpoint.split("*")
    found = [quote(value, safe="") for value in values[: len(pieces) - 1]]
    found += [""] * (len(pieces) - 1 - len(found))
    return pieces[0] + "".join(
        value + piece for value, piece in zip(found, pieces[1:], strict=True)
    )


def _with_query(url: str, query: Mapping[str, str]) -> str:
    if not query:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def _with_members(text: str, members: Mapping[str, str]) -> str:
    """The text with more members, if it is a JSON object."""
    if not members:
        return text
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return text
    return msgspec.json.encode(document | dict(members)).decode()


def _values(parameters: Mapping[str, str], event: Any) -> dict[str, str]:
    return {name: _value(value, event) for name, value in parameters.items()}


def _value(value: str, event: Any) -> str:
    """A constant, or what a JSON path finds in the event; nothing if it finds nothing."""
    if not value.startswith("$"):
        return value
    found = compile_path(value)(event)
    if found is MISSING:
        return ""
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()


def _plain(parameters: tuple[Parameter, ...]) -> dict[str, str]:
    return {each.key: each.value for each in parameters}


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
