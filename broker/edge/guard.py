"""keeps web pages from driving a daemon that asks for no password

A browser can be made to send requests to loopback by any page it shows. It can't help telling:
it adds `Origin` or `Sec-Fetch-Site`, and a page that rebinds its own name to 127.0.0.1 still sends
that name as Host. So, while no authentication is configured, such requests are refused.

The origins that the configuration allows get what a page needs to use the broker: answers to the
browser's preflights, and the headers that let it read responses.
"""

import ipaddress
import json
import re
from collections.abc import Collection

from broker.edge.http.message import Request, Response

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::[0-9]{1,5})?", re.IGNORECASE)

# What a page may see of a response. Source: Fetch standard, CORS protocol.
_EXPOSED = (
    "Date, ETag, Location, Retry-After, x-amzn-RequestId, x-amzn-ErrorType, x-amzn-query-error"
)
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"),
    ("Access-Control-Max-Age", "600"),
)


class Guard:
    """Looks at every request before anything else does."""

    def __init__(
        self, allowed_origins: Collection[str] = (), allowed_hosts: Collection[str] = ()
    ) -> None:
        self._origins = frozenset(origin.lower().rstrip("/") for origin in allowed_origins)
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._good_hosts: set[str] = set()  # Host headers that were looked at before

    def refusal(self, request: Request) -> Response | None:
        """None if the request may go on."""
        headers = request.headers
        host = headers.get("host", "")
        if host not in self._good_hosts:
            if not self._is_ours(host):
                return _refuse(
                    f"The Host {host!r} is not a name of this broker. If it should be, add it to "
                    "`allowed_hosts` under [http] in the configuration."
                )
            if len(self._good_hosts) < 1_000:
                self._good_hosts.add(host)
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        if origin is None:
            if site is None or site in ("none", "same-origin"):
                return None
        elif origin.lower() in self._origins:
            return None
        return _refuse(
            f"Requests from web pages ({origin or site}) are refused. To allow an origin, add it "
            "to `allowed_origins` under [http] in the configuration."
        )

    def preflight(self, request: Request) -> Response | None:
        """The answer to a browser that asks on behalf of an allowed page; None to all else."""
        headers = request.headers
        if request.method != "OPTIONS" or "access-control-request-method" not in headers:
            return None
        if headers.get("origin", "").lower() not in self._origins:
            return None
        answer = list(_PREFLIGHT)
        if wanted := headers.get("access-control-request-headers"):
            answer.append(("Access-Control-Allow-Headers", wanted))
        if headers.get("access-control-request-private-network") == "true":
            answer.append(("Access-Control-Allow-Private-Network", "true"))
        return Response(204, headers=answer)

    def let_read(self, request: Request, response: Response) -> Response:
        """The response, readable for the page that asked for it if its origin is allowed."""
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() in self._origins:
            response.headers = (
                *response.headers,
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Expose-Headers", _EXPOSED),
                ("Vary", "Origin"),
            )
        return response

    def _is_ours(self, host: str) -> bool:
        if host.lower() in self._hosts:
            return True
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].lower().removesuffix(".")
        if name in self._hosts or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name.strip("[]")).is_loopback
        except ValueError:
            return False


def _refuse(text: str) -> Response:
    # Readable by the AWS SDKs as much as by people.
    body = json.dumps({"__type": "AccessDeniedException", "message": text}).encode()
    headers = (("x-amzn-ErrorType", "AccessDeniedException"),)
    return Response(403, body, "application/json", headers)
