"""The logs of functions: what stands in them, how large they get, how they are followed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from broker.core.limits import LOG_GATHERED_BYTES_MAX, LOG_LINE_BYTES_MAX
from broker.core.names import Namespace
from broker.runtime.function_logs import FunctionLogs
from broker.testing.broker import now_ms

NS = Namespace()
ONE, TWO = "11111111-aaaa", "22222222-bbbb"


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[FunctionLogs]:
    logs = FunctionLogs(tmp_path, 2_000, now_ms)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(logs.run)
        yield logs
        nursery.cancel_scope.cancel()


async def texts(logs: FunctionLogs, lines: int = 100) -> list[str]:
    return [line.text for line in (await logs.read(NS, "f", lines)).lines]


async def test_an_attempt_has_its_lines_between_start_and_report(logs: FunctionLogs) -> None:
    log = logs.begin(NS, "f", ONE, "3")
    log.write(b"hel")
    log.write(b"lo\nand")
    log.end("REPORT")
    page = await logs.read(NS, "f", 100, wait_s=20)
    assert [line.text for line in page.lines] == [
        f"START RequestId: {ONE} Version: 3",
        "hello",
        "and",
        f"END RequestId: {ONE}",
        "REPORT",
    ]
    assert {line.request for line in page.lines} == {"11111111"}
    assert page.lines[0].time.startswith("20")
    assert bytes(log.tail).decode().splitlines() == [line.text for line in page.lines]


async def test_attempts_at_one_time_are_told_apart_by_their_requests(logs: FunctionLogs) -> None:
    one, two = logs.begin(NS, "f", ONE, "1"), logs.begin(NS, "f", TWO, "1")
    one.write(b"a")
    two.write(b"b\n")
    one.write(b"c\n")
    page = await logs.read(NS, "f", 100, wait_s=20)
    lines = [(line.request[0], line.text) for line in page.lines]
    assert ("1", "ac") in lines
    assert ("2", "b") in lines


async def test_an_attempt_that_never_began_leaves_nothing(logs: FunctionLogs) -> None:
    logs.begin(NS, "f", ONE, "1")
    logs.begin(NS, "f", TWO, "1").end("REPORT")
    await logs.read(NS, "f", 1, wait_s=20)
    assert len(await texts(logs)) == 3


async def test_the_last_lines(logs: FunctionLogs) -> None:
    log = logs.begin(NS, "f", ONE, "1")
    log.write(b"".join(b"%d\n" % n for n in range(10)))
    await logs.read(NS, "f", 1, wait_s=20)
    assert await texts(logs, 3) == ["7", "8", "9"]


def files(directory: Path) -> dict[str, int]:
    """Sizes by name."""
    return {path.name: path.stat().st_size for path in directory.rglob("*.log*")}


async def test_what_comes_is_followed_from_file_to_file(logs: FunctionLogs, tmp_path: Path) -> None:
    log = logs.begin(NS, "f", ONE, "1")
    log.write(b"first\n")
    page = await logs.read(NS, "f", 100, wait_s=20)
    seen: list[str] = []
    for number in range(200):
        log.write(b"%d\n" % number)
        if number % 10 == 9:
            while not seen or seen[-1] != str(number):
                page = await logs.read(NS, "f", 0, page.cursor, wait_s=20)
                seen += [line.text for line in page.lines]
    assert seen == [str(number) for number in range(200)]
    assert sorted(files(tmp_path)) == ["f.log", "f.log.1"]
    assert sum(files(tmp_path).values()) < 6_000


async def test_who_was_away_for_too_long_goes_on_with_what_there_is(logs: FunctionLogs) -> None:
    log = logs.begin(NS, "f", ONE, "1")
    log.write(b"first\n")
    page = await logs.read(NS, "f", 100, wait_s=20)
    for number in range(300):
        log.write(b"%d\n" % number)
        if number % 30 == 29:
            while (await texts(logs, 1))[-1] != str(number):  # noqa: ASYNC110
                await trio.sleep(0.01)
    found = await logs.read(NS, "f", 0, page.cursor)
    assert found.lines
    assert found.cursor != page.cursor


async def test_a_flood_is_counted_where_it_was_too_fast(logs: FunctionLogs) -> None:
    log = logs.begin(NS, "f", ONE, "1")
    line = b"x" * 1_000_000 + b"\n"
    for _ in range(LOG_GATHERED_BYTES_MAX // len(line) + 3):
        log.write(line)
    await logs.read(NS, "f", 1, wait_s=20)
    assert (await texts(logs, 1))[0].endswith("bytes came too fast and are not here")


async def test_a_line_without_an_end_is_cut(logs: FunctionLogs) -> None:
    log = logs.begin(NS, "f", ONE, "1")
    log.write(b"x" * (LOG_LINE_BYTES_MAX + 1))
    page = await logs.read(NS, "f", 100, wait_s=20)
    assert len(page.lines[-1].text) == LOG_LINE_BYTES_MAX + 1


async def test_what_was_gathered_at_the_end_is_written(tmp_path: Path) -> None:
    logs = FunctionLogs(tmp_path, 2_000, now_ms)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(logs.run)
        await trio.testing.wait_all_tasks_blocked()
        logs.begin(NS, "f", ONE, "1").end("REPORT")
        nursery.cancel_scope.cancel()
    assert (await texts(logs))[-1] == "REPORT"


async def test_the_log_goes_with_its_function(logs: FunctionLogs, tmp_path: Path) -> None:
    logs.begin(NS, "f", ONE, "1").end("REPORT")
    await logs.read(NS, "f", 1, wait_s=20)
    await logs.forget(NS, "f")
    assert files(tmp_path) == {}
