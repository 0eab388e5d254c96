"""Responses as they are written."""

import pytest

from broker.edge.http.message import Response

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
