"""POSTs the event to a URL and takes the response as the result"""

import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from ssl import SSLContext

import httpx
import trio

from broker.outgoing.address import is_public
from broker.outgoing.http2 import Http2Transport
from broker.outgoing.resolve import Resolve, SystemResolver
from broker.outgoing.transport import CheckedBackend, ForbiddenAddress, PooledTransport
from broker.outgoing.trust import ssl_context
from broker.plugin import Host, Invocation, InvocationResult, InvokerUnavailable, Settings
from broker_http.pace import AdaptiveLimit, Pace
from broker_http.response import read_body, result_of
from broker_http.secrets import secret_text
from broker_http.settings import HttpSettings, OAuth, checked_header, parse_settings
from broker_http.tokens import Ask, Tokens

__all__ = ["HttpInvoker"]

CONNECTIONS_MAX = 1000  # the account's concurrency limit: the pool is never the first to be full
IDLE_CONNECTIONS_MAX = 100
CONNECT_S_MAX = 10.0  # for an answer the host's timeout holds
TOKEN_S_MAX = 10.0  # for a token
SHARE = 0.8  # of the function's timeout, for all that comes before its request


class HttpInvoker:
    """Functions behind URLs. Redirects and the daemon's proxy settings are not followed."""

    settings_type = HttpSettings

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._resolve = SystemResolver() if resolve is None else resolve
        self._now_s = now_s
        self._all_tokens: dict[bool, Tokens] = {}  # by `allow_private`
        self._clients: dict[tuple[bool, bool], httpx.AsyncClient] = {}  # likewise, and `http2`
        self._paces: dict[str, Pace] = {}  # by function
        self._limits: dict[str, AdaptiveLimit] = {}  # likewise

    def check_settings(self, settings: Settings, /) -> None:
        """Refuse what cannot be a request. Raises: SettingsError."""
        parse_settings(settings)

    def running(self, host: Host, /) -> AbstractAsyncContextManager[None]:
        """Hold the connections open."""
        return self._running(ssl_context(host.ca_file))

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        """POST the event and wait for the answer.

        Cancelled: the connection is closed; what the target makes of that is its own affair.
        Raises: InvokerThrottled, InvokerUnavailable, SettingsError.
        """
        assert self._clients, "invoke() belongs inside running()"
        settings = parse_settings(invocation.settings)
        sent_by = trio.current_time() + invocation.timeout_s * SHARE
        if settings.requests_per_second is not None:
            pace = self._paces.setdefault(invocation.function_arn, Pace())
            await pace.wait(settings.requests_per_second, invocation.timeout_s)
        if not settings.adaptive_concurrency:
            return await self._send(invocation, settings, sent_by)
        limit = self._limits.setdefault(invocation.function_arn, AdaptiveLimit())
        began, refused = limit.begin(), True
        try:
            result = await self._send(invocation, settings, sent_by)
            refused = False
            return result
        finally:
            limit.end(began, refused=refused)

    async def _send(
        self, invocation: Invocation, settings: HttpSettings, sent_by: float
    ) -> InvocationResult:
        try:
            response, body = await self._authorized(invocation, settings, sent_by)
        except _Forbidden as error:
            return InvocationResult.failed("Http.ForbiddenAddress", str(error))
        return result_of(response, body, self._now_s)

    async def _authorized(
        self, invocation: Invocation, settings: HttpSettings, sent_by: float
    ) -> tuple[httpx.Response, bytes | None]:
        response, body = await self._exchange(invocation, settings, sent_by)
        if response.status_code == 401 and isinstance(settings.authorization, OAuth):
            # The token may have been taken back early; a new one is worth one more request.
            self._tokens(settings).forget(settings.authorization)
            response, body = await self._exchange(invocation, settings, sent_by)
        return response, body

    async def _exchange(
        self, invocation: Invocation, settings: HttpSettings, sent_by: float
    ) -> tuple[httpx.Response, bytes | None]:
        client = self._clients[settings.allow_private, settings.http2]
        headers = _headers(invocation, settings)
        authorization = settings.authorization
        if isinstance(authorization, OAuth):
            token = await self._token(settings, authorization, sent_by)
            headers["Authorization"] = f"Bearer {token}"
        elif authorization is not None:
            name, value = checked_header("authorization", *authorization.header())
            headers[name] = value
        try:
            async with client.stream(
                "POST",
                settings.url,
                content=invocation.payload,
                headers=headers,
                timeout=httpx.Timeout(None, connect=_until(sent_by, CONNECT_S_MAX)),
            ) as response:
                return response, await read_body(response)
        except ForbiddenAddress as error:
            raise _Forbidden(f"{error}; `allow_private` would permit it") from None
        except httpx.HTTPError as error:
            # Not chained: an httpx error carries the request, with its URL and credentials.
            message = f"{settings.origin}: {error}"
            raise InvokerUnavailable(message) from None

    async def _token(self, settings: HttpSettings, authorization: OAuth, sent_by: float) -> str:
        try:
            with trio.fail_after(_until(sent_by, TOKEN_S_MAX)):
                return await self._tokens(settings).get(authorization)
        except trio.TooSlowError:
            raise InvokerUnavailable("the authorization server takes too long") from None

    def _tokens(self, settings: HttpSettings) -> Tokens:
        """By `allow_private` too: a token isn't asked for where a function may not go."""
        return self._all_tokens[settings.allow_private]

    def _asking(self, client: httpx.AsyncClient) -> Ask:
        async def ask(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
            try:
                async with client.stream(
                    "POST", url, content=body, headers=dict(headers)
                ) as response:
                    return response.status_code, await read_body(response) or b""
            except (httpx.HTTPError, ForbiddenAddress) as error:
                text = str(error) or type(error).__name__
                raise InvokerUnavailable(f"the authorization server: {text}") from None

        return ask

    @asynccontextmanager
    async def _running(self, trusting: SSLContext) -> AsyncIterator[None]:
        # A connection to a private address must not be reused for a function that may not go there.
        async with AsyncExitStack() as clients:
            for allow_private in (False, True):
                backend = CheckedBackend(_anywhere if allow_private else is_public, self._resolve)
                transports: dict[bool, httpx.AsyncBaseTransport] = {
                    False: PooledTransport(
                        backend,
                        connections_max=CONNECTIONS_MAX,
                        idle_connections_max=IDLE_CONNECTIONS_MAX,
                        ssl_context=trusting,
                    ),
                    True: Http2Transport(
                        backend, idle_connections_max=IDLE_CONNECTIONS_MAX, ssl_context=trusting
                    ),
                }
                for http2, transport in transports.items():
                    self._clients[allow_private, http2] = await clients.enter_async_context(
                        httpx.AsyncClient(
                            transport=transport,
                            timeout=httpx.Timeout(None, connect=CONNECT_S_MAX),
                            follow_redirects=False,
                            trust_env=False,
                        )
                    )
                client = self._clients[allow_private, False]
                self._all_tokens[allow_private] = Tokens(self._asking(client))
            try:
                yield
            finally:
                self._clients, self._all_tokens = {}, {}


class _Forbidden(Exception):
    """The function's URL leads where it may not go; says so."""


def _until(sent_by: float, s_max: float) -> float:
    """Seconds for what is no affair of the function: at their end its own timeout isn't over."""
    return min(s_max, max(sent_by - trio.current_time(), 0.0))


def _anywhere(_: object) -> bool:
    return True


def _headers(invocation: Invocation, settings: HttpSettings) -> httpx.Headers:
    headers = httpx.Headers(
        {
            "Content-Type": "application/json",
            "Accept": "application/json, */*;q=0.5",
            "Accept-Encoding": "identity",  # so that a small body cannot unpack to a huge one
            "User-Agent": "event-broker",
            "X-Broker-Request-Id": invocation.request_id,
            "X-Broker-Function-Name": invocation.function_name,
            "X-Broker-Attempt": str(invocation.attempt),
            "X-Broker-Deadline-Ms": str(invocation.deadline_ms),
            "X-Amzn-Trace-Id": invocation.trace_header,
        }
    )
    if invocation.client_context is not None:
        headers["X-Broker-Client-Context"] = b64encode(invocation.client_context).decode()
    for name, secret in settings.headers.items():
        headers.update([checked_header("headers", name, secret_text(secret))])
    return headers
