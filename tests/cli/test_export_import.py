"""`broker export` and `import`: what comes back is what was there, also after an interruption."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.cli import import_
from broker.client import Client
from broker.client.results import Attribute
from tests.cli.conftest import Run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.jsonl"


def place_file(file: Path) -> Path:
    return file.with_name(file.name + ".orders.imported")


def bodies(client: Client, queue: str = "orders") -> list[str]:
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = client.peek(queue, count=1_000, after=after)
        found += [message.body for message in page.items]
        after = page.next
    return found


def write_lines(file: Path, *messages: dict[str, Any] | str) -> None:
    lines = [each if isinstance(each, str) else json.dumps(each) for each in messages]
    file.write_text("".join(line + "\n" for line in lines))


def test_messages_make_a_round_trip_with_their_attributes(
    run: Run, client: Client, file: Path
) -> None:
    client.send("orders", "ten ducks\nand ☃", attributes={"photo": b"\x00\xff\x01", "count": 10})
    client.send("orders", "later", delay_s=600)

    exported = run("export", "orders", "--output", str(file))
    imported = run("import", "heard", "--input", str(file))

    assert (exported.exit_code, imported.exit_code) == (0, 0)
    assert bodies(client) == ["ten ducks\nand ☃", "later"]
    first, _ = client.peek("heard").items
    assert first.body == "ten ducks\nand ☃"
    assert first.attributes == {
        "photo": Attribute(data_type="Binary", binary_value=b"\x00\xff\x01"),
        "count": Attribute(data_type="Number", string_value="10"),
    }


def test_messages_of_a_fifo_queue_keep_their_groups_and_their_order(
    run: Run, client: Client, file: Path
) -> None:
    for queue in ("from.fifo", "to.fifo"):
        client.put_queue(queue)
    for n in range(6):
        client.send(
            "from.fifo",
            str(n),
            message_group_id="even odd".split()[n % 2],
            message_deduplication_id=f"id-{n}",
        )

    run("export", "from.fifo", "--output", str(file))
    imported = run("import", "to.fifo", "--input", str(file))

    there = [m.body for m in client.peek("to.fifo", attributes=["MessageGroupId=odd"]).items]
    (first, *_) = client.peek("to.fifo", attributes=["MessageDeduplicationId=id-4"]).items
    for queue in ("from.fifo", "to.fifo"):
        client.delete_queue(queue)
    assert imported.exit_code == 0, imported.stderr
    assert there == ["1", "3", "5"]
    assert first.body == "4"
    assert len(first.system_attributes["SequenceNumber"]) == 20


def test_a_line_tells_all_that_is_known_of_a_message(run: Run, client: Client) -> None:
    message_id = client.send("orders", "a")
    client.receive("orders")

    (line,) = run("export", "orders").stdout.splitlines()

    told = json.loads(line)
    assert told["message_id"] == message_id
    assert (told["state"], told["receive_count"]) == ("in_flight", 1)
    assert told["system_attributes"] == {"SenderId": "000000000000"}
    assert told["sent_at_ms"] > 0
    assert told["cursor"]


def test_filters_choose_what_is_exported(run: Run, client: Client) -> None:
    client.send_many("orders", ["ten ducks", "two geese"])

    lines = run("export", "orders", "--text", "geese").stdout.splitlines()

    assert [json.loads(line)["body"] for line in lines] == ["two geese"]


def test_an_export_that_was_cut_off_goes_on_behind_its_last_whole_line(
    run: Run, client: Client, file: Path
) -> None:
    sent = [f"{n} {'x' * 1_000}" for n in range(500)]
    client.send_many("orders", sent)
    run("export", "orders", "--output", str(file))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])

    result = run("export", "orders", "--output", str(file), "--resume")

    assert result.exit_code == 0
    assert file.read_bytes() == whole
    assert [json.loads(line)["body"] for line in file.read_text().splitlines()] == sent


@pytest.mark.parametrize("begun", [b"", b'{"body": "cut'])
def test_an_export_that_has_hardly_begun_begins_anew(
    run: Run, client: Client, file: Path, begun: bytes
) -> None:
    client.send_many("orders", ["a", "b"])
    file.write_bytes(begun)

    run("export", "orders", "--output", str(file), "--resume")

    assert [json.loads(line)["body"] for line in file.read_text().splitlines()] == ["a", "b"]


def test_a_file_that_is_there_is_not_overwritten(run: Run, client: Client, file: Path) -> None:
    file.write_text("precious\n")

    again = run("export", "orders", "--output", str(file))
    resumed = run("export", "orders", "--output", str(file), "--resume")

    assert (again.exit_code, resumed.exit_code) == (2, 2)
    assert "is there already" in again.stderr
    assert "its last line is no exported message" in resumed.stderr
    assert file.read_text() == "precious\n"


def test_an_export_that_finds_no_room_says_where_to_go_on(client: Client) -> None:
    client.send("orders", "a")

    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            [sys.executable, "-m", "broker.cli", "export", "orders", "--url", client.url],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert process.returncode == 1
    assert process.stderr.splitlines() == [
        "broker: cut off after 0 messages; a new start goes on.",
        "broker: -: No space left on device",
    ]


def test_no_file_is_made_for_a_queue_that_is_not_there(run: Run, file: Path) -> None:
    assert run("export", "nowhere", "--output", str(file)).exit_code == 1
    assert not file.exists()


def test_a_line_needs_no_more_than_a_body(run: Run, client: Client) -> None:
    result = run("import", "orders", stdin='{"body": "a"}\n\n{"body": "b", "delay_s": 600}')

    assert result.exit_code == 0
    assert {m.body: m.state for m in client.peek("orders").items} == {
        "a": "visible",
        "b": "delayed",
    }


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("nonsense", "JSON is malformed"),
        ('{"attributes": {}}', "missing required field `body`"),
        ('{"body": "a", "delay": 1}', "unknown field `delay`"),
        ('{"body": 1}', "Expected `str`"),
        ('{"body": ""}', "must not be empty"),
        ('{"body": "a", "attributes": {"x": {"string_value": ""}}}', "InvalidParameter"),
        ('{"body": "a", "delay_s": -1}', "InvalidParameter"),
        ('{"body": "' + "a" * (1 << 20) + 'a"}', "MessageTooLong"),
    ],
)
def test_a_line_that_cannot_be_sent_is_named_and_what_comes_before_it_is_sent(
    run: Run, client: Client, file: Path, bad: str, why: str
) -> None:
    write_lines(file, {"body": "a"}, {"body": "b"}, bad)

    checked = run("import", "orders", "--input", str(file), "--dry-run")
    assert bodies(client) == []
    result = run("import", "orders", "--input", str(file))

    assert (checked.exit_code, result.exit_code) == (1, 1)
    for output in (checked.stderr, result.stderr):
        assert "line 3: " in output
        assert why in output
    assert bodies(client) == ["a", "b"]


def test_a_bad_line_is_mended_and_the_import_goes_on(run: Run, client: Client, file: Path) -> None:
    write_lines(file, {"body": "a"}, "bad", {"body": "c"})
    run("import", "orders", "--input", str(file))
    assert bodies(client) == ["a"]

    again = run("import", "orders", "--input", str(file))
    assert again.exit_code == 2
    assert "--resume goes on" in again.stderr

    write_lines(file, {"body": "a"}, {"body": "b"}, {"body": "c"})
    resumed = run("import", "orders", "--input", str(file), "--resume")

    assert resumed.exit_code == 0
    assert bodies(client) == ["a", "b", "c"]
    assert not place_file(file).exists()


def test_a_file_that_has_changed_before_its_place_is_not_gone_on_with(
    run: Run, client: Client, file: Path
) -> None:
    write_lines(file, {"body": "a"}, "bad")
    run("import", "orders", "--input", str(file))
    write_lines(file, {"body": "x"}, {"body": "b"})

    resumed = run("import", "orders", "--input", str(file), "--resume")

    assert resumed.exit_code == 2
    assert "has changed" in resumed.stderr
    assert bodies(client) == ["a"]


def test_a_dry_run_names_all_lines_that_are_wrong(run: Run, file: Path) -> None:
    write_lines(file, "bad", {"body": "a"}, {"body": ""}, "bad too")

    result = run("import", "orders", "--input", str(file), "--dry-run", "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [each["line"] for each in document["refused"]] == [1, 3, 4]
    assert (document["messages"], document["wrong"]) == (2, 3)
    assert not place_file(file).exists()


def test_an_answer_that_never_came_leaves_one_bulk_in_doubt(
    run: Run, client: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(file, *({"body": str(n)} for n in range(30)))
    request = httpx.Client.request

    def lose_the_second_answer(self: httpx.Client, **asked: Any) -> httpx.Response:
        response = request(self, **asked)
        if asked["url"].endswith("/bulk") and len(bodies(client)) == 20:
            raise httpx.ReadError("cut")
        return response

    monkeypatch.setattr(httpx.Client, "request", lose_the_second_answer)
    cut = run("import", "orders", "--input", str(file), "--bulk", "10")
    monkeypatch.undo()
    monkeypatch.setenv("BROKER_URL", client.url)
    resumed = run("import", "orders", "--input", str(file), "--bulk", "10", "--resume")

    assert cut.exit_code == 4
    assert "Whether lines 11 to 20 were sent is not known" in cut.stderr
    assert resumed.exit_code == 0
    counts = [bodies(client).count(str(n)) for n in range(30)]
    assert counts == [1] * 10 + [2] * 10 + [1] * 10


def test_a_signal_waits_for_the_answer_and_leaves_nothing_in_doubt(
    run: Run, client: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(file, *({"body": str(n)} for n in range(30)))
    request = httpx.Client.request

    def interrupted(self: httpx.Client, **asked: Any) -> httpx.Response:
        if asked["url"].endswith("/bulk"):
            os.kill(os.getpid(), signal.SIGTERM)
        return request(self, **asked)

    monkeypatch.setattr(httpx.Client, "request", interrupted)
    cut = run("import", "orders", "--input", str(file), "--bulk", "10")
    monkeypatch.undo()
    monkeypatch.setenv("BROKER_URL", client.url)
    assert cut.exit_code == 128 + signal.SIGTERM
    assert "10 messages sent, up to line 10; --resume goes on." in cut.stderr

    assert run("import", "orders", "--input", str(file), "--resume").exit_code == 0
    assert bodies(client) == [str(n) for n in range(30)]


def test_a_whole_bulk_that_is_refused_is_sent_when_the_import_goes_on(
    run: Run, client: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(file, *({"body": str(n)} for n in range(30)))
    request = httpx.Client.request

    def full(self: httpx.Client, **asked: Any) -> httpx.Response:
        if asked["url"].endswith("/bulk") and len(bodies(client)) == 20:
            return httpx.Response(507, json={"code": "StoreFull", "detail": "The store is full."})
        return request(self, **asked)

    monkeypatch.setattr(httpx.Client, "request", full)
    cut = run("import", "orders", "--input", str(file), "--bulk", "10")
    monkeypatch.undo()
    monkeypatch.setenv("BROKER_URL", client.url)
    assert cut.exit_code == 1
    assert "StoreFull" in cut.stderr
    assert "not known" not in cut.stderr

    run("import", "orders", "--input", str(file), "--resume")
    assert bodies(client) == [str(n) for n in range(30)]


def test_an_import_begins_with_the_line_it_is_told(run: Run, client: Client, file: Path) -> None:
    write_lines(file, "bad", {"body": "b"}, {"body": "c"})

    assert run("import", "orders", "--input", str(file), "--from-line", "2").exit_code == 0
    assert bodies(client) == ["b", "c"]


def test_a_rate_cuts_the_bulks_and_holds_them_up(
    run: Run, client: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    class Recorded(import_.Pace):
        def wait(self, count: int, sleep: Any = None) -> None:
            sizes.append(count)

    monkeypatch.setattr(import_, "Pace", Recorded)
    write_lines(file, *({"body": str(n)} for n in range(12)))

    assert run("import", "orders", "--input", str(file), "--rate", "20").exit_code == 0
    assert sizes == [5, 5, 2]


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "orders", "--resume"),
        ("import", "orders", "--input", "/nowhere/to/be/found"),
        ("import", "orders", "--rate", "0"),
        ("export", "orders", "--resume"),
        ("export", "orders", "--output", "/nowhere/to/be/found"),
    ],
)
def test_a_wrong_command_line_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments, stdin="").exit_code == 2
