"""POSTs the event to a URL and takes the response as the result"""

import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import httpx

from broker.outgoing.address import is_public
from broker.outgoing.resolve import Resolve, SystemResolver
from broker.outgoing.transport import CheckedBackend, ForbiddenAddress, PooledTransport
from broker.plugin import Host, Invocation, InvocationResult, InvokerUnavailable, Settings
from broker_http.response import read_body, result_of
from broker_http.settings import HttpSettings, parse_settings

__all__ = ["HttpInvoker"]

CONNECTIONS_MAX = 1000  # the account's concurrency limit: the pool is never the first to be full
IDLE_CONNECTIONS_MAX = 100
CONNECT_S_MAX = 10.0  # for an answer the host's timeout holds


class HttpInvoker:
    """Functions behind URLs. Redirects and the daemon's proxy settings are not followed."""

    settings_type = HttpSettings

    def __init__(
        self, *, resolve: Resolve | None = None, now_s: Callable[[], float] = time.time
    ) -> None:
        self._resolve = SystemResolver() if resolve is None else resolve
        self._now_s = now_s
        self._clients: dict[bool, httpx.AsyncClient] = {}  # by `allow_private`

    def check_settings(self, settings: Settings, /) -> None:
        """Refuse what cannot be a request. Raises: SettingsError."""
        parse_settings(settings)

    def running(self, _: Host, /) -> AbstractAsyncContextManager[None]:
        """Hold the connections open."""
        return self._running()

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        """POST the event and wait for the answer.

        Cancelled: the connection is closed; what the target makes of that is its own affair.
        Raises: InvokerThrottled, InvokerUnavailable, SettingsError.
        """
        assert self._clients, "invoke() belongs inside running()"
        settings = parse_settings(invocation.settings)
        client = self._clients[settings.allow_private]
        try:
            async with client.stream(
                "POST",
                settings.url,
                content=invocation.payload,
                headers=_headers(invocation, settings),
            ) as response:
                body = await read_body(response)
        except ForbiddenAddress as error:
            return InvocationResult.failed(
                "Http.ForbiddenAddress", f"{error}; `allow_private` would permit it"
            )
        except httpx.HTTPError as error:
            # Not chained: an httpx error carries the request, with its URL and credentials.
            message = f"{settings.origin}: {error}"
            raise InvokerUnavailable(message) from None
        return result_of(response, body, self._now_s)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        # Two pools: a connection to a private address must not be reused for a function that
        # may not go there.
        ssl_context = httpx.create_ssl_context(trust_env=False)
        async with AsyncExitStack() as clients:
            for allow_private in (False, True):
                transport = PooledTransport(
                    CheckedBackend(_anywhere if allow_private else is_public, self._resolve),
                    connections_max=CONNECTIONS_MAX,
                    idle_connections_max=IDLE_CONNECTIONS_MAX,
                    ssl_context=ssl_context,
                )
                self._clients[allow_private] = await clients.enter_async_context(
                    httpx.AsyncClient(
                        transport=transport,
                        timeout=httpx.Timeout(None, connect=CONNECT_S_MAX),
                        follow_redirects=False,
                        trust_env=False,
                    )
                )
            try:
                yield
            finally:
                self._clients = {}


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
        }
    )
    if invocation.client_context is not None:
        headers["X-Broker-Client-Context"] = b64encode(invocation.client_context).decode()
    headers.update(settings.headers)
    if settings.authorization is not None:
        name, value = settings.authorization.header()
        headers[name] = value
    return headers
