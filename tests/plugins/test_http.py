"""The http invoker: what the URL is sent, and what becomes of its answer."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from broker.outgoing.address import Address
from broker.plugin import (
    Host,
    Invocation,
    InvocationResult,
    InvokerThrottled,
    InvokerUnavailable,
    SettingsError,
)
from broker_http import HttpInvoker
from broker_http.settings import parse_settings
from tests.plugins.conftest import HttpServer, Request, Response

NOW_S = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
LIMIT = 6 * 1024 * 1024


@pytest.fixture
async def invoker() -> AsyncIterator[HttpInvoker]:
    invoker = HttpInvoker(now_s=lambda: NOW_S)
    async with invoker.running(Host(state_directory=Path())):
        yield invoker


TRACE = "Root=1-2;Lineage=a:1"


def invocation(settings: dict[str, Any], *, payload: bytes = b"{}", **more: Any) -> Invocation:
    return Invocation(
        request_id="5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1",
        function_name="orders",
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:orders",
        payload=payload,
        timeout_s=3.0,
        deadline_ms=1_700_000_003_000,
        settings=settings,
        **more,
    )


def to(server: HttpServer, path: str = "/hook", **settings: Any) -> Invocation:
    return invocation({"url": server.url + path, "allow_private": True, **settings})


def error_of(result: InvocationResult) -> dict[str, str]:
    assert result.function_error == "Unhandled"
    error: dict[str, str] = json.loads(result.payload)
    return error


async def test_the_event_is_posted_with_its_circumstances(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    http_server.response = Response(body=b' {"ok": true}\n')
    settings = {
        "url": http_server.url + "/hook?a=1",
        "allow_private": True,
        "headers": {"X-Team": "shop", "Content-Type": "application/cloudevents+json"},
    }
    result = await invoker.invoke(
        invocation(
            settings, payload=b'{"id": 7}', attempt=2, client_context=b"{}", trace_header=TRACE
        )
    )
    assert result == InvocationResult(payload=b'{"ok": true}')
    [request] = http_server.requests
    assert (request.method, request.target, request.body) == ("POST", "/hook?a=1", b'{"id": 7}')
    expected = {
        "content-type": "application/cloudevents+json",
        "x-team": "shop",
        "x-broker-request-id": "5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1",
        "x-broker-function-name": "orders",
        "x-broker-attempt": "2",
        "x-broker-deadline-ms": "1700000003000",
        "x-broker-client-context": b64encode(b"{}").decode(),
        "x-amzn-trace-id": TRACE,
        "host": f"127.0.0.1:{http_server.port}",
    }
    assert {name: request.headers[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("authorization", "header", "value"),
    [
        (
            {"type": "basic", "username": "ann", "password": "s3:cret"},
            "authorization",
            "Basic " + b64encode(b"ann:s3:cret").decode(),
        ),
        ({"type": "bearer", "token": "s3cret"}, "authorization", "Bearer s3cret"),
        ({"type": "api_key", "name": "X-Key", "value": "s3cret"}, "x-key", "s3cret"),
    ],
)
async def test_authorization_is_sent(
    invoker: HttpInvoker,
    http_server: HttpServer,
    authorization: dict[str, str],
    header: str,
    value: str,
) -> None:
    await invoker.invoke(to(http_server, authorization=authorization))
    assert http_server.requests[0].headers[header] == value


@pytest.mark.parametrize(
    ("body", "content_type", "payload"),
    [
        (b"", "text/plain", None),
        (b" \n", "text/plain", None),
        (b"[1]", "text/plain", [1]),
        (b"done", "text/plain", "done"),
        ("für".encode("latin-1"), "text/plain; charset=latin-1", "für"),
        (b"\xff", "text/plain; charset=no-such", "\ufffd"),
        (b"NaN", "application/json", "NaN"),
    ],
)
async def test_a_success_is_json_or_text(
    invoker: HttpInvoker, http_server: HttpServer, body: bytes, content_type: str, payload: Any
) -> None:
    http_server.response = Response(201, body, {"Content-Type": content_type})
    result = await invoker.invoke(to(http_server))
    assert result.function_error is None
    assert json.loads(result.payload) == payload


@pytest.mark.parametrize(
    ("status", "retry_after", "retry_after_s"),
    [
        (429, None, None),
        (429, "17", 17.0),
        (503, "0", 0.0),
        (429, "Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        (503, "Tue, 14 Nov 2023 22:10:00 GMT", 0.0),
        (429, "99999999999999999999", 86_400.0),
        (429, "soon", None),
    ],
)
async def test_a_target_that_asks_for_less_is_left_alone_that_long(
    invoker: HttpInvoker,
    http_server: HttpServer,
    status: int,
    retry_after: str | None,
    retry_after_s: float | None,
) -> None:
    http_server.response = Response(
        status, headers={} if retry_after is None else {"Retry-After": retry_after}
    )
    with pytest.raises(InvokerThrottled) as caught:
        await invoker.invoke(to(http_server))
    assert caught.value.retry_after_s == retry_after_s


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
async def test_a_broken_target_is_unavailable(
    invoker: HttpInvoker, http_server: HttpServer, status: int
) -> None:
    http_server.response = Response(status, b"oops")
    with pytest.raises(InvokerUnavailable, match=str(status)):
        await invoker.invoke(to(http_server))


async def test_a_refusal_is_a_function_error(invoker: HttpInvoker, http_server: HttpServer) -> None:
    http_server.response = Response(422, b"no such order")
    assert error_of(await invoker.invoke(to(http_server))) == {
        "errorType": "Http.422",
        "errorMessage": "422 Unprocessable Entity: no such order",
    }


async def test_a_redirect_is_not_followed(invoker: HttpInvoker, http_server: HttpServer) -> None:
    http_server.response = Response(302, headers={"Location": http_server.url + "/else"})
    assert error_of(await invoker.invoke(to(http_server)))["errorType"] == "Http.302"
    assert len(http_server.requests) == 1


@pytest.mark.parametrize("body", [b'"' + b"x" * (LIMIT - 1) + b'"', b"\x01" * (LIMIT // 2)])
async def test_a_body_over_the_limit_is_a_function_error(
    invoker: HttpInvoker, http_server: HttpServer, body: bytes
) -> None:
    http_server.response = Response(body=body)
    error = error_of(await invoker.invoke(to(http_server)))
    assert error["errorType"] == "Function.ResponseSizeTooLarge"


async def test_a_compressed_body_is_refused(invoker: HttpInvoker, http_server: HttpServer) -> None:
    http_server.response = Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    error = error_of(await invoker.invoke(to(http_server)))
    assert error["errorType"] == "Http.ContentEncoding"
    assert http_server.requests[0].headers["accept-encoding"] == "identity"
    http_server.response = Response(404, body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert error_of(await invoker.invoke(to(http_server)))["errorType"] == "Http.404"


async def test_connections_are_reused(invoker: HttpInvoker, http_server: HttpServer) -> None:
    for _ in range(3):
        await invoker.invoke(to(http_server))
    assert http_server.connections == 1


async def test_an_open_private_connection_is_not_reused_for_a_guarded_function(
    http_server: HttpServer,
) -> None:
    url = f"http://hooks.example:{http_server.port}/"
    invoker = HttpInvoker(resolve=resolver("127.0.0.1"))
    async with invoker.running(Host(state_directory=Path())):
        result = await invoker.invoke(invocation({"url": url, "allow_private": True}))
        assert result.function_error is None
        result = await invoker.invoke(invocation({"url": url}))
    assert error_of(result)["errorType"] == "Http.ForbiddenAddress"


async def test_cancelling_closes_the_connection(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    async def hang(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    http_server.handler = hang
    async with trio.open_nursery() as nursery:
        nursery.start_soon(invoker.invoke, to(http_server))
        await http_server.wait_requests(1)
        nursery.cancel_scope.cancel()
    await http_server.wait_disconnected()


async def test_a_target_that_fails_at_tls_is_unavailable_with_the_reason(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    settings = {"url": http_server.url.replace("http", "https"), "allow_private": True}
    with pytest.raises(InvokerUnavailable, match="SSL"):
        await invoker.invoke(invocation(settings))


async def test_messages_show_no_secret(invoker: HttpInvoker) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    settings = {
        "url": f"http://127.0.0.1:{port}/s3cret?token=s3cret",
        "allow_private": True,
        "headers": {"X-Token": "s3cret"},
        "authorization": {"type": "basic", "username": "ann", "password": "s3cret"},
    }
    with pytest.raises(InvokerUnavailable, match=str(port)) as caught:
        await invoker.invoke(invocation(settings))
    assert caught.value.__suppress_context__
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(parse_settings(settings))


def resolver(*addresses: str) -> Any:
    async def resolve(host: str) -> Sequence[Address]:
        return [ip_address(address) for address in addresses]

    return resolve


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:10.0.0.1"])
async def test_a_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    invoker = HttpInvoker(resolve=resolver(address))
    async with invoker.running(Host(state_directory=Path())):
        result = await invoker.invoke(invocation({"url": "https://hooks.example/"}))
    error = error_of(result)
    assert error["errorType"] == "Http.ForbiddenAddress"
    assert "hooks.example" in error["errorMessage"]
    assert "allow_private" in error["errorMessage"]


async def test_the_connection_goes_to_the_address_that_was_checked(
    http_server: HttpServer,
) -> None:
    asked = []

    async def resolve(host: str) -> Sequence[Address]:
        asked.append(host)
        return [IPv4Address("127.0.0.1")]

    invoker = HttpInvoker(resolve=resolve)
    url = f"http://hooks.example:{http_server.port}/"
    async with invoker.running(Host(state_directory=Path())):
        await invoker.invoke(invocation({"url": url, "allow_private": True}))
    assert asked == ["hooks.example"]
    assert http_server.requests[0].headers["host"] == f"hooks.example:{http_server.port}"


@pytest.mark.parametrize("failure", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_that_cannot_be_looked_up_is_unavailable(failure: Exception) -> None:
    async def resolve(host: str) -> Sequence[Address]:
        raise failure

    invoker = HttpInvoker(resolve=resolve)
    async with invoker.running(Host(state_directory=Path())):
        with pytest.raises(InvokerUnavailable, match=r"hooks\.example"):
            await invoker.invoke(invocation({"url": "https://hooks.example/"}))


async def test_a_name_server_that_does_not_answer_makes_it_unavailable(
    autojump_clock: MockClock,
) -> None:
    async def resolve(host: str) -> Sequence[Address]:
        await trio.sleep_forever()
        raise AssertionError

    invoker = HttpInvoker(resolve=resolve)
    async with invoker.running(Host(state_directory=Path())):
        with pytest.raises(InvokerUnavailable, match="too long"):
            await invoker.invoke(invocation({"url": "https://hooks.example/"}))


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({}, "url"),
        ({"url": 1}, "url"),
        ({"url": "ftp://hooks.example/"}, "url"),
        ({"url": "https:///path"}, "url"),
        ({"url": "https://hooks.example:99999/"}, "url"),
        ({"url": "https://ann:s3cret@hooks.example/"}, "url"),
        ({"url": "https://hooks.example/#there"}, "url"),
        ({"url": "http://localhost:80/"}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"url": "https://hooks.example/", "method": "GET"}, "method"),
        ({"url": "https://hooks.example/", "headers": {"A": "b\r\nC: d"}}, "headers"),
        ({"url": "https://hooks.example/", "headers": {"A b": "c"}}, "headers"),
        ({"url": "https://hooks.example/", "headers": {"Host": "c"}}, "headers"),
        ({"url": "https://hooks.example/", "headers": {"x-broker-attempt": "1"}}, "headers"),
        ({"url": "https://hooks.example/", "authorization": {"type": "none"}}, "authorization"),
        (
            {"url": "https://hooks.example/", "authorization": {"type": "bearer", "token": "a\n"}},
            "authorization",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_by_key(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError, match=key) as caught:
        HttpInvoker().check_settings(settings)
    assert "s3cret" not in str(caught.value)
