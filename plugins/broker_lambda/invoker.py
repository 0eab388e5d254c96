"""calls Invoke of the Lambda API, signed, and takes its answer as the result"""

import os
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from ssl import SSLContext
from urllib.parse import quote

import httpx

from broker.outgoing.trust import ssl_context
from broker.plugin import Host, Invocation, InvocationResult, InvokerUnavailable, Settings
from broker_lambda.credentials import CredentialsFinder
from broker_lambda.response import log_of, read_body, result_of
from broker_lambda.settings import LambdaSettings, parse_settings
from broker_lambda.signature import Credentials, Scope, signed_headers

__all__ = ["LambdaInvoker"]

CONNECTIONS_MAX = 1000  # the account's concurrency limit: the pool is never the first to be full
IDLE_CONNECTIONS_MAX = 100
CONNECT_S_MAX, CONNECT_SHARE = 10.0, 0.8  # of the timeout; for an answer the host's holds


def _now() -> datetime:
    return datetime.now(UTC)


class LambdaInvoker:
    """Functions that run on AWS Lambda, or on an endpoint that speaks its API."""

    settings_type = LambdaSettings

    def __init__(
        self,
        *,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._credentials = CredentialsFinder(environment)
        self._now = now
        self._client: httpx.AsyncClient | None = None

    def check_settings(self, settings: Settings, /) -> None:
        """Refuse what cannot be invoked. Credentials may come later, from the environment.

        Raises: SettingsError.
        """
        parse_settings(settings)

    def running(self, host: Host, /) -> AbstractAsyncContextManager[None]:
        """Hold the connections open."""
        return self._running(ssl_context(host.ca_file))

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        """Invoke the function and wait for its answer.

        Cancelled: the connection is closed. Lambda knows no way to stop a function: it goes on
        until its own timeout there.
        Raises: InvokerThrottled, InvokerUnavailable, SettingsError.
        """
        assert self._client is not None, "invoke() belongs inside running()"
        settings = parse_settings(invocation.settings)
        credentials = await self._credentials.find(settings)
        if credentials is None:
            return InvocationResult.failed(
                "Lambda.MissingCredentials",
                "no credentials: set `access_key_id` and `secret_access_key`, or `profile`, "
                "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the daemon",
            )
        request = self._request(self._client, invocation, settings, credentials)
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await read_body(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            # Not chained: an httpx error carries the request, with its session token.
            message = f"{request.url.host}: {str(error) or type(error).__name__}"
            raise InvokerUnavailable(message) from None
        invocation.write_log(log_of(response))
        return result_of(response, body)

    def _request(
        self,
        client: httpx.AsyncClient,
        invocation: Invocation,
        settings: LambdaSettings,
        credentials: Credentials,
    ) -> httpx.Request:
        region = settings.region or invocation.region
        headers = {
            "Content-Type": "application/json",
            "X-Amz-Invocation-Type": settings.invocation_type,
        }
        waits = settings.invocation_type == "RequestResponse"
        if waits:
            headers["X-Amz-Log-Type"] = "Tail"
        if waits and invocation.client_context is not None:
            headers["X-Amz-Client-Context"] = b64encode(invocation.client_context).decode()
        # What isn't connected in time is no affair of the function: its timeout isn't over then.
        connect_s = min(CONNECT_S_MAX, invocation.timeout_s * CONNECT_SHARE)
        request = client.build_request(
            "POST",
            _url(invocation, settings, region),
            headers=headers,
            content=invocation.payload,
            timeout=httpx.Timeout(None, connect=connect_s),
        )
        request.headers.update(
            signed_headers(
                method="POST",
                target=request.url.raw_path.decode(),
                headers={**headers, "Host": request.headers["Host"]},
                body=invocation.payload,
                credentials=credentials,
                scope=Scope(region, "lambda", self._now()),
            )
        )
        request.headers["X-Amzn-Trace-Id"] = invocation.trace_header  # as SDKs do, unsigned
        return request

    @asynccontextmanager
    async def _running(self, trusting: SSLContext) -> AsyncIterator[None]:
        async with httpx.AsyncClient(
            verify=trusting,
            limits=httpx.Limits(
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=IDLE_CONNECTIONS_MAX
            ),
            timeout=None,
            headers={"Accept-Encoding": "identity", "User-Agent": "event-broker"},
            follow_redirects=False,
            trust_env=False,
        ) as self._client:
            try:
                yield
            finally:
                self._client = None


def _url(invocation: Invocation, settings: LambdaSettings, region: str) -> str:
    endpoint = settings.endpoint_url or f"https://lambda.{region}.amazonaws.com"
    function_name = quote(settings.function_name or invocation.function_name, safe="")
    url = f"{endpoint.rstrip('/')}/2015-03-31/functions/{function_name}/invocations"
    if settings.qualifier is not None:
        url += f"?Qualifier={quote(settings.qualifier, safe='')}"
    return url
