"""The http invoker's authorization, rate and adaptive limit."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import trio
import trio.testing

from broker.plugin import Host, Invocation, InvokerThrottled, InvokerUnavailable, SettingsError
from broker_http import HttpInvoker
from broker_http.pace import AdaptiveLimit, Pace
from broker_http.settings import OAuth
from broker_http.tokens import Tokens
from tests.plugins.conftest import HttpServer, Request, Response


@pytest.fixture
async def invoker(tmp_path: Path) -> AsyncIterator[HttpInvoker]:
    invoker = HttpInvoker()
    async with invoker.running(Host(state_directory=tmp_path)):
        yield invoker


def invocation(url: str, **settings: Any) -> Invocation:
    return Invocation(
        request_id="5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1",
        function_name="orders",
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:orders",
        payload=b"{}",
        timeout_s=3.0,
        deadline_ms=1_700_000_003_000,
        settings={"url": url, "allow_private": True, **settings},
    )


class Server:
    """Gives tokens, and lets in who has the newest."""

    def __init__(self, http_server: HttpServer, **token: Any) -> None:
        self.token = token
        self.given = 0
        self.good = ""
        http_server.handler = self.answer
        self.asked: list[dict[str, str]] = []

    async def answer(self, request: Request) -> Response:
        if request.target == "/token":
            self.given += 1
            self.good = f"token-{self.given}"
            self.asked.append(dict(parse_qsl(request.body.decode())))
            body = json.dumps({"access_token": self.good, **self.token})
            return Response(body=body.encode())
        if request.headers.get("authorization") != f"Bearer {self.good}":
            return Response(401)
        return Response(body=b'"in"')


def oauth(url: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "oauth",
        "token_url": f"{url}/token",
        "client_id": "me",
        "client_secret": "s3cret",
        **more,
    }


async def test_a_token_is_asked_for_once_and_used_until_it_ends(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    server = Server(http_server, expires_in=3_600)
    call = invocation(http_server.url, authorization=oauth(http_server.url, scope="orders"))
    for _ in range(3):
        assert (await invoker.invoke(call)).payload == b'"in"'
    assert server.asked == [
        {
            "grant_type": "client_credentials",
            "client_id": "me",
            "client_secret": "s3cret",
            "scope": "orders",
        }
    ]


async def test_a_token_that_has_ended_is_replaced(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    server = Server(http_server, expires_in=30)  # too short to be kept
    call = invocation(http_server.url, authorization=oauth(http_server.url))
    for _ in range(2):
        await invoker.invoke(call)
    assert server.given == 2


async def test_a_token_that_was_taken_back_is_replaced_within_the_attempt(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    server = Server(http_server)
    call = invocation(http_server.url, authorization=oauth(http_server.url))
    await invoker.invoke(call)
    server.good = "another"
    assert (await invoker.invoke(call)).payload == b'"in"'
    assert server.given == 2


@pytest.mark.parametrize("body", [b"no JSON", b"{}"])
async def test_no_token_costs_no_attempt(
    invoker: HttpInvoker, http_server: HttpServer, body: bytes
) -> None:
    http_server.response = Response(body=body)
    call = invocation(http_server.url, authorization=oauth(http_server.url))
    with pytest.raises(InvokerUnavailable, match="answer has no token"):
        await invoker.invoke(call)
    http_server.response = Response(500)
    with pytest.raises(InvokerUnavailable, match="authorization server answered 500"):
        await invoker.invoke(call)


async def test_a_secret_is_read_from_where_it_is(
    invoker: HttpInvoker,
    http_server: HttpServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = tmp_path / "token"
    secret.write_text("from-a-file\n")
    by_file = {"type": "bearer", "token": {"file": str(secret)}}
    await invoker.invoke(invocation(http_server.url, authorization=by_file))
    assert http_server.requests[-1].headers["authorization"] == "Bearer from-a-file"
    secret.write_text("another")
    await invoker.invoke(invocation(http_server.url, authorization=by_file))
    assert http_server.requests[-1].headers["authorization"] == "Bearer another"
    by_name = {"type": "api_key", "name": "X-Key", "value": {"credential": "token"}}
    with pytest.raises(InvokerUnavailable, match="systemd gives the daemon no credentials"):
        await invoker.invoke(invocation(http_server.url, authorization=by_name))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    await invoker.invoke(invocation(http_server.url, authorization=by_name))
    assert http_server.requests[-1].headers["x-key"] == "another"
    secret.unlink()
    with pytest.raises(InvokerUnavailable, match="can't be read: No such file"):
        await invoker.invoke(invocation(http_server.url, authorization=by_file))


async def test_other_headers_may_be_secrets_too(
    invoker: HttpInvoker, http_server: HttpServer, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    secret.write_text("from-a-file\n")
    headers = {"X-Team": "shop", "X-Key": {"file": str(secret)}}
    await invoker.invoke(invocation(http_server.url, headers=headers))
    sent = http_server.requests[-1].headers
    assert (sent["x-team"], sent["x-key"]) == ("shop", "from-a-file")
    secret.write_text("two\r\nlines")
    with pytest.raises(SettingsError, match="`headers` is not a header that can be sent"):
        await invoker.invoke(invocation(http_server.url, headers=headers))
    with pytest.raises(SettingsError, match="`headers`: `file` must be an absolute path"):
        invoker.check_settings({"url": "http://shop.example", "headers": {"X": {"file": "key"}}})


async def test_a_token_is_for_who_knows_the_secret(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    server = Server(http_server, expires_in="3600")  # a text, as some say it
    for secret in ("s3cret", "s3cret", "wrong"):
        authorization = oauth(http_server.url, client_secret=secret)
        await invoker.invoke(invocation(http_server.url, authorization=authorization))
    assert [each["client_secret"] for each in server.asked] == ["s3cret", "wrong"]


async def test_a_token_that_is_no_header_is_none(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    http_server.response = Response(body=b'{"access_token": "SECRET\\nx"}')
    call = invocation(http_server.url, authorization=oauth(http_server.url))
    with pytest.raises(InvokerUnavailable, match="answer has no token") as refusal:
        await invoker.invoke(call)
    assert "SECRET" not in str(refusal.value)


async def test_who_waits_for_a_token_shares_the_failure() -> None:
    asked = 0

    async def ask(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        nonlocal asked
        asked += 1
        await trio.testing.wait_all_tasks_blocked()
        return 503, b""

    tokens = Tokens(ask)
    settings = OAuth("https://id.example/token", "me", "s3cret")

    async def get() -> None:
        with pytest.raises(InvokerUnavailable, match="answered 503"):
            await tokens.get(settings)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(get)
    assert asked == 1
    await get()
    assert asked == 2


async def test_a_server_of_tokens_that_hangs_is_unavailable_before_the_timeout(
    invoker: HttpInvoker, http_server: HttpServer, autojump_clock: object
) -> None:
    async def hang(_: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    http_server.handler = hang
    began = trio.current_time()
    with pytest.raises(InvokerUnavailable, match="authorization server takes too long"):
        await invoker.invoke(invocation(http_server.url, authorization=oauth(http_server.url)))
    assert trio.current_time() - began == pytest.approx(2.4)


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        ({"type": "bearer", "token": {"file": "relative"}}, "must be an absolute path"),
        ({"type": "bearer", "token": {"credential": "a/b"}}, "must be a name"),
        ({"type": "bearer", "token": {}}, "has `file` or `credential`"),
        ({"type": "oauth", "token_url": "x", "client_id": "a", "client_secret": "b"}, "token_url"),
        ({"type": "oauth", "token_url": "http://a.test"}, "client_id"),
        ({"type": "basic", "username": "a:b", "password": "s3cret"}, "must not have a colon"),
    ],
)
def test_authorization_that_can_not_work(authorization: Any, text: str) -> None:
    with pytest.raises(SettingsError, match=text) as refusal:
        HttpInvoker().check_settings({"url": "http://a.test", "authorization": authorization})
    assert "s3cret" not in str(refusal.value)


async def test_a_rate_spreads_requests(autojump_clock: object) -> None:
    pace = Pace()
    times = []
    for _ in range(4):
        await pace.wait(2.0, timeout_s=60.0)
        times.append(trio.current_time())
    assert [round(at - times[0], 6) for at in times] == [0.0, 0.5, 1.0, 1.5]


async def test_who_would_wait_long_for_its_turn_is_put_back(autojump_clock: object) -> None:
    pace = Pace(next_at=trio.current_time() + 20)
    with pytest.raises(InvokerThrottled) as refusal:
        await pace.wait(1.0, timeout_s=60.0)
    assert refusal.value.retry_after_s == pytest.approx(15)


async def test_the_wait_leaves_half_of_the_timeout(autojump_clock: object) -> None:
    pace = Pace(next_at=trio.current_time() + 2)
    with pytest.raises(InvokerThrottled) as refusal:
        await pace.wait(1.0, timeout_s=3.0)
    assert refusal.value.retry_after_s == pytest.approx(0.5)


async def test_a_turn_that_is_given_up_is_another_s(autojump_clock: object) -> None:
    pace = Pace()
    for _ in range(20):
        with trio.move_on_after(0.1):
            await pace.wait(0.5, timeout_s=60.0)
    assert pace.next_at - trio.current_time() <= 4.0


async def test_the_limit_grows_while_all_is_well(autojump_clock: object) -> None:
    limit = AdaptiveLimit()
    for _ in range(200):
        began = [limit.begin() for _ in range(int(limit.limit))]
        await trio.sleep(0.1)
        for each in began:
            limit.end(each, refused=False)
    assert limit.limit > 15
    assert limit.running == 0


async def test_the_limit_falls_at_a_refusal_once_for_all_that_were_under_way(
    autojump_clock: object,
) -> None:
    limit = AdaptiveLimit()
    began = [limit.begin() for _ in range(10)]
    with pytest.raises(InvokerThrottled):
        limit.begin()
    await trio.sleep(0.1)
    for each in began:
        limit.end(each, refused=True)
    assert limit.limit == pytest.approx(7)


async def test_the_limit_falls_when_answers_take_twice_as_long(autojump_clock: object) -> None:
    limit = AdaptiveLimit()
    for taken_s in (0.1, 0.1, 0.3):
        began = limit.begin()
        await trio.sleep(taken_s)
        limit.end(began, refused=False)
    assert limit.limit == pytest.approx(7)


async def test_an_endpoint_that_refuses_is_asked_less(
    invoker: HttpInvoker, http_server: HttpServer
) -> None:
    http_server.response = Response(429)
    call = invocation(http_server.url, adaptive_concurrency=True)
    for _ in range(12):
        with pytest.raises(InvokerThrottled):
            await invoker.invoke(call)
    limit = invoker._limits[call.function_arn]
    assert limit.limit == 1
    http_server.response = Response(body=b"1")
    assert (await invoker.invoke(call)).payload == b"1"
