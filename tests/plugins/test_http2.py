"""HTTP/2 in the http invoker, to a server of Node.js: shared connections, and requests given up."""

import gc
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

from broker.outgoing import http2
from broker.plugin import Host, InvocationResult, InvokerUnavailable, SettingsError
from broker_http import HttpInvoker
from broker_http.settings import parse_settings
from tests.plugins.test_http import invocation

PROGRAM = Path(__file__).with_name("http2_server.js")

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def running_server(authority: trustme.CA, directory: Path, *options: str) -> Iterator[str]:
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(key)
    for each in issued.cert_chain_pems:
        each.write_to_path(certificate, append=True)
    server = subprocess.Popen(
        ["node", PROGRAM, key, certificate, *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield f"https://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def url(authority: trustme.CA, tmp_path: Path) -> Iterator[str]:
    with running_server(authority, tmp_path) as url:
        yield url


@pytest.fixture
async def host(authority: trustme.CA, tmp_path: Path) -> Host:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return Host(state_directory=tmp_path, ca_file=str(file))


@pytest.fixture
async def invoker(host: Host) -> AsyncIterator[HttpInvoker]:
    invoker = HttpInvoker()
    async with invoker.running(host):
        yield invoker


Post = Callable[..., Any]


@pytest.fixture
def post(invoker: HttpInvoker, url: str) -> Post:
    return to(invoker, url)


def to(invoker: HttpInvoker, url: str) -> Post:
    async def post(path: str, payload: bytes = b"{}", *, http2: bool = True) -> Any:
        settings = {"url": url + path, "allow_private": True, "http2": http2}
        result = await invoker.invoke(invocation(settings, payload=payload))
        assert result.function_error is None, result
        return json.loads(result.payload)

    return post


async def test_http_2_is_spoken_where_it_is_asked_for(post: Post) -> None:
    assert await post("/version") == {"version": "2.0"}
    assert await post("/version", http2=False) == {"version": "1.1"}


async def test_a_server_that_speaks_only_http_1_1_is_spoken_to_so(
    invoker: HttpInvoker, authority: trustme.CA, tmp_path: Path
) -> None:
    with running_server(authority, tmp_path, "only-http1") as url:
        post = to(invoker, url)
        await at_once(post, 10)
        assert await post("/version") == {"version": "1.1"}


async def test_a_connection_serves_one_request_after_the_other(post: Post) -> None:
    for _ in range(5):
        await post("/version")
    count = await post("/count")
    assert (count["sessions"], count["connections"]) == (1, 1)


async def test_requests_at_the_same_time_wait_for_no_other(post: Post) -> None:
    await at_once(post, 120)
    assert (await post("/count"))["most"] >= 120
    with trio.fail_after(30):  # a hundred are kept
        while (await post("/count"))["open"] > 100:  # noqa: ASYNC110
            await trio.sleep(0.01)


async def at_once(post: Post, count: int) -> None:
    """So many requests, none of which is answered before all have come."""
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(post, "/wait")
        with trio.fail_after(30):
            while (await post("/count"))["waiting"] < count:  # noqa: ASYNC110
                await trio.sleep(0.01)
        await post("/release")


async def test_a_request_that_is_given_up_harms_no_other(post: Post) -> None:
    answers: list[Any] = []

    async def wait() -> None:
        answers.append(await post("/wait"))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(wait)
        await waited_for(post, "waiting", 10)
        for path in ("/hang", "/drip", "/hang"):
            with trio.move_on_after(0.2) as patience:
                await post(path)
            assert patience.cancelled_caught
        await post("/release")
    assert answers == [{"version": "2.0"}] * 10


async def test_the_connection_of_a_request_that_was_given_up_is_closed(post: Post) -> None:
    with trio.move_on_after(0.2):
        await post("/hang")
    await waited_for(post, "open", 1)


async def waited_for(post: Post, what: str, count: int) -> None:
    with trio.fail_after(30):
        while (await post("/count"))[what] != count:  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_answers_that_were_given_up_leave_nothing_behind(post: Post) -> None:
    for _ in range(6):
        with trio.move_on_after(0.3):
            await post("/drip")
    text = "x" * (5 << 20)
    assert await post("/echo", json.dumps(text).encode()) == text


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.002, 0.004, 0.008])
async def test_a_body_may_be_given_up_while_it_is_sent(post: Post, after_s: float) -> None:
    text = "x" * (5 << 20)
    payload = json.dumps(text).encode()
    for _ in range(3):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(same, post, payload, text)
            with trio.move_on_after(after_s):
                await post("/echo", payload)
    assert await post("/version") == {"version": "2.0"}


