from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import trio

from broker.core.commands import NewMessage, Received
from broker.core.errors import InvalidParameter
from broker.core.message import decode, encode, message, rendered
from broker.core.names import Namespace
from broker.core.resources import EventBus, Queue, Target, Topic
from broker.core.targeting import check_target
from broker.runtime.broker import Broker
from broker.runtime.stream import Asked, Ending, Stream, StreamSettings
from broker.testing.broker import open_broker

NS = Namespace()
ORDERS = Queue(name="orders.fifo", fifo=True)


async def send(broker: Broker, group: str, *bodies: str, delay_s: int = 0) -> None:
    new = [
        NewMessage(body.encode().ljust(16), encode(message(body)), delay_s * 1000, group)
        for body in bodies
    ]
    await broker.queues.send_encoded(NS, "orders.fifo", new)


async def receive(broker: Broker, count: int = 10, **options: float) -> list[str]:
    received = await broker.queues.receive(NS, "orders.fifo", count, **options)
    return [rendered(decode(one.body), one.via, "").body for one in received]


async def test_a_message_that_ends_its_group_s_lock_wakes_one_receiver_for_each_free_group(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker, trio.open_nursery() as nursery:
        await send(broker, "a", "a1", "a2", "a3")
        (first,) = await broker.queues.receive(NS, "orders.fifo", 1)
        answers: list[list[str]] = []

        async def wait() -> None:
            answers.append(await receive(broker, 1, wait_time_s=20))

        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await trio.sleep(1)
        assert answers == []
        await broker.queues.delete_messages(NS, "orders.fifo", [first.receipt_handle])
        await trio.sleep(0.001)
        assert answers == [["a2"]]


async def test_a_new_delay_holds_for_messages_that_are_delayed_already(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await send(broker, "a", "a1", "a2", delay_s=100)
        delayed = msgspec.structs.replace(broker.queues.get(NS, "orders.fifo"), delay_s=100)
        await broker.queues.configure(NS, delayed)  # 100 s more
        await trio.sleep(199)
        assert await receive(broker) == []
        await broker.queues.configure(NS, msgspec.structs.replace(delayed, delay_s=0))
        assert await receive(broker) == ["a1", "a2"]


async def test_what_knows_no_group_is_not_routed_to_a_fifo_queue(
    directory: Path, autojump_clock: object
) -> None:
    arn = NS.arn("sqs", "orders.fifo")
    async with open_broker(directory, [ORDERS, Topic(name="news"), EventBus(name="bus")]) as broker:
        with pytest.raises(InvalidParameter, match="FIFO SQS Queues can not be subscribed"):
            await broker.subscriptions.subscribe(NS, "news", "sqs", arn, {})
        with pytest.raises(InvalidParameter, match="SqsParameters must be specified"):
            check_target(Target(id="1", arn=arn), NS)


class Reader:
    """A stream's receiver that notes what it is sent."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.bodies: list[str] = []

    async def messages(self, first_tag: int, received: Sequence[Received]) -> bool:
        self.bodies += [rendered(decode(one.body), one.via, "").body for one in received]
        return True

    def confirmed(self, asked: Sequence[Asked]) -> None:
        pass

    async def ended(self, ending: Ending) -> None:
        pass


async def test_a_stream_keeps_the_order_of_a_group_and_so_does_what_it_gives_back(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker, trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Reader]) -> None:
            settings = StreamSettings(credit=2, batch=10, visibility_timeout_s=3_600)
            with broker.streams.open(NS, "orders.fifo", settings) as stream:
                reader = Reader(stream)
                task_status.started(reader)
                await stream.run(reader)

        await send(broker, "a", "a1", "a2", "a3", "a4")
        first: Reader = await nursery.start(run)
        await trio.sleep(1)
        assert first.bodies == ["a1", "a2"]
        first.stream.ask(Asked(acknowledge=[1, 2]))
        await trio.sleep(1)
        assert first.bodies == ["a1", "a2", "a3", "a4"]
        first.stream.leave()
        await trio.sleep(1)
        second: Reader = await nursery.start(run)
        await trio.sleep(1)
        assert second.bodies == ["a3", "a4"]
        nursery.cancel_scope.cancel()
