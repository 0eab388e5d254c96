"""a week of a broker's life, on the injected clock: in the end every event is accounted for

1,000 schedules put events on a bus; one rule sends them to a queue, another to a function, which is
down for the whole of the third day. The daemon is restarted four times, once with 50 minutes in
between. Everything is archived, and two days are replayed. What must have run is worked out here
from the calendar alone.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.core.message import Message, decode
from broker.core.names import Namespace, archive_queue
from broker.core.resources import (
    Archive,
    EventReplay,
    Function,
    Queue,
    Rule,
    Schedule,
    ScheduleTarget,
    Target,
)
from broker.plugin import Invocation, InvocationResult, InvokerUnavailable
from broker.runtime.broker import Broker
from broker.testing.broker import EPOCH_MS, open_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()
START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday; trio's clock says 0
MINUTE, HOUR, DAY = 60, 3_600, 86_400
DOWN = range(2 * DAY, 3 * DAY)  # when the function can't be reached
AWAY = (4 * DAY + 30 * MINUTE + 10, 50 * MINUTE)  # when the daemon is down, and for how long
EXPIRED_S = 6 * HOUR  # events of a function are kept trying for so long

DAILY, WORKDAYS, HOURLY = 900, 90, 10
TO_FUNCTION = 50  # of the daily ones

Run = tuple[int, str]  # number of the schedule, and the time it was to run


def expression(number: int) -> str:
    if number < DAILY:
        slot = number % 48
        return f"cron({slot % 2 * 30} {slot // 2} * * ? *)"
    if number < DAILY + WORKDAYS:
        return f"cron(15 {number % 24} ? * MON-FRI *)"
    return "cron(45 * * * ? *)"


def runs() -> set[Run]:
    """What must run in the week."""
    found: set[Run] = set()
    for number in range(DAILY + WORKDAYS + HOURLY):
        for day in range(7):
            date = START + timedelta(days=day)
            if number < DAILY:
                times = [date + timedelta(minutes=30 * (number % 48))]
            elif number < DAILY + WORKDAYS:
                at = date + timedelta(hours=number % 24, minutes=15)
                times = [at] if date.weekday() < 5 else []
            else:
                times = [date + timedelta(hours=hour, minutes=45) for hour in range(24)]
            found |= {(number, f"{at:%Y-%m-%dT%H:%M:%SZ}") for at in times}
    # It begins just after midnight.
    return {run for run in found if run[1] != f"{START:%Y-%m-%dT%H:%M:%SZ}"}


def to_function(run: Run) -> bool:
    return run[0] < TO_FUNCTION


def since_start_s(run: Run) -> int:
    return int((datetime.fromisoformat(run[1]) - START).total_seconds())


class Week:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.invoked: Counter[tuple[Run, bool]] = Counter()  # and whether it was a replay
        self._invoker = FakeInvoker(self._behave)

    async def _behave(self, invocation: Invocation) -> InvocationResult:
        if int(trio.current_time()) in DOWN:
            raise InvokerUnavailable("it is down")
        self.invoked[seen(json.loads(invocation.payload))] += 1
        return InvocationResult(payload=b"null")

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[Broker]:
        """The daemon, from one start to the next."""
        long = 14 * DAY
        resources = [
            Queue(name="done", retention_s=long),
            Queue(name="dead", retention_s=long),
            Function(
                name="f", invoker="fake", dead_letter_target_arn=NS.arn("sqs", "dead"), timeout_s=60
            ),
            rule("done", "plain", Target(id="1", arn=NS.arn("sqs", "done"))),
            rule("function", "for-f", Target(id="1", arn=NS.arn("lambda", "function:f"))),
        ]
        async with open_broker(self._directory, resources, {"fake": self._invoker}) as broker:
            yield broker


def rule(name: str, detail_type: str, target: Target) -> Rule:
    pattern = json.dumps({"source": ["clock"], "detail-type": [detail_type]})
    return Rule(
        name=f"default|{name}", event_bus="default", event_pattern=pattern, targets=(target,)
    )


def seen(event: dict[str, Any]) -> tuple[Run, bool]:
    run = event["detail"]["number"], event["detail"]["at"]
    return run, "replay-name" in event


async def events_in(broker: Broker, queue: str) -> Counter[tuple[Run, bool]]:
    found: Counter[tuple[Run, bool]] = Counter()
    after = b""
    while page := await broker.queues.peek(NS, queue, 1_000, after):
        after = page[-1].cursor
        for one in page:
            body = decode(one.body)
            assert isinstance(body, Message)
            found[seen(json.loads(body.body))] += 1
    return found


async def make_schedules(broker: Broker) -> None:
    for number in range(DAILY + WORKDAYS + HOURLY):
        text = json.dumps({"number": number, "at": "<aws.scheduler.scheduled-time>"})
        target = ScheduleTarget(
            arn=NS.arn("events", "event-bus/default"),
            role_arn="arn:aws:iam::000000000000:role/r",
            input=text,
            source="clock",
            detail_type="for-f" if number < TO_FUNCTION else "plain",
        )
        schedule = Schedule(
            name=f"default/s{number}", schedule_expression=expression(number), target=target
        )
        await broker.schedules.create(NS, schedule)


def replay(name: str, day: int, **to: Any) -> EventReplay:
    start_ms = EPOCH_MS + day * DAY * 1_000
    return EventReplay(
        name=name,
        archive="all",
        event_bus="default",
        from_ms=start_ms,
        until_ms=start_ms + DAY * 1_000 - 1,
        **to,
    )


@pytest.mark.slow
async def test_a_week_ends_with_every_event_accounted_for(
    directory: Path, autojump_clock: object
) -> None:
    week = Week(directory)
    away_at, away_s = AWAY
    async with week.broker() as broker:
        await broker.archives.create(NS, Archive(name="all", event_bus="default"))
        await trio.sleep(1)  # past midnight
        await make_schedules(broker)
        await trio.sleep_until(DAY + 20 * MINUTE)
    for until in (2 * DAY + 12 * HOUR + 5, away_at):
        async with week.broker():
            await trio.sleep_until(until)
    await trio.sleep(away_s)
    async with week.broker() as broker:
        await trio.sleep_until(6 * DAY)
        # To one rule of the two, at a rate; and to the function, what it missed when it was down.
        chosen = replay("second-day", 1, rules=("done",), events_per_second=100)
        await broker.event_replays.start(NS, chosen)
        for_f = json.dumps({"detail-type": ["for-f"]})
        missed = replay("third-day", 2, function="f", event_pattern=for_f)
        await broker.event_replays.start(NS, missed)
        await trio.sleep(2)
    async with week.broker() as broker:  # the first replay goes on
        await trio.sleep_until(7 * DAY + HOUR)
        replays = broker.event_replays.all(NS)
        assert [each.status for each in replays] == ["COMPLETED", "COMPLETED"]
        archived = await events_in(broker, archive_queue("all"))
        done = await events_in(broker, "done")
        dead = await events_in(broker, "dead")
        for letter in await broker.queues.peek(NS, "dead", 1_000):
            body = decode(letter.body)
            assert isinstance(body, Message)
            assert "EventAgeExceeded" in str(body.attributes), "a dead letter has its cause"
        assert await left_over(broker) == []

    end = f"{START + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"
    everything = runs()

    def in_week(found: Counter[tuple[Run, bool]], *, replayed: bool = False) -> Counter[Run]:
        return Counter(
            {
                run: count
                for (run, again), count in found.items()
                if again == replayed and (again or run[1] < end)
            }
        )

    # The daemon was away for less than an hour: what it missed was made up for, once each.
    assert in_week(archived) == Counter(everything)
    assert in_week(done) == Counter(run for run in everything if not to_function(run))
    expired = {
        run
        for run in everything
        if to_function(run) and DOWN.start <= since_start_s(run) < DOWN.stop - EXPIRED_S
    }
    dead_runs = in_week(dead)
    of_f = Counter(run for run in everything if to_function(run))
    assert in_week(week.invoked) + dead_runs == of_f
    assert expired
    assert expired <= dead_runs.keys()
    assert all(since_start_s(run) in DOWN for run in dead_runs)

    def of_day(day: int) -> Counter[Run]:
        return Counter(run for run in everything if since_start_s(run) // DAY == day)

    plain, for_f_runs = of_day(1), of_day(2)
    assert in_week(done, replayed=True) == Counter(
        {run: count for run, count in plain.items() if not to_function(run)}
    )
    assert in_week(week.invoked, replayed=True) == Counter(
        {run: count for run, count in for_f_runs.items() if to_function(run)}
    )
    assert not any(again for _, again in archived), "what is replayed isn't archived again"


async def left_over(broker: Broker) -> list[str]:
    """Queues of the broker's own in which something still waits for a delivery."""
    found = []
    for queue in broker.queues.all(NS):
        if queue.name in ("done", "dead"):
            continue
        (counts,) = await broker.queues.counts(NS, queue.name)
        if counts.visible or counts.in_flight:
            found.append(queue.name)
    (counts,) = await broker.queues.counts(NS, "function/f")
    if counts.visible or counts.in_flight or counts.delayed:
        found.append("function/f")
    return found
