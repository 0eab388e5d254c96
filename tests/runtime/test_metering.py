"""What functions use is counted by day and version, and is there after a restart."""

from pathlib import Path

import trio

from broker.core.names import Namespace
from broker.core.resources import Function
from broker.plugin import Invocation, InvocationResult
from broker.testing.broker import open_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()
FUNCTION = Function(name="f", invoker="fake", memory_mb=512, timeout_s=10)
DAY_S = 86_400


async def half_a_second(invocation: Invocation) -> InvocationResult:
    with invocation.cold_start():
        await trio.sleep(0.25)
    await trio.sleep(0.5)
    if invocation.payload == b"1":
        return InvocationResult.failed("Error", "no")
    return InvocationResult()


async def test_use_is_counted_and_kept(tmp_path: Path, autojump_clock: object) -> None:
    fake = {"fake": FakeInvoker(half_a_second)}
    async with open_broker(tmp_path, [FUNCTION], fake) as broker:
        for payload in (b"0", b"1"):
            await broker.functions.invoke(NS, "f", payload)
        (row,) = broker.metering.rows(NS)  # at once, stored or not
        await trio.sleep(5)
        assert broker.metering.rows(NS) == [row]
        assert (row.day, row.function, row.version) == ("2026-01-01", "f", "$LATEST")
        assert (row.requests, row.errors, row.cold_starts) == (2, 1, 2)
        assert row.billed_ms == 1_500  # cold starts are billed
        assert row.mb_ms == 1_500 * 512
    async with open_broker(tmp_path, [FUNCTION], fake) as broker:
        assert broker.metering.rows(NS) == [row]
        await broker.functions.invoke(NS, "f", b"0")
        await trio.sleep(5)
        (changed,) = broker.metering.rows(NS)
        assert (changed.requests, changed.billed_ms) == (3, 2_250)


async def test_days_are_rows_of_their_own(tmp_path: Path, autojump_clock: object) -> None:
    fake = {"fake": FakeInvoker(half_a_second)}
    async with open_broker(tmp_path, [FUNCTION], fake) as broker:
        await broker.functions.invoke(NS, "f", b"0")
        await trio.sleep(DAY_S)
        await broker.functions.invoke(NS, "f", b"0")
        await trio.sleep(5)
        assert [row.day for row in broker.metering.rows(NS)] == ["2026-01-01", "2026-01-02"]
        assert [row.day for row in broker.metering.rows(NS, since="2026-01-02")] == ["2026-01-02"]
        assert [row.day for row in broker.metering.rows(NS, until="2026-01-01")] == ["2026-01-01"]


async def test_what_is_long_ago_goes(tmp_path: Path, autojump_clock: object) -> None:
    fake = {"fake": FakeInvoker(half_a_second)}
    async with open_broker(tmp_path, [FUNCTION], fake) as broker:
        await broker.functions.invoke(NS, "f", b"0")
        await trio.sleep(401 * DAY_S)
        await broker.functions.invoke(NS, "f", b"0")
        await trio.sleep(5)
        assert [row.day for row in broker.metering.rows(NS)] == ["2027-02-06"]
