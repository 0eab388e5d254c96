"""schedules run when their time has come: once, whatever becomes of the daemon and of clocks"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from broker.core.errors import (
    ScheduleDoesNotExist,
    ScheduleExists,
    ScheduleGroupDoesNotExist,
    StoreFull,
)
from broker.core.message import Message, decode
from broker.core.names import SCHEDULES, Namespace
from broker.core.resources import (
    EventBus,
    Function,
    Queue,
    Rule,
    Schedule,
    ScheduleGroup,
    ScheduleTarget,
    Target,
    Topic,
)
from broker.core.routed import Routed
from broker.plugin import Invocation, InvocationResult
from broker.runtime.broker import Broker
from broker.runtime.publisher import Publisher
from broker.runtime.schedule_runner import ScheduleOptions
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.broker import EPOCH_MS, open_broker, running_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()
OTHER = Namespace("999999999999", "eu-west-1")
ROLE = "arn:aws:iam::000000000000:role/scheduler"
MINUTE = 60
HOUR = 3_600
DAY = 86_400


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps only when nothing has happened for a moment."""
    return trio.testing.MockClock(autojump_threshold=0.02)


def target(queue: str = "jobs", **given: object) -> ScheduleTarget:
    return ScheduleTarget(arn=NS.arn("sqs", queue), role_arn=ROLE, **given)  # type: ignore[arg-type]


def schedule(expression: str, name: str = "default/s", **given: object) -> Schedule:
    given.setdefault("target", target(input="<aws.scheduler.scheduled-time>"))
    return Schedule(name=name, schedule_expression=expression, **given)  # type: ignore[arg-type]


async def bodies(broker: Broker, queue: str = "jobs", namespace: Namespace = NS) -> list[str]:
    """What lies in a queue, oldest first."""
    found = []
    for one in await broker.queues.peek(namespace, queue, 1_000):
        body = decode(one.body)
        assert isinstance(body, Message)
        found.append(body.body)
    return found


async def waiting(broker: Broker) -> int:
    """How many runs wait."""
    (counts,) = await broker.queues.counts(NS, SCHEDULES)
    return counts.visible + counts.in_flight + counts.delayed


def at(seconds: float) -> str:
    """The time so long after the tests' epoch, 2026-01-01T00:00:00Z."""
    when = datetime.fromtimestamp((EPOCH_MS / 1000) + seconds, UTC)
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


JOBS = Queue(name="jobs", retention_s=1_209_600)


# Rules


async def test_a_rule_with_a_rate_puts_an_event_to_its_targets_every_time(
    directory: Path, clock: object
) -> None:
    rule = Rule(
        name="default|tick",
        event_bus="default",
        schedule_expression="rate(5 minutes)",
        targets=(Target(id="1", arn=NS.arn("sqs", "jobs")),),
    )
    async with open_broker(directory, [JOBS]) as broker:
        await broker.rules.put(NS, rule)
        await trio.sleep(5 * MINUTE - 1)
        assert await bodies(broker) == []
        await trio.sleep(10 * MINUTE + 2)
        events = [json.loads(text) for text in await bodies(broker)]
        assert [event["time"] for event in events] == [at(5 * 60), at(10 * 60), at(15 * 60)]
        assert events[0] == {
            "version": "0",
            "id": events[0]["id"],
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": NS.account,
            "time": at(5 * 60),
            "region": NS.region,
            "resources": [NS.arn("events", "rule/tick")],
            "detail": {},
        }
        assert len({event["id"] for event in events}) == 3


async def test_a_scheduled_event_comes_to_no_other_rule(directory: Path, clock: object) -> None:
    jobs = (Target(id="1", arn=NS.arn("sqs", "jobs")),)
    rules = [
        Rule(name="default|tick", event_bus="default", schedule_expression="cron(0 * * * ? *)"),
        Rule(
            name="default|all",
            event_bus="default",
            event_pattern='{"source":["aws.events"]}',
            targets=jobs,
        ),
    ]
    async with open_broker(directory, [JOBS, *rules]) as broker:
        await trio.sleep(3 * HOUR)
        assert await bodies(broker) == []


