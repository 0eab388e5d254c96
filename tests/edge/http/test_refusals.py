"""What can't become a request: the status, and that the connection ends after it."""

import pytest
import trio
import trio.testing

from broker.core.limits import HEADER_BYTES_MAX, HEADERS_MAX
from broker.edge.http.message import Request, Response
from tests.edge.http.raw_client import BODY_LIMIT, RawClient, chunked, get, post, serving

HOST = b"Host: localhost\r\n"


async def refused(client: RawClient, status: int) -> bytes:
    """The text of the refusal, which ends the connection."""
    answer = await client.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert await client.rest() == b""
    return answer.body


MALFORMED = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "unknown method": b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    "lower-case method": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "blank in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "control character in the target": b"GET /a\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw byte beyond ASCII in the target": b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "bare LF after the request line": b"GET / HTTP/1.1\n" + HOST + b"\r\n",
    "bare LF between headers": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\nY: b\r\n\r\n",
    "bare CR in a header": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rY: b\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "blank before the colon": b"GET / HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n",
    "nameless header": b"GET / HTTP/1.1\r\n" + HOST + b": a\r\n\r\n",
    "header without colon": b"GET / HTTP/1.1\r\n" + HOST + b"abc\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "negative length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "signed length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na",
    "length in words": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: one\r\n\r\na",
    "length beyond 64 bits": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % 2**65,
    "empty length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n",
    "same length twice": post(b"abc", "Content-Length: 3"),
    "two lengths": post(b"abc", "Content-Length: 4"),
    "list of lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3, 3\r\n\r\nabc",
    "length, then encoding": post(b"0\r\n\r\n", "Transfer-Encoding: chunked"),
    "encoding, then length": chunked(b"abc", headers=("Content-Length: 3",)),
    "length in a trailer": chunked(b"abc", trailers="Content-Length: 9\r\n"),
    "chunked twice": chunked(b"abc", headers=("Transfer-Encoding: chunked",)),
    "chunked, then more": chunked(b"abc").replace(b": chunked", b": chunked, gzip"),
    "chunk size in words": chunked(b"abc").replace(b"3\r\n", b"zz\r\n"),
    "chunk longer than its size": chunked(b"abc").replace(b"abc", b"abcd"),
    "chunk size beyond 64 bits": chunked(b"abc").replace(b"3\r\n", b"f" * 17 + b"\r\n"),
    "bare LF after a chunk size": chunked(b"abc").replace(b"3\r\n", b"3\n"),
}


@pytest.mark.parametrize("kind", MALFORMED)
async def test_malformed_input_is_refused_with_400(kind: str) -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(MALFORMED[kind])
        assert await refused(client, 400) != b""
        assert running.requests == []


async def test_requests_before_a_malformed_one_are_still_answered() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(get("/good") + b"nonsense\r\n\r\n")
        assert (await client.answer()).body == b"GET /good "
        await refused(client, 400)


async def test_what_follows_a_request_that_closes_is_not_served() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(get("/1", "Connection: close") + get("/2"))
        assert (await client.answer()).body == b"GET /1 "
        assert await client.rest() == b""
        assert len(running.requests) == 1


