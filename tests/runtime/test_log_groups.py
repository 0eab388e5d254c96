"""log groups as targets: a line for each event, in a file that never grows beyond bounds"""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from broker.core.errors import InvalidParameter
from broker.core.event import Event
from broker.core.names import Namespace
from broker.core.resources import InputTransformer, Queue, Rule, Target
from broker.core.targeting import check_target
from broker.runtime.broker import Broker
from broker.runtime.log_files import LogFileOptions, LogFiles
from broker.testing.broker import open_broker

NS = Namespace()
OTHER = Namespace("999999999999", "eu-west-1")
EVENT = Event(source="shop", detail_type="sold", detail={"text": "two\nlines"})
FILE = "000000000000/us-east-1/%2Fshop%2Fsales.log"


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps only when nothing has happened for a moment: lines are written in a thread."""
    return trio.testing.MockClock(autojump_threshold=0.05)


async def put_rule(broker: Broker, arn: str, **options: Any) -> None:
    dead = NS.arn("sqs", "dead")
    target = Target(id="1", arn=arn, dead_letter_target_arn=dead, **options)
    rule = Rule(
        name="default|r",
        event_bus="default",
        event_pattern='{"source":["shop"]}',
        targets=(target,),
    )
    await broker.rules.put(NS, rule)


async def test_each_event_is_a_line(directory: Path, clock: object) -> None:
    async with open_broker(directory, [Queue(name="dead")]) as broker:
        await put_rule(broker, NS.arn("logs", "log-group:/shop/sales"))
        ids = [await broker.events.put(NS, EVENT) for _ in range(3)]
        await trio.sleep(1)
        file = directory / "log-groups" / FILE
        events = [json.loads(line) for line in file.read_text().splitlines()]
        assert sorted(event["id"] for event in events) == sorted(ids)
        assert events[0]["detail"] == EVENT.detail
        assert file.stat().st_mode & 0o777 == 0o600
        (counts,) = await broker.queues.counts(NS, "target/default|r|1")
        assert (counts.visible, counts.in_flight, counts.delayed) == (0, 0, 0)


async def test_a_template_makes_one_line_too(directory: Path, clock: object) -> None:
    made = InputTransformer('{"text":\n <text>}', {"text": "$.detail.text"})
    async with open_broker(directory, [Queue(name="dead")]) as broker:
        arn = OTHER.arn("logs", "log-group:sales:*")
        await put_rule(broker, arn, input_transformer=made)
        await broker.events.put(NS, EVENT)
        await trio.sleep(1)
        file = directory / "log-groups" / "999999999999" / "eu-west-1" / "sales.log"
        assert file.read_text() == '{"text":  "two\\nlines"}\n'


async def test_a_file_that_can_not_be_written_is_tried_again(
    directory: Path, clock: object
) -> None:
    file = directory / "log-groups" / FILE
    file.mkdir(parents=True)
    async with open_broker(directory, [Queue(name="dead")]) as broker:
        await put_rule(broker, NS.arn("logs", "log-group:/shop/sales"))
        event_id = await broker.events.put(NS, EVENT)
        await trio.sleep(30)
        trace = await broker.ledger.trace(NS, event_id)
        assert trace.deliveries[0].attempts[0].answer.endswith("Is a directory")
        file.rmdir()
        await trio.sleep(60)
        assert len(file.read_text().splitlines()) == 1


async def test_full_files_are_set_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path, LogFileOptions(file_bytes_max=10, kept=2))
    path = logs.path(NS, "g")
    assert path is not None
    for text in ("one", "two", "three", "four", "five", "six"):
        await logs.append(path, text)
    files = {each.name: each.read_text().split() for each in path.parent.iterdir()}
    assert files == {"g.log": ["six"], "g.log.1": ["four", "five"], "g.log.2": ["three"]}


async def test_behind_a_torn_line_a_new_one_begins(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    path = logs.path(NS, "g")
    assert path is not None
    await logs.append(path, "whole")
    with path.open("a") as file:
        file.write("tor")
    await logs.append(path, "next")
    assert path.read_text() == "whole\ntor\nnext\n"


@pytest.mark.parametrize("group", ["", "a b", "x" * 513, "x" * 300])
def test_what_is_no_log_group_is_refused(group: str) -> None:
    with pytest.raises(InvalidParameter):
        check_target(Target(id="1", arn=NS.arn("logs", f"log-group:{group}")), NS)
