"""the way to the store process, when the process goes away"""

import socket

import pytest
import trio
import trio.testing

from broker.core.commands import ReadRecords
from broker.core.errors import StoreUnavailable
from broker.store.client import StoreProcess


async def test_when_the_store_ends_every_caller_hears_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those who wait for an answer, those who wait for room, and those who come later."""
    monkeypatch.setattr("broker.store.client.OUTSTANDING_BYTES_MAX", 10)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    store = StoreProcess(ours)
    unavailable = 0
    ended = False

    async def submit() -> None:
        nonlocal unavailable
        with pytest.raises(StoreUnavailable):
            await store.submit("namespace", [ReadRecords()])
        unavailable += 1

    async def run() -> None:
        nonlocal ended
        try:
            await store.run()
        except* StoreUnavailable:
            ended = True

    with ours, theirs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            for _ in range(3):
                nursery.start_soon(submit)
            await trio.testing.wait_all_tasks_blocked()
            theirs.close()
        await submit()
    assert unavailable == 4
    assert ended
