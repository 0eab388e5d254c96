"""POSTs what is delivered to one HTTP endpoint, and says what its answer means

Each endpoint has connections of its own, so that none waits for another's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Literal
from urllib.parse import unquote, urlsplit

import httpx
import trio

from broker.core.limits import (
    DELIVERY_ANSWER_BYTES_MAX,
    DELIVERY_REDIRECTS_MAX,
    DELIVERY_TIMEOUT_S,
)
from broker.outgoing.address import Address
from broker.outgoing.resolve import Resolve, SystemResolver
from broker.outgoing.retry_after import retry_after_s
from broker.outgoing.transport import CheckedBackend, ForbiddenAddress, PooledTransport
from broker.outgoing.trust import ssl_context

__all__ = ["Answer", "HttpSender", "Verdict"]

# delivered; to be tried again; to be tried again at no cost, later; not to be tried again.
Verdict = Literal["delivered", "failed", "parked", "refused"]

_REDIRECTS = (301, 302, 307, 308)  # 303 asks for a GET, which delivers nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt."""

    verdict: Verdict
    text: str  # "200 OK", or what went wrong
    status: int | None = None
    retry_after_s: float | None = None
    duration_s: float = 0.0
    body: bytes = b""  # for those who want it

    @property
    def cause(self) -> str:
        """Why a message that can't be delivered is a dead letter: `<code>: <error>`."""
        code = "DeliveryFailed" if self.status is None else f"HttpStatus{self.status}"
        return f"{code}: {self.text}"


class HttpSender:
    """One endpoint's connections.

    They go to addresses that `permits` accepts. `resolve` finds the addresses of a host; None: the
    operating system does. `ca_file` has certificates to be trusted besides the public ones.
    """

    def __init__(
        self,
        permits: Callable[[Address], bool],
        now_s: Callable[[], float],
        *,
        connections_max: int,
        resolve: Resolve | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._now_s = now_s
        # Without httpx's client around it, which would take a third of a delivery's time.
        self._transport = PooledTransport(
            CheckedBackend(permits, resolve or SystemResolver()),
            connections_max=connections_max,
            idle_connections_max=connections_max,
            ssl_context=ssl_context(ca_file),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One attempt, which takes no longer than a quarter of a minute.

        Redirects are followed, with the same checks of the address. Cancelled: what the endpoint
        makes of the request is its own affair.
        """
        started = trio.current_time()
        answer = Answer("failed", f"no answer within {DELIVERY_TIMEOUT_S:.0f} s")
        with trio.move_on_after(DELIVERY_TIMEOUT_S):
            answer = await self._follow(url, headers, body)
        duration_s = trio.current_time() - started
        return Answer(answer.verdict, answer.text, answer.status, answer.retry_after_s, duration_s)

    async def _follow(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        for _ in range(DELIVERY_REDIRECTS_MAX + 1):
            try:
                response = await self._once(url, headers, body)
            except ForbiddenAddress as error:
                return Answer("refused", f"forbidden address: {error}")
            except httpx.InvalidURL as error:
                return Answer("refused", f"no URL to be followed: {error}")
            except httpx.HTTPError as error:
                return Answer("failed", str(error) or type(error).__name__)
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not location:
                return self._judge(response)
            following = str(httpx.URL(url).join(location))
            if not following.startswith(("https://", "http://")) or (
                url.startswith("https://") and following.startswith("http://")
            ):
                return Answer("refused", f"redirect to {_origin(following)}", response.status_code)
            url = following
        return Answer("refused", f"more than {DELIVERY_REDIRECTS_MAX} redirects")

    async def _once(self, url: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        """Raises: ForbiddenAddress, httpx.InvalidURL, httpx.HTTPError."""
        request = httpx.Request("POST", _parsed(url), headers=headers, content=body)
        response = await self._send(request)
        if response.status_code == 401 and request.url.userinfo:
            parts = urlsplit(url)
            credentials = unquote(parts.username or ""), unquote(parts.password or "")
            answers = _to_challenge(request, response, *credentials)
            if answers is not None:
                response = await self._send(answers)
        return response

    async def _send(self, request: httpx.Request) -> httpx.Response:
        response, _ = await self._transport.ask(request, DELIVERY_ANSWER_BYTES_MAX)
        return response

    def _judge(self, response: httpx.Response) -> Answer:
        """Source: SNS developer guide, HTTP/S endpoints and retries."""
        status = response.status_code
        text = _phrase(status)
        wait_s = retry_after_s(response.headers.get("Retry-After"), self._now_s())
        if 200 <= status < 300:
            return Answer("delivered", text, status)
        if status == 429 or (status == 503 and wait_s is not None):
            return Answer("parked", text, status, wait_s)
        return Answer("failed" if status >= 500 else "refused", text, status)


_parsed = lru_cache(maxsize=1_000)(httpx.URL)


def _to_challenge(
    request: httpx.Request, response: httpx.Response, username: str, password: str
) -> httpx.Request | None:
    """The request with credentials, in the way in which the endpoint asks for them."""
    scheme = response.headers.get("WWW-Authenticate", "").partition(" ")[0].lower()
    if scheme == "basic":
        return next(httpx.BasicAuth(username, password).auth_flow(request))
    if scheme != "digest":
        return None
    flow = httpx.DigestAuth(username, password).auth_flow(request)
    next(flow)
    response.request = request
    return flow.send(response)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