async def test_a_disabled_rule_pauses_and_keeps_its_rhythm(directory: Path, clock: object) -> None:
    rule = Rule(
        name="default|tick",
        event_bus="default",
        schedule_expression="rate(10 minutes)",
        targets=(Target(id="1", arn=NS.arn("sqs", "jobs"), input_path="$.time"),),
    )
    disabled = Rule(
        **{name: getattr(rule, name) for name in rule.__struct_fields__} | {"enabled": False}
    )
    async with open_broker(directory, [JOBS]) as broker:
        await broker.rules.put(NS, rule)
        await trio.sleep(11 * MINUTE)
        await broker.rules.put(NS, disabled)
        assert await waiting(broker) == 0
        await trio.sleep(24 * MINUTE)
        await broker.rules.put(NS, rule)
        await trio.sleep(6 * MINUTE)
        assert await bodies(broker) == [f'"{at(600)}"', f'"{at(2400)}"']


async def test_a_deleted_rule_runs_no_more(directory: Path, clock: object) -> None:
    rule = Rule(name="default|tick", event_bus="default", schedule_expression="rate(1 minute)")
    async with open_broker(directory, [JOBS]) as broker:
        await broker.rules.put(NS, rule)
        assert await waiting(broker) == 1
        await broker.rules.delete(NS, "default", "tick")
        assert await waiting(broker) == 0


# Schedules


async def test_a_schedule_runs_at_the_times_of_its_zone(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(
            NS, schedule("cron(30 9 * * ? *)", time_zone="America/New_York")
        )
        await trio.sleep(2 * DAY)
        assert await bodies(broker) == ["2026-01-01T14:30:00Z", "2026-01-02T14:30:00Z"]


async def test_a_rate_begins_at_once_or_at_its_start(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS, Queue(name="later")]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 hour)"))
        later = schedule(
            "rate(1 hour)",
            "default/later",
            start_ms=EPOCH_MS + 90 * MINUTE * 1000,
            end_ms=EPOCH_MS + 150 * MINUTE * 1000,
            target=target("later", input="<aws.scheduler.scheduled-time>"),
        )
        await broker.schedules.create(NS, later)
        await trio.sleep(4 * HOUR + 1)
        assert await bodies(broker) == [at(hour * HOUR) for hour in range(5)]
        assert await bodies(broker, "later") == [at(90 * MINUTE), at(150 * MINUTE)]


async def test_one_time_runs_once_and_may_go_then(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("at(2026-01-01T02:00:00)"))
        await broker.schedules.create(
            NS, schedule("at(2026-01-01T03:00:00)", "default/once", delete_after_completion=True)
        )
        await trio.sleep(2.5 * HOUR)
        assert broker.schedules.next_run_ms(broker.schedules.get(NS, "default", "s")) is None
        await trio.sleep(5 * DAY)
        assert await bodies(broker) == ["2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"]
        assert broker.schedules.names(NS, "default") == ["default/s"]
        assert await waiting(broker) == 0


async def test_one_that_will_never_run_goes_when_its_end_has_come(
    directory: Path, clock: object
) -> None:
    never = schedule(
        "cron(0 0 1 6 ? *)", delete_after_completion=True, end_ms=EPOCH_MS + HOUR * 1000
    )
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, never)
        await trio.sleep(HOUR - 1)
        assert broker.schedules.names(NS) == ["default/s"]
        await trio.sleep(2)
        assert broker.schedules.names(NS) == []
        assert await bodies(broker) == []


async def test_in_a_flexible_window_every_instant_has_its_run_within_it(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 hour)", window_minutes=30))
        await trio.sleep(9.75 * HOUR)
        found = await broker.queues.peek(NS, "jobs", 100)
        late_s = [
            (one.sent_at_ms - EPOCH_MS) / 1000 - hour * HOUR for hour, one in enumerate(found)
        ]
        assert await bodies(broker) == [at(hour * HOUR) for hour in range(10)]
        assert all(0 <= each < 30 * MINUTE + 1 for each in late_s)
        assert len({round(each) for each in late_s}) > 5


