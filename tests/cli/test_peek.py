"""`broker peek` and `show`: what is wanted of a queue, for people and for programs."""

import json
from typing import Any

import pytest

from broker.client import Client
from tests.cli.conftest import Run


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_message_is_a_line_of_json_with_its_cursor(run: Run, client: Client) -> None:
    client.send_many("orders", ["a", "b", "c"])

    first, second = lines(run("peek", "orders", "--limit", "2", "--json").stdout)
    rest = lines(run("peek", "orders", "--after", second["cursor"], "--json").stdout)

    assert [first["body"], second["body"]] == ["a", "b"]
    assert [message["body"] for message in rest] == ["c"]


def test_filters_choose_messages(run: Run, client: Client) -> None:
    client.send("orders", '{"total": 20}', attributes={"shop": "Berlin"})
    client.send("orders", '{"total": 1450}', attributes={"shop": "Berlin"})
    client.send("orders", "no JSON", attributes={"shop": "Paris"})

    def bodies(*options: str) -> list[str]:
        result = run("peek", "orders", "--json", *options)
        assert result.exit_code == 0
        return [message["body"] for message in lines(result.stdout)]

    assert bodies("--text", "total") == ['{"total": 20}', '{"total": 1450}']
    assert bodies("--attribute", "shop=Paris") == ["no JSON"]
    assert bodies("--json-path", "$[?@ > 100]", "--attribute", "shop=Berlin") == ['{"total": 1450}']


def test_all_goes_to_the_end_and_a_limit_says_how_to_go_on(run: Run, client: Client) -> None:
    client.send_many("orders", [str(n) for n in range(2_500)])

    everything = run("peek", "orders", "--all", "--json")
    some = run("peek", "orders")

    assert [m["body"] for m in lines(everything.stdout)] == [str(n) for n in range(2_500)]
    assert "There may be more: --all, or --after " in some.stderr


def test_a_filter_that_matches_nothing_prints_no_line(run: Run, client: Client) -> None:
    client.send("orders", "a")

    result = run("peek", "orders", "--text", "nothing", "--json")

    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (("--limit", "0"), 2),
        (("--attribute", "nonsense"), 2),
        (("--json-path", "nonsense"), 1),
        (("--after", "nonsense"), 1),
    ],
)
def test_what_is_wrong_is_refused(run: Run, options: tuple[str, ...], exit_code: int) -> None:
    assert run("peek", "orders", *options).exit_code == exit_code


def test_show_tells_all_that_is_known_of_a_message(run: Run, client: Client) -> None:
    client.send("orders", "another")
    message_id = client.send(
        "orders", '{"ducks":{"count":10}}', attributes={"photo": b"\x01\x02", "shop": "Berlin"}
    )

    shown = run("show", "orders", message_id)
    document = json.loads(run("show", "orders", message_id, "--json").stdout)

    assert shown.exit_code == 0
    for part in (
        f"message id       {message_id}",
        "state            visible",
        "photo (Binary) = 2 bytes: 01 02",
        "shop (String) = Berlin",
        '    "count": 10',
    ):
        assert part in shown.stdout
    assert document["body"] == '{"ducks":{"count":10}}'
    assert document["cursor"]


def test_show_prints_nothing_that_could_drive_the_terminal(run: Run, client: Client) -> None:
    message_id = client.send("orders", "a\tb\nc\x85")

    assert "a\N{REPLACEMENT CHARACTER}b\nc\N{REPLACEMENT CHARACTER}" in (
        run("show", "orders", message_id).stdout
    )


def test_a_message_that_is_not_there_ends_show_with_1(run: Run) -> None:
    result = run("show", "orders", "no-such-message")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no message" in result.stderr
