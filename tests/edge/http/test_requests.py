"""Requests as they come in: kept alive, pipelined, in pieces, with and without a body."""

from itertools import pairwise

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.edge.http.message import Request, Response
from tests.edge.http.raw_client import Hung, chunked, get, post, serving


async def test_a_connection_serves_one_request_after_another() -> None:
    async with serving() as running:
        client = await running.connect()
        for number in range(3):
            answer = await client.request(get(f"/{number}"))
            assert (answer.status, answer.body) == (200, b"GET /%d " % number)
            assert "connection" not in answer.headers
        assert len(running.server.connections) == 1


async def test_a_client_that_asks_to_close_is_told_so_and_closed() -> None:
    async with serving() as running:
        client = await running.connect()
        answer = await client.request(get("/", "Connection: close"))
        assert answer.headers["connection"] == "close"
        assert await client.rest() == b""


async def test_every_answer_has_a_date() -> None:
    # The AWS SDKs correct their clock by it.
    async with serving() as running:
        client = await running.connect()
        answer = await client.request(get())
        assert answer.headers["date"].endswith(" GMT")


async def test_pipelined_requests_are_answered_in_order() -> None:
    async def slow_first(request: Request) -> Response:
        if request.path == "/0":
            await trio.sleep(0.01)
        return Response(200, request.raw_path)

    async with serving(slow_first) as running:
        client = await running.connect()
        await client.send(b"".join(get(f"/{number}") for number in range(50)))
        answers = [await client.answer() for _ in range(50)]
        assert [answer.body for answer in answers] == [b"/%d" % number for number in range(50)]


MIXED = (
    get("/first", "X-Long: " + "x" * 50)
    + post(b"body")
    + chunked(b"in ", b"chunks", trailers="X-Trailer: 1\r\n")
    + post(b"")
    + get("/last?a=b")
)
MIXED_ANSWERS = [b"GET /first ", b"POST / body", b"POST / in chunks", b"POST / ", b"GET /last?a=b "]


@settings(max_examples=60, deadline=None)
@given(splits=st.lists(st.integers(1, len(MIXED) - 1), max_size=12))
def test_requests_may_be_split_anywhere(splits: list[int]) -> None:
    async def main() -> None:
        async with serving() as running:
            client = await running.connect()
            client.stream.setsockopt(6, 1, 1)
            edges = [0, *sorted(splits), len(MIXED)]
            for start, end in pairwise(edges):
                if start != end:
                    await client.send(MIXED[start:end])
                    await trio.testing.wait_all_tasks_blocked()
            answers = [await client.answer() for _ in MIXED_ANSWERS]
            assert [answer.body for answer in answers] == MIXED_ANSWERS

    trio.run(main)


async def test_requests_may_come_byte_by_byte() -> None:
    async with serving() as running:
        client = await running.connect()
        for byte in MIXED:
            await client.send(bytes([byte]))
            await trio.testing.wait_all_tasks_blocked()
        assert [(await client.answer()).body for _ in MIXED_ANSWERS] == MIXED_ANSWERS


async def test_head_has_the_length_but_not_the_body() -> None:
    async with serving() as running:
        client = await running.connect()
        answer = await client.request(get("/a").replace(b"GET", b"HEAD"), head=True)
        assert answer.headers["content-length"] == str(len(b"HEAD /a "))
        assert (await client.request(get("/b"))).body == b"GET /b "


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_usual_method_reaches_the_handler(method: str) -> None:
    async with serving() as running:
        client = await running.connect()
        answer = await client.request(get("/").replace(b"GET", method.encode()))
        assert answer.body == f"{method} / ".encode()


async def test_a_client_that_leaves_mid_request_does_no_harm() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(post(b"whole")[:-1])
        await client.stream.aclose()
        other = await running.connect()
        assert (await other.request(get())).status == 200
        await trio.testing.wait_all_tasks_blocked()
        assert len(running.server.connections) == 1
        assert len(running.requests) == 1