async def test_a_change_of_the_times_replaces_the_run_that_waits(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("cron(0 12 * * ? *)"))
        before = broker.schedules.get(NS, "default", "s")
        await broker.schedules.update(NS, schedule("cron(0 12 * * ? *)", description="noon"))
        assert broker.schedules.get(NS, "default", "s").run_id == before.run_id
        await broker.schedules.update(NS, schedule("cron(0 6 * * ? *)"))
        assert broker.schedules.get(NS, "default", "s").run_id != before.run_id
        assert await waiting(broker) == 1
        await trio.sleep(DAY)
        assert await bodies(broker) == ["2026-01-01T06:00:00Z"]


async def test_a_paused_schedule_runs_only_when_it_is_asked_to(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 day)", enabled=False))
        await trio.sleep(3 * DAY)
        await broker.schedules.run_now(NS, "default", "s")
        await trio.sleep(1)
        assert await bodies(broker) == [at(3 * DAY)]
        await broker.schedules.set_enabled(NS, "default", "s", enabled=True)
        await trio.sleep(DAY)
        assert await bodies(broker) == [at(3 * DAY), at(4 * DAY)]


async def test_the_same_request_again_is_the_schedule_that_is_there(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 day)", client_token="t"))
        await broker.schedules.create(NS, schedule("rate(1 day)", client_token="t"))
        with pytest.raises(ScheduleExists):
            await broker.schedules.create(NS, schedule("rate(2 days)", client_token="t"))
        with pytest.raises(ScheduleExists):
            await broker.schedules.create(NS, schedule("rate(1 day)", client_token="u"))
        assert await waiting(broker) <= 1


