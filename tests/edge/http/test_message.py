"""Responses as they are written."""

import pytest

from broker.edge.http.message import MalformedTarget, Request, Response

DATE = "Date: now\r\n"


def written(response: Response, *, keep_alive: bool = True, head_only: bool = False) -> bytes:
    return response.encode(DATE, keep_alive=keep_alive, head_only=head_only)


def test_a_response_is_written_with_its_length() -> None:
    assert written(Response(200, b"abc", "text/plain", [("X", "1")])) == (
        b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/plain\r\nX: 1\r\n"
        b"Content-Length: 3\r\n\r\nabc"
    )


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_has_neither_length_nor_body(status: int) -> None:
    data = written(Response(status, b"a bug's"))
    assert b"Content-Length" not in data
    assert data.endswith(b"Date: now\r\n\r\n")


def test_an_unknown_status_is_written_all_the_same() -> None:
    assert written(Response(299)).startswith(b"HTTP/1.1 299 Unknown\r\n")


@pytest.mark.parametrize("bad", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\r\n\r\n<html>", "a\n\rb"])
def test_a_line_break_in_a_header_is_an_error(bad: str) -> None:
    for response in (
        Response(200, b"", bad),
        Response(200, b"", headers=[("X", bad)]),
        Response(200, b"", headers=[(bad, "x")]),
    ):
        with pytest.raises(ValueError, match="line break"):
            written(response)


@pytest.mark.parametrize(
    ("target", "query"),
    [
        (b"/", {}),
        (b"/?", {}),
        (b"/?a=1&b=2&a=3", {"a": "3", "b": "2"}),
        (b"/?a&b=&=c", {"a": "", "b": "", "": "c"}),
        (b"/?a=%C3%A9+b%2Bc", {"a": "é b+c"}),
        (b"/?a=b=c?d", {"a": "b=c?d"}),
        (b"/?a=%zz", {"a": "%zz"}),
        (b"/?" + b"a" * 60_000, {"a" * 60_000: ""}),
    ],
)
def test_a_query_is_read_to_its_parameters(target: bytes, query: dict[str, str]) -> None:
    assert Request("GET", target, {}).query == query


@pytest.mark.parametrize("target", [b"/?a=%ff", b"/?%ff", b"/?" + b"a&" * 1_001])
def test_a_query_that_cannot_be_read_is_malformed(target: bytes) -> None:
    with pytest.raises(MalformedTarget, match="query"):
        _ = Request("GET", target, {}).query


def test_a_path_is_decoded_once() -> None:
    assert Request("GET", b"/a%2Fb%C3%A9%2525?c", {}).path == "/a/bé%25"
    with pytest.raises(MalformedTarget, match="path"):
        _ = Request("GET", b"/%ff", {}).path


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/plain ;a=b;c", "text/plain"),
        ("", ""),
        (";", ""),
    ],
)
def test_a_media_type_comes_without_parameters(header: str, media_type: str) -> None:
    assert Request("GET", b"/", {"content-type": header}).content_type == media_type
    assert Request("GET", b"/", {}).content_type == ""