async def test_a_client_may_close_its_side_before_the_answer() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(get())
        await client.stream.send_eof()
        assert (await client.answer()).status == 200
        assert await client.rest() == b""


async def test_a_handler_that_fails_answers_500_and_the_connection_goes_on() -> None:
    async def fail(request: Request) -> Response:
        if request.path == "/bad":
            raise RuntimeError("a bug")
        return Response(200)

    async with serving(fail) as running:
        client = await running.connect()
        answer = await client.request(get("/bad"))
        assert (answer.status, answer.body) == (500, b"internal error\n")
        assert (await client.request(get("/good"))).status == 200


async def test_the_server_says_nothing_before_it_is_asked() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.stream.send_eof()
        with pytest.raises(Hung):
            await client.answer()


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("http://localhost/a?b=c", "/a?b=c"),
        ("HTTP://LocalHost/a", "/a"),
        ("http://localhost", "/"),
        ("http://localhost?b", "/?b"),
    ],
)
async def test_a_target_may_name_the_host(target: str, seen: str) -> None:
    async with serving() as running:
        client = await running.connect()
        assert (await client.request(get(target))).body == f"GET {seen} ".encode()


async def test_options_may_ask_about_the_whole_server() -> None:
    async with serving() as running:
        client = await running.connect()
        answer = await client.request(get("*").replace(b"GET", b"OPTIONS"))
        assert answer.body == b"OPTIONS * "


@pytest.mark.parametrize("headers", ["", "Connection: keep-alive\r\n"])
async def test_an_http_1_0_client_is_answered_and_closed(headers: str) -> None:
    async with serving() as running:
        client = await running.connect()
        answer = await client.request(f"GET /old HTTP/1.0\r\n{headers}\r\n".encode())
        assert (answer.body, answer.headers["connection"]) == (b"GET /old ", "close")
        assert await client.rest() == b""


async def test_an_http_1_0_client_is_never_told_to_continue() -> None:
    async with serving() as running:
        client = await running.connect()
        request = post(b"body", "Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
        await client.send(request[:-4])
        await trio.testing.wait_all_tasks_blocked()
        assert (await client.request(b"body")).body == b"POST / body"


H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA")


async def test_a_wish_to_speak_http_2_is_ignored() -> None:
    requests = post(b"body", *H2C) + chunked(b"chunk", headers=H2C) + get("/", *H2C) + get("/x")
    expected = [b"POST / body", b"POST / chunk", b"GET / ", b"GET /x "]
    async with serving() as running:
        together = await running.connect()
        await together.send(requests)
        assert [(await together.answer()).body for _ in expected] == expected
        in_pieces = await running.connect()
        for byte in requests:
            await in_pieces.send(bytes([byte]))
            await trio.testing.wait_all_tasks_blocked()
        assert [(await in_pieces.answer()).body for _ in expected] == expected


async def test_as_many_requests_may_be_pipelined_as_a_client_likes() -> None:
    async with serving() as running:
        client = await running.connect()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, get("/x") * 3_000)
            for _ in range(3_000):
                assert (await client.answer()).body == b"GET /x "


async def test_nobody_is_told_to_continue_before_earlier_requests_are_answered() -> None:
    go_on = trio.Event()

    async def wait(request: Request) -> Response:
        if request.method == "GET":
            await go_on.wait()
        return Response(200, request.body)

    async with serving(wait) as running:
        client = await running.connect()
        await client.send(get() + post(b"body", "Expect: 100-continue")[:-4])
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
        assert [(await client.answer()).status for _ in range(2)] == [200, 100]
        assert (await client.request(b"body")).body == b"body"


async def test_a_client_that_does_not_wait_for_100_is_not_told() -> None:
    async with serving() as running:
        client = await running.connect()
        request = post(b"body", "Expect: 100-continue")
        await client.send(request[:-2])
        await trio.testing.wait_all_tasks_blocked()
        assert (await client.request(request[-2:])).status == 200