async def test_a_group_goes_with_its_schedules(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        with pytest.raises(ScheduleGroupDoesNotExist):
            await broker.schedules.create(NS, schedule("rate(1 day)", "night/s"))
        await broker.schedule_groups.create(NS, ScheduleGroup(name="night"))
        await broker.schedules.create(NS, schedule("cron(0 12 * * ? *)", "night/s"))
        await broker.schedules.create(NS, schedule("cron(0 13 * * ? *)", "default/s"))
        await broker.schedule_groups.delete(NS, "night")
        with pytest.raises(ScheduleGroupDoesNotExist):
            broker.schedules.get(NS, "night", "s")
        await trio.sleep(DAY)
        assert await bodies(broker) == ["2026-01-01T13:00:00Z"]


async def test_a_large_group_goes_in_slices_also_after_a_restart(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedule_groups.create(NS, ScheduleGroup(name="night"))
        await broker.schedules.create(NS, schedule("rate(1 day)", "default/s", enabled=False))
        async with trio.open_nursery() as nursery:
            for number in range(1_200):
                nursery.start_soon(
                    broker.schedules.create,
                    NS,
                    schedule("at(2030-01-01T00:00:00)", f"night/{number}"),
                )
        assert await waiting(broker) == 1_200
        await broker.schedule_groups.delete(NS, "night")
        assert broker.schedule_groups.get(NS, "night").deleting
        with pytest.raises(ScheduleGroupDoesNotExist):
            await broker.schedules.create(NS, schedule("rate(1 day)", "night/new"))
    async with open_broker(directory) as broker:
        await trio.sleep(10)
        assert broker.schedules.names(NS) == ["default/s"]
        assert [group.name for group in broker.schedule_groups.all(NS)] == ["default"]
        assert await waiting(broker) == 0


# Targets


async def test_a_run_for_another_account_is_sent_there(directory: Path, clock: object) -> None:
    there = ScheduleTarget(arn=OTHER.arn("sqs", "jobs"), role_arn=ROLE, input="hello")
    async with open_broker(directory, [JOBS]) as broker:
        await broker.queues.create(OTHER, Queue(name="jobs"))
        await broker.schedules.create(NS, schedule("at(2026-01-01T01:00:00)", target=there))
        await trio.sleep(2 * HOUR)
        assert await bodies(broker, "jobs", OTHER) == ["hello"]
        assert await waiting(broker) == 0


async def test_an_event_is_put_on_a_bus_and_matched_there(directory: Path, clock: object) -> None:
    rule = Rule(
        name="shop|r",
        event_bus="shop",
        event_pattern='{"detail":{"shop":["a"]}}',
        targets=(Target(id="1", arn=NS.arn("sqs", "jobs")),),
    )
    on_bus = ScheduleTarget(
        arn=NS.arn("events", "event-bus/shop"),
        role_arn=ROLE,
        input='{"shop":"a"}',
        source="clock",
        detail_type="opening",
    )
    async with open_broker(directory, [JOBS, EventBus(name="shop"), rule]) as broker:
        await broker.schedules.create(NS, schedule("at(2026-01-01T01:00:00)", target=on_bus))
        await trio.sleep(2 * HOUR)
        (event,) = [json.loads(text) for text in await bodies(broker)]
        assert (event["source"], event["detail-type"]) == ("clock", "opening")
        assert event["detail"] == {"shop": "a"}
        assert event["time"] == "2026-01-01T01:00:00Z"


async def test_a_fifo_queue_gets_every_run_once_in_its_group(
    directory: Path, clock: object
) -> None:
    fifo = Queue(name="jobs.fifo", fifo=True)
    in_group = target("jobs.fifo", input="x", message_group_id="g")
    async with open_broker(directory, [fifo]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 minute)", target=in_group))
        await trio.sleep(2 * MINUTE + 1)
        assert await bodies(broker, "jobs.fifo") == ["x", "x", "x"]


async def test_a_target_that_is_gone_makes_a_dead_letter(directory: Path, clock: object) -> None:
    gone = target("gone", input="work", dead_letter_target_arn=NS.arn("sqs", "dead"))
    async with open_broker(directory, [Queue(name="dead")]) as broker:
        await broker.schedules.create(NS, schedule("at(2026-01-01T01:00:00)", target=gone))
        await trio.sleep(2 * HOUR)
        (letter,) = await broker.queues.peek(NS, "dead", 10)
        body = decode(letter.body)
        assert isinstance(body, Message)
        assert body.body == "work"
        attributes = {name: each.string_value for name, each in (body.attributes or {}).items()}
        assert attributes == {
            "SCHEDULE_ARN": NS.arn("scheduler", "schedule/default/s"),
            "TARGET_ARN": NS.arn("sqs", "gone"),
            "SCHEDULED_TIME": "2026-01-01T01:00:00Z",
            "EXECUTION_ID": attributes["EXECUTION_ID"],
            "ERROR_CODE": "NO_RESOURCE",
            "ERROR_MESSAGE": "The target does not exist.",
            "RETRY_ATTEMPTS": "0",
            "IS_PAYLOAD_TRUNCATED": "false",
        }


async def test_a_target_in_another_account_that_is_gone_makes_one_too(
    directory: Path, clock: object
) -> None:
    gone = ScheduleTarget(
        arn=OTHER.arn("sqs", "gone"),
        role_arn=ROLE,
        input="work",
        dead_letter_target_arn=NS.arn("sqs", "dead"),
    )
    async with open_broker(directory, [Queue(name="dead")]) as broker:
        await broker.schedules.create(NS, schedule("at(2026-01-01T01:00:00)", target=gone))
        await trio.sleep(2 * HOUR)
        assert await bodies(broker, "dead") == ["work"]


async def test_what_can_not_be_sent_now_is_sent_again_as_the_retry_policy_says(
    directory: Path, clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[float] = []
    publish = Publisher.publish

    async def refuse(self: Publisher, namespace: Namespace, routed: Routed) -> object:
        (entry,) = routed.entries
        if entry.queue == "never" or (entry.queue == "jobs" and len(refusals) < 2):
            refusals.append(trio.current_time())
            raise StoreFull
        return await publish(self, namespace, routed)

    monkeypatch.setattr(Publisher, "publish", refuse)
    letters = NS.arn("sqs", "dead")
    async with open_broker(directory, [Queue(name="dead")]) as broker:
        for hour, name in enumerate(("jobs", "never"), 1):
            await broker.queues.create(OTHER, Queue(name=name))
            there = ScheduleTarget(
                arn=OTHER.arn("sqs", name),
                role_arn=ROLE,
                input="x <aws.scheduler.attempt-number>",
                retry_attempts=3,
                dead_letter_target_arn=letters,
            )
            once = schedule(f"at(2026-01-01T0{hour}:00:00)", f"default/{name}", target=there)
            await broker.schedules.create(NS, once)
        await trio.sleep(1.5 * HOUR)
        assert await bodies(broker, "jobs", OTHER) == ["x 3"]
        assert [round(each - HOUR) for each in refusals] == [0, 1]
        await trio.sleep(HOUR)
        assert len(refusals) == 6
        (letter,) = await broker.queues.peek(NS, "dead", 10)
        body = decode(letter.body)
        assert isinstance(body, Message)
        told = {name: each.string_value for name, each in (body.attributes or {}).items()}
        assert told["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
        assert told["RETRY_ATTEMPTS"] == "3"
        assert await waiting(broker) == 0


async def test_a_fifo_topic_is_published_to_in_a_group(directory: Path, clock: object) -> None:
    parameters = {
        "TopicArn": NS.arn("sns", "news.fifo"),
        "Message": "<aws.scheduler.execution-id>",
        "MessageGroupId": "g",
    }
    publish = ScheduleTarget(
        arn="arn:aws:scheduler:::aws-sdk:sns:publish", role_arn=ROLE, input=json.dumps(parameters)
    )
    async with open_broker(directory, [Queue(name="jobs.fifo", fifo=True)]) as broker:
        await broker.topics.create(NS, Topic(name="news.fifo", fifo=True))
        await broker.subscriptions.subscribe(
            NS, "news.fifo", "sqs", NS.arn("sqs", "jobs.fifo"), {"raw_message_delivery": True}
        )
        await broker.schedules.create(NS, schedule("rate(1 hour)", target=publish))
        await trio.sleep(HOUR + 1)
        assert len(await broker.queues.peek(NS, "jobs.fifo", 10)) == 2


# Restarts and clocks


async def test_runs_go_on_after_a_restart(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 hour)"))
        await trio.sleep(90 * MINUTE)
    async with open_broker(directory) as broker:
        await trio.sleep(HOUR)
        assert await bodies(broker) == [at(hour * HOUR) for hour in range(3)]


async def test_runs_that_were_missed_are_made_up_for_by_one(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 hour)"))
        await trio.sleep(HOUR / 2)
    await trio.sleep(5 * HOUR)
    async with open_broker(directory) as broker:
        await trio.sleep(1)
        assert await bodies(broker) == [at(0), at(HOUR)]
        await trio.sleep(HOUR)
        assert await bodies(broker) == [at(0), at(HOUR), at(6 * HOUR)]


async def test_runs_that_were_missed_can_be_skipped(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 hour)"))
        await trio.sleep(HOUR / 2)
    await trio.sleep(5 * HOUR)
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        async with running_broker(store, schedule_options=ScheduleOptions(missed="skip")) as broker:
            await trio.sleep(HOUR)
            assert await bodies(broker) == [at(0), at(6 * HOUR)]


async def test_a_restart_that_takes_seconds_misses_nothing(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("rate(1 minute)"))
        await trio.sleep(30)
    await trio.sleep(70)
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        async with running_broker(store, schedule_options=ScheduleOptions(missed="skip")) as broker:
            await trio.sleep(60)
            assert await bodies(broker) == [at(0), at(60), at(120)]


def now_ms() -> int:
    return EPOCH_MS + int(trio.current_time() * 1000)


class Wall:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead_ms


@asynccontextmanager
async def broker_by(wall: Wall, directory: Path) -> AsyncIterator[Broker]:
    """A broker that sees the wall clock, and time that passes by another."""
    with open_inline_store(directory, Clock(wall, now_ms)) as store:
        async with running_broker(store, [JOBS], wall_ms=wall) as broker:
            yield broker


async def test_a_clock_that_is_set_back_doubles_no_run(directory: Path, clock: object) -> None:
    wall = Wall()
    async with broker_by(wall, directory) as broker:
        await broker.schedules.create(NS, schedule("cron(0/10 * * * ? *)"))
        await trio.sleep(25 * MINUTE)
        wall.ahead_ms -= HOUR * 1000
        await trio.sleep(30 * MINUTE)
        assert await bodies(broker) == [at(n * 10 * MINUTE) for n in range(6)]


async def test_a_clock_that_is_set_ahead_skips_no_run(directory: Path, clock: object) -> None:
    wall = Wall()
    async with broker_by(wall, directory) as broker:
        await broker.schedules.create(NS, schedule("cron(0/10 * * * ? *)"))
        await trio.sleep(25 * MINUTE)
        wall.ahead_ms += 30 * MINUTE * 1000  # it shows 00:55 now
        await trio.sleep(10 * MINUTE)
        assert await bodies(broker) == [at(n * 10 * MINUTE) for n in range(7)]


async def test_a_schedule_can_wait_for_more_than_a_century(directory: Path, clock: object) -> None:
    async with open_broker(directory, [JOBS]) as broker:
        await broker.schedules.create(NS, schedule("cron(0 0 1 1 ? 2199)"))
        assert await waiting(broker) == 1
    new_year_s = datetime(2199, 1, 1, tzinfo=UTC).timestamp() - EPOCH_MS / 1000
    await trio.sleep(new_year_s - 1 - trio.current_time())
    async with open_broker(directory) as broker:
        assert await bodies(broker) == []
        await trio.sleep(2)
        assert await bodies(broker) == ["2199-01-01T00:00:00Z"]


async def test_what_was_never_there_is_said_so(directory: Path, clock: object) -> None:
    async with open_broker(directory, []) as broker:
        with pytest.raises(ScheduleDoesNotExist, match=r"Schedule s does not exist\."):
            broker.schedules.get(NS, "default", "s")


async def test_a_function_is_invoked_by_either_kind_of_target(
    directory: Path, clock: object
) -> None:
    async def answer(invocation: Invocation) -> InvocationResult:
        await trio.lowlevel.checkpoint()
        return InvocationResult(payload=b"{}")

    invoker = FakeInvoker(answer)
    function = Function(name="f", invoker="fake")
    templated = ScheduleTarget(arn=NS.arn("lambda", "function:f"), role_arn=ROLE, input='{"by":1}')
    universal = ScheduleTarget(
        arn="arn:aws:scheduler:::aws-sdk:lambda:invoke",
        role_arn=ROLE,
        input='{"FunctionName":"f","Payload":"{\\"by\\":2}"}',
    )
    async with open_broker(directory, [function], {"fake": invoker}) as broker:
        for number, each in enumerate((templated, universal), 1):
            await broker.schedules.create(
                NS, schedule(f"at(2026-01-01T0{number}:00:00)", f"default/{number}", target=each)
            )
        await trio.sleep(3 * HOUR)
    assert [json.loads(each.payload) for each in invoker.seen] == [{"by": 1}, {"by": 2}]


async def test_declared_schedules_keep_their_rhythm_over_restarts(
    directory: Path, clock: object
) -> None:
    declared = schedule("rate(1 hour)", declared=True)
    rule = Rule(
        name="default|tick",
        event_bus="default",
        schedule_expression="rate(1 hour)",
        targets=(Target(id="1", arn=NS.arn("sqs", "ticks"), input_path="$.time"),),
        declared=True,
    )
    resources = [JOBS, Queue(name="ticks", retention_s=1_209_600), declared, rule]
    async with open_broker(directory, resources) as broker:
        await trio.sleep(90 * MINUTE)
    async with open_broker(directory, resources) as broker:
        await trio.sleep(HOUR)
        assert await bodies(broker) == [at(0), at(HOUR), at(2 * HOUR)]
        assert await bodies(broker, "ticks") == [f'"{at(HOUR)}"', f'"{at(2 * HOUR)}"']
        assert await waiting(broker) == 2


async def test_schedules_cost_nothing_while_none_is_due(directory: Path, clock: object) -> None:
    count = 2_000
    async with open_broker(directory, [JOBS]) as broker:
        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(
                    broker.schedules.create,
                    NS,
                    schedule("at(2030-01-01T00:00:00)", f"default/{number}"),
                )
        submitted: list[object] = []
        submit = broker.store.submit

        async def counted(*given: Any) -> Any:
            submitted.append(given)
            return await submit(*given)

        broker.store.submit = counted  # type: ignore[method-assign]
        await trio.sleep(10 * MINUTE)
        assert submitted == []
        assert await waiting(broker) == count
