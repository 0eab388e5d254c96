"""keeps web pages from driving a daemon that asks for no password

A browser can be made to send requests to loopback by any page it shows. It can't help telling:
it adds `Origin` or `Sec-Fetch-Site`, and a page that rebinds its own name to 127.0.0.1 still sends
that name as Host. So, while no authentication is configured, such requests are refused.
"""

import ipaddress
import json
from collections.abc import Collection

from broker.edge.http.message import Request, Response

_OWN_SITES = ("none", "same-origin")


class Guard:
    """Looks at every request before anything else does."""

    def __init__(
        self, allowed_origins: Collection[str] = (), allowed_hosts: Collection[str] = ()
    ) -> None:
        self._origins = frozenset(allowed_origins)
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
        if origin is None and (site is None or site in _OWN_SITES):
            return None
        if origin is not None and origin in self._origins:
            return None
        return _refuse(
            f"Requests from web pages ({origin or site}) are refused. To allow an origin, add it "
            "to `allowed_origins` under [http] in the configuration."
        )

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host).lower()
        if name in self._hosts or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _refuse(text: str) -> Response:
    # Readable by the AWS SDKs as much as by people.
    body = json.dumps({"__type": "AccessDeniedException", "message": text}).encode()
    headers = (("x-amzn-ErrorType", "AccessDeniedException"),)
    return Response(403, body, "application/json", headers)
