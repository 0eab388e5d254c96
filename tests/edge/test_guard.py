"""No web page can drive a daemon on loopback; the origins that the configuration allows can."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from broker.edge.app import App
from broker.edge.guard import Guard
from broker.edge.http.message import Request, Response
from tests.edge.http.raw_client import Answer, RawClient, serving

ORIGIN = "https://app.example"
HOST = "localhost:4566"


@asynccontextmanager
async def guarded(
    origins: list[str] | None = None, hosts: list[str] | None = None
) -> AsyncIterator[RawClient]:
    """A client of a server whose handler is behind the guard, wired as the daemon wires it."""
    app = App(None, Guard(origins or [], hosts or []), None, None)  # type: ignore[arg-type]

    async def route(request: Request) -> Response:
        return Response(200, b"reached", headers=[("x-amzn-RequestId", "id")])

    app._route = route  # type: ignore[method-assign]
    async with serving(app.handle) as running:
        yield await running.connect()


async def ask(client: RawClient, host: str = HOST, method: str = "GET", **headers: str) -> Answer:
    lines = [f"{method} / HTTP/1.1", f"Host: {host}"]
    lines += (f"{name.replace('_', '-')}: {value}" for name, value in headers.items())
    return await client.request(("\r\n".join(lines) + "\r\n\r\n").encode())


def refused(answer: Answer, fix: str) -> bool:
    """Whether it is a refusal that says how to allow it, and lets no page read it."""
    if answer.status != 403:
        assert answer.body in (b"reached", b"")
        return False
    assert fix in json.loads(answer.body)["message"]
    assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert not [name for name in answer.headers if name.startswith("access-control")]
    return True


# Host


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:4566",
        "LOCALHOST:4566",
        "localhost.:4566",
        "sqs.us-east-1.localhost:4566",
        "a.b.localhost",
        "127.0.0.1",
        "127.0.0.1:4566",
        "127.9.8.7:80",
        "[::1]",
        "[::1]:4566",
        "[0:0:0:0:0:0:0:1]:4566",
    ],
)
async def test_names_of_loopback_are_served(host: str) -> None:
    async with guarded() as client:
        assert not refused(await ask(client, host), "allowed_hosts")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:4566",  # rebound to 127.0.0.1
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evillocalhost",
        "localhost:4566:evil",
        "localhost:evil",
        "localhost:",
        "localhost/evil",
        "evil@localhost",
        "[::1].evil.example",
        "[::1]evil",
        "[::1",
        "::1",
        "0.0.0.0:4566",
        "[::]:4566",
        "192.168.1.1:4566",
        "[fe80::1]:4566",
        "[::ffff:10.0.0.1]",
        "2130706433",
        "localhost,evil.example",
        "",
    ],
)
async def test_any_other_name_is_refused(host: str) -> None:
    async with guarded() as client:
        assert refused(await ask(client, host), "allowed_hosts")


async def test_a_request_without_host_is_refused() -> None:
    async with guarded() as client:
        assert refused(await client.request(b"GET / HTTP/1.0\r\n\r\n"), "allowed_hosts")


async def test_the_host_in_the_target_counts_as_much() -> None:
    async with guarded() as client:
        target = b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"
        assert refused(await client.request(target), "allowed_hosts")
        differing = b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert (await client.request(differing)).status == 400


@pytest.mark.parametrize("host", ["broker.lan", "broker.lan:4566", "BROKER.lan:80", "broker.lan."])
async def test_a_configured_name_is_served_on_any_port(host: str) -> None:
    async with guarded(hosts=["Broker.lan"]) as client:
        assert not refused(await ask(client, host), "allowed_hosts")
        assert refused(await ask(client, "x." + host), "allowed_hosts")


async def test_a_name_configured_with_a_port_is_served_on_that_port_only() -> None:
    async with guarded(hosts=["broker.lan:4566"]) as client:
        assert not refused(await ask(client, "broker.lan:4566"), "allowed_hosts")
        assert refused(await ask(client, "broker.lan:4567"), "allowed_hosts")


# Origin and Sec-Fetch-Site


@pytest.mark.parametrize("site", ["none", "same-origin"])
async def test_what_a_user_typed_or_our_own_page_asked_for_is_served(site: str) -> None:
    async with guarded() as client:
        assert not refused(await ask(client, sec_fetch_site=site), "allowed_origins")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "None", "none, cross-site"])
async def test_what_another_page_asked_for_is_refused(site: str) -> None:
    async with guarded() as client:
        assert refused(await ask(client, sec_fetch_site=site), "allowed_origins")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("origin", [ORIGIN, "null", "http://localhost:3000", "http://" + HOST, ""])
async def test_any_origin_is_refused(method: str, origin: str) -> None:
    async with guarded() as client:
        request = f"{method} / HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {origin}\r\n\r\n".encode()
        assert (await client.request(request, head=method == "HEAD")).status == 403


async def test_a_rebound_name_is_refused_though_its_page_is_of_the_same_origin() -> None:
    async with guarded() as client:
        answer = await ask(
            client,
            "evil.example:4566",
            origin="http://evil.example:4566",
            sec_fetch_site="same-origin",
        )
        assert refused(answer, "allowed_hosts")


# Allowed origins


@pytest.mark.parametrize("configured", [ORIGIN, ORIGIN + "/", "HTTPS://App.Example"])
async def test_an_allowed_origin_is_served_and_may_read_the_answer(configured: str) -> None:
    async with guarded([configured]) as client:
        answer = await ask(client, method="POST", origin=ORIGIN, sec_fetch_site="cross-site")
        assert answer.body == b"reached"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["vary"] == "Origin"
        assert "x-amzn-RequestId" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers


async def test_an_allowed_origin_allows_no_other() -> None:
    async with guarded([ORIGIN]) as client:
        for origin in (
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil.example",
            "https://evil.app.example",
            "null",
        ):
            assert refused(await ask(client, origin=origin), "allowed_origins")
        assert refused(await ask(client, sec_fetch_site="cross-site"), "allowed_origins")


async def test_an_allowed_origin_does_not_make_up_for_the_host() -> None:
    async with guarded([ORIGIN]) as client:
        assert refused(await ask(client, "evil.example", origin=ORIGIN), "allowed_hosts")


PREFLIGHT = {
    "access_control_request_method": "POST",
    "access_control_request_headers": "authorization,content-type,x-amz-target",
}


async def test_a_preflight_of_an_allowed_origin_allows_what_it_asks_for() -> None:
    async with guarded([ORIGIN]) as client:
        answer = await ask(
            client,
            method="OPTIONS",
            origin=ORIGIN,
            access_control_request_private_network="true",
            **PREFLIGHT,
        )
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "POST" in answer.headers["access-control-allow-methods"]
        wanted = PREFLIGHT["access_control_request_headers"]
        assert answer.headers["access-control-allow-headers"] == wanted
        assert answer.headers["access-control-allow-private-network"] == "true"


async def test_a_preflight_of_any_other_origin_is_refused() -> None:
    async with guarded([ORIGIN]) as client:
        answer = await ask(client, method="OPTIONS", origin="https://evil.example", **PREFLIGHT)
        assert refused(answer, "allowed_origins")


async def test_a_client_that_is_no_browser_gets_no_cors_headers() -> None:
    async with guarded([ORIGIN]) as client:
        answer = await ask(client)
        assert set(answer.headers) == {"date", "x-amzn-requestid", "content-length"}
        with trio.fail_after(5):
            assert (await ask(client, method="OPTIONS", **PREFLIGHT)).body == b"reached"
