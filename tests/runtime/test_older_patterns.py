"""patterns that were taken once, and that would be refused if they were given today"""

import json
from pathlib import Path

import msgspec
import pytest

from broker.core.event import Event
from broker.core.names import Namespace
from broker.core.pattern import InvalidEventPattern
from broker.core.resources import Archive, Queue, Rule, Target
from broker.runtime.broker import Broker
from broker.testing.broker import open_broker

NS = Namespace()
PATTERN = json.dumps({"detail": {"id": [{"wildcard": "*a*a*a*a*a*a*"}]}})
EVENT = Event(source="shop", detail_type="sold", detail={"id": "aaaaaa"})
RULE = Rule(
    name="default|r",
    event_bus="default",
    event_pattern=PATTERN,
    targets=(Target(id="1", arn=NS.arn("sqs", "orders")),),
)
ARCHIVE = Archive(name="all", event_bus="default", event_pattern=PATTERN)


@pytest.fixture
async def older(directory: Path) -> Path:
    """A data directory with a rule and an archive that nothing checked."""
    async with open_broker(directory, [Queue(name="orders")]) as broker:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("broker.core.pattern.complexity.COMPLEXITY_MAX", 1_000)
            await broker.rules.put(NS, RULE)
            await broker.archives.create(NS, ARCHIVE)
    return directory


async def orders(broker: Broker) -> int:
    (counts,) = await broker.queues.counts(NS, "orders")
    return counts.visible


async def test_they_match_after_a_start(older: Path, autojump_clock: object) -> None:
    async with open_broker(older) as broker:
        await broker.events.put(NS, EVENT)
        assert await orders(broker) == 1
        assert await broker.archives.events_kept(NS, "all") == 1


async def test_what_they_belong_to_can_be_changed(older: Path, autojump_clock: object) -> None:
    async with open_broker(older) as broker:
        await broker.rules.put(NS, msgspec.structs.replace(RULE, enabled=False))
        await broker.archives.configure(NS, msgspec.structs.replace(ARCHIVE, retention_days=3))
        await broker.events.put(NS, EVENT)
        assert await orders(broker) == 0
        assert broker.archives.get(NS, "all").retention_days == 3


async def test_they_are_refused_where_they_are_new(older: Path, autojump_clock: object) -> None:
    async with open_broker(older) as broker:
        with pytest.raises(InvalidEventPattern, match="Rule is too complex"):
            await broker.rules.put(NS, msgspec.structs.replace(RULE, name="default|other"))
        with pytest.raises(InvalidEventPattern, match="Rule is too complex"):
            await broker.archives.create(NS, msgspec.structs.replace(ARCHIVE, name="other"))
        changed = PATTERN.replace("detail", "other")
        with pytest.raises(InvalidEventPattern, match="Rule is too complex"):
            await broker.archives.configure(
                NS, msgspec.structs.replace(ARCHIVE, event_pattern=changed)
            )