async def same(post: Post, payload: bytes, text: str) -> None:
    assert await post("/echo", payload) == text


async def test_a_server_that_goes_away_is_unavailable_and_asked_anew(post: Post) -> None:
    for _ in range(2):
        with pytest.raises(InvokerUnavailable):
            await post("/goaway")
        assert await post("/version") == {"version": "2.0"}


async def test_a_connection_that_the_server_has_closed_since_is_not_used(post: Post) -> None:
    for turn in range(3):
        await post("/bye")
        with trio.fail_after(30):
            while (await post("/count", http2=False))["bye"] == turn:  # noqa: ASYNC110
                await trio.sleep(0.01)
        assert await post("/version") == {"version": "2.0"}
        assert (await post("/count"))["sessions"] == turn + 2


async def test_connections_that_were_idle_for_long_are_closed_in_the_midst_of_others(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    await at_once(post, 40)
    monkeypatch.setattr(http2, "IDLE_S", 0.0)
    async with trio.open_nursery() as nursery:
        for _ in range(15):
            nursery.start_soon(post, "/version")


async def test_a_connection_serves_only_so_many_requests(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "REQUESTS_MAX", 3)
    for _ in range(7):
        await post("/version")
    assert (await post("/count"))["sessions"] == 3


async def test_a_server_may_close_after_each_answer(
    invoker: HttpInvoker, authority: trustme.CA, tmp_path: Path
) -> None:
    with running_server(authority, tmp_path, "only-http1") as url:
        post = to(invoker, url)
        for _ in range(4):
            assert await post("/close") == {"version": "1.1"}


@pytest.mark.parametrize("with_http2", [False, True])
async def test_a_handshake_that_is_given_up_leaves_no_connection(
    invoker: HttpInvoker, with_http2: bool
) -> None:
    left = []

    async def mute(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            pass
        left.append(stream)

    async with trio.open_nursery() as nursery:
        listener, *_ = await nursery.start(trio.serve_tcp, mute, 0)
        port = listener.socket.getsockname()[1]
        gc.disable()
        try:
            for _ in range(5):
                with trio.move_on_after(0.05) as patience:
                    await to(invoker, f"https://127.0.0.1:{port}")("/", http2=with_http2)
                assert patience.cancelled_caught
            with trio.fail_after(30):
                while len(left) < 5:  # noqa: ASYNC110
                    await trio.sleep(0.01)
        finally:
            gc.enable()
        nursery.cancel_scope.cancel()


async def test_a_certificate_that_nobody_vouches_for_is_refused(url: str) -> None:
    invoker = HttpInvoker()
    async with invoker.running(Host(state_directory=Path())):
        with pytest.raises(InvokerUnavailable, match="certificate verify failed"):
            await to(invoker, url)("/version")


async def test_a_private_address_is_refused_as_ever(host: Host, url: str) -> None:
    port = url.rpartition(":")[2]

    async def resolve(host: str) -> list[Any]:
        return [ip_address("127.0.0.1")]

    checked = HttpInvoker(resolve=resolve)
    async with checked.running(host):
        settings = {"url": f"https://shop.example:{port}/", "http2": True}
        result: InvocationResult = await checked.invoke(invocation(settings))
    assert json.loads(result.payload)["errorType"] == "Http.ForbiddenAddress"


def test_it_needs_https() -> None:
    with pytest.raises(SettingsError, match="needs a `url` that begins with https"):
        parse_settings({"url": "http://shop.example/hook", "http2": True})