UNSUPPORTED = {
    "TRACE": (501, b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT": (501, b"CONNECT localhost:1 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "RTSP": (501, b"DESCRIBE / RTSP/1.0\r\n\r\n"),
    "HTTP/0.9": (505, b"GET /\r\n\r\n"),
    "HTTP/2 without asking": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2.0": (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "compressed body": (501, chunked(b"abc").replace(b": chunked", b": gzip, chunked")),
    "chunks in HTTP/1.0": (400, chunked(b"abc").replace(b"HTTP/1.1", b"HTTP/1.0")),
    "star": (400, get("*")),
    "authority": (400, get("localhost:80")),
    "other scheme": (400, get("ftp://localhost/")),
    "other host": (400, get("http://evil.example/")),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
async def test_what_is_not_supported_is_refused_by_name(kind: str) -> None:
    status, request = UNSUPPORTED[kind]
    async with serving() as running:
        client = await running.connect()
        await client.send(request)
        assert await refused(client, status) != b""
        assert running.requests == []


# Headers


async def test_as_many_headers_as_allowed_pass_and_one_more_does_not() -> None:
    async with serving() as running:
        client = await running.connect()
        filler = [f"X-{number}: 1" for number in range(HEADERS_MAX - 1)]
        assert (await client.request(get("/", *filler))).status == 200
        await client.send(get("/", *filler, "X-More: 1"))
        assert b"too many" in await refused(client, 431)


@pytest.mark.parametrize("where", ["target", "name", "value", "many"])
async def test_a_header_longer_than_allowed_is_refused(where: str) -> None:
    long = "x" * (HEADER_BYTES_MAX + 1)
    request = {
        "target": get("/" + long),
        "name": get("/", long + ": 1"),
        "value": get("/", "X: " + long),
        "many": get("/", *(f"X-{number}: " + "x" * 1_000 for number in range(70))),
    }[where]
    async with serving() as running:
        client = await running.connect()
        await client.send(request)
        assert b"too long" in await refused(client, 431)
        assert running.requests == []


async def test_a_header_that_never_ends_is_refused_however_slowly_it_comes() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(get()[:-2] + b"X: ")
        piece = b"x" * 1_000
        for _ in range(2 * HEADER_BYTES_MAX // len(piece)):
            try:
                await client.send(piece)
            except trio.BrokenResourceError:
                break
            await trio.testing.wait_all_tasks_blocked()
        await refused(client, 431)


async def test_trailers_are_read_and_forgotten() -> None:
    seen: list[dict[str, str]] = []

    async def note(request: Request) -> Response:
        seen.append(request.headers)
        return Response(200, request.body)

    async with serving(note) as running:
        client = await running.connect()
        trailers = "Host: evil.example\r\nX-Amz-Target: AmazonSQS.DeleteQueue\r\n"
        for _ in range(2):
            assert (await client.request(chunked(b"abc", trailers=trailers))).body == b"abc"
        assert [headers["host"] for headers in seen] == ["localhost"] * 2
        assert all("x-amz-target" not in headers for headers in seen)


@pytest.mark.parametrize("tail", [b"0\r\nX: ", b"1;ext="])
async def test_neither_trailers_nor_extensions_may_go_on_for_ever(tail: bytes) -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(chunked(b"abc")[:-5] + tail)
        for _ in range(2 * HEADER_BYTES_MAX // 1_000):
            try:
                await client.send(b"x" * 1_000)
            except trio.BrokenResourceError:
                break
            await trio.testing.wait_all_tasks_blocked()
        await refused(client, 431)


async def test_too_many_trailers_are_refused() -> None:
    async with serving() as running:
        client = await running.connect()
        trailers = "".join(f"X-{number}: 1\r\n" for number in range(HEADERS_MAX))
        await client.send(chunked(b"abc", trailers=trailers))
        await refused(client, 431)


async def test_a_long_burst_of_requests_is_not_taken_for_a_long_header() -> None:
    # A read of 64 KiB that ends in the middle of a header is mostly other requests.
    async with serving() as running:
        client = await running.connect()
        burst = post(b"x" * 990) * 160
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, burst)
            for _ in range(160):
                assert (await client.answer()).status == 200


# Bodies


async def test_a_body_may_come_in_chunks_of_a_byte() -> None:
    async with serving() as running:
        client = await running.connect()
        answer = await client.request(chunked(*[b"x"] * BODY_LIMIT))
        assert answer.body == b"POST / " + b"x" * BODY_LIMIT


async def test_a_body_of_the_largest_size_passes() -> None:
    async with serving() as running:
        client = await running.connect()
        for request in (post(b"x" * BODY_LIMIT), chunked(b"x" * (BODY_LIMIT - 1), b"x")):
            assert len((await client.request(request)).body) == len("POST / ") + BODY_LIMIT


async def test_a_longer_body_is_refused_before_it_is_read() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(post(b"")[:-4].replace(b"Length: 0", b"Length: %d" % (BODY_LIMIT + 1)))
        await client.send(b"\r\n\r\n")
        assert b"1000 bytes" in await refused(client, 413)


async def test_a_longer_body_in_chunks_is_refused_when_it_passes_the_limit() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(chunked(b"x" * BODY_LIMIT, b"x"))
        assert b"1000 bytes" in await refused(client, 413)


# Expectations


async def test_a_client_that_waits_for_100_is_told_once_to_continue() -> None:
    async with serving() as running:
        client = await running.connect()
        request = post(b"body", "Expect: 100-continue")
        await client.send(request[:-4])
        assert (await client.answer()).status == 100
        await client.send(b"bo")
        await trio.testing.wait_all_tasks_blocked()
        await client.send(b"dy")
        assert (await client.answer()).body == b"POST / body"
        # And the next request on the connection stands for itself.
        assert (await client.request(post(b"next"))).body == b"POST / next"


async def test_nobody_is_told_to_continue_with_a_body_that_is_refused() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(post(b"x" * 2_000, "Expect: 100-continue")[:-2_000])
        await refused(client, 413)


async def test_another_expectation_is_refused() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(post(b"body", "Expect: a-miracle"))
        await refused(client, 417)


async def test_no_answer_can_be_split_by_what_it_echoes() -> None:
    async def echo(request: Request) -> Response:
        return Response(200, b"", request.query["type"], [("X-Id", request.query["id"])])

    async with serving(echo) as running:
        client = await running.connect()
        good = await client.request(get("/?type=text/plain&id=7"))
        assert (good.status, good.headers["x-id"]) == (200, "7")
        for bad in ("type=a&id=1%0d%0aSet-Cookie:%20a", "type=a%0ab&id=1", "type=a&id=1%0d"):
            answer = await client.request(get(f"/?{bad}"))
            assert answer.status == 500
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("target", ["/%ff", "/?a=%ff"])
async def test_a_target_that_cannot_be_decoded_is_answered_400(target: str) -> None:
    async def look(request: Request) -> Response:
        return Response(200, f"{request.path} {request.query}".encode())

    async with serving(look) as running:
        client = await running.connect()
        answer = await client.request(get(target))
        assert answer.status == 400
        assert b"UTF-8" in answer.body
        assert (await client.request(get("/fine"))).status == 200
