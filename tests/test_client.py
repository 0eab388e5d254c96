"""The Python client against a running daemon: the same calls, blocking and awaited."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from broker.client import (
    AsyncClient,
    BrokerNotRunning,
    BrokerRefused,
    BrokerUnanswered,
    Client,
    StreamEnded,
    StreamMessage,
)
from tests.daemon import Daemon, running_daemon

CONFIG = """
[[queue]]
name = "heard"

[[topic]]
name = "news"

[[subscription]]
topic = "news"
queue = "heard"
raw_message_delivery = true

[[rule]]
name = "shop"
pattern = {source = ["shop"]}
targets = [{queue = "heard"}]

[[function]]
name = "echo"
invoker = "subprocess"
settings = {command = ["cat"]}

[queues]
delay_s_max = 86400
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder: Path = tmp_path_factory.mktemp("client")
    with running_daemon(folder, CONFIG) as daemon:
        yield daemon


@pytest.fixture
def client(running: Daemon) -> Iterator[Client]:
    with Client(running.url) as client:
        yield client


@pytest.fixture
def queue(client: Client) -> Iterator[str]:
    client.put_queue("orders", visibility_timeout_s=60)
    yield "orders"
    client.delete_queue("orders")


def take_all(client: Client, queue: str) -> list[str]:
    received = client.receive(queue, count=1_000, wait_time_s=0)
    if received:
        client.acknowledge(queue, [message.receipt_handle for message in received])
    return [message.body for message in received]


def test_a_message_is_sent_received_and_acknowledged(client: Client, queue: str) -> None:
    attributes = {"shop": "Berlin", "count": 10, "photo": b"\x00\x01"}

    message_id = client.send(queue, "ten ducks", attributes=attributes)
    (message,) = client.receive(queue)
    done = client.acknowledge(queue, [message.receipt_handle])

    assert (message.message_id, message.body) == (message_id, "ten ducks")
    assert message.attributes["shop"].string_value == "Berlin"
    assert message.attributes["count"].data_type == "Number"
    assert message.attributes["photo"].binary_value == b"\x00\x01"
    assert (done.successful, done.errors) == (1, [])
    assert client.queue(queue).in_flight == 0


def test_a_message_of_a_group_is_stored_once(client: Client) -> None:
    client.put_queue("orders.fifo", deduplication_scope="messageGroup")
    ids = [
        client.send("orders.fifo", "a", message_group_id="g", message_deduplication_id="d")
        for _ in range(2)
    ]
    found = client.queue("orders.fifo")

    assert ids[0] == ids[1]
    assert (found.fifo, found.deduplication_scope, found.visible) == (True, "messageGroup", 1)
    client.delete_queue("orders.fifo")


def test_a_message_for_later_is_cancelled(client: Client, queue: str) -> None:
    at_ms = client.status().now_ms + 3_600_000
    message_id = client.send(queue, "later", deliver_at_ms=at_ms)

    client.cancel_scheduled(queue, message_id)

    assert client.queue(queue).delayed == 0
    with pytest.raises(BrokerRefused):
        client.cancel_scheduled(queue, message_id)


async def test_the_awaited_client_has_the_same_calls(running: Daemon, queue: str) -> None:
    async with AsyncClient(running.url) as client:
        message_id = await client.send(queue, "ten ducks")
        (message,) = await client.receive(queue, wait_time_s=1)
        status = await client.status()

    assert (message.message_id, message.body) == (message_id, "ten ducks")
    assert "orders" in [each.name for each in status.queues]


def test_a_bulk_answers_for_each_message(client: Client, queue: str) -> None:
    result = client.send_many(queue, ["a", "", {"body": "c", "attributes": {}}])

    assert [each is None for each in result.ids] == [False, True, False]
    assert [(error.index, error.code) for error in result.errors] == [(1, "MissingParameter")]
    assert take_all(client, queue) == ["a", "c"]


def test_a_message_is_given_back_and_peeked_at(client: Client, queue: str) -> None:
    client.send(queue, "a")
    (message,) = client.receive(queue)
    assert [each.state for each in client.peek(queue).items] == ["in_flight"]

    client.extend(queue, [message.receipt_handle], visibility_timeout_s=0)

    assert [each.state for each in client.peek(queue).items] == ["visible"]


def test_topics_and_events_reach_their_queue(client: Client) -> None:
    client.publish("news", "hear")
    client.publish_many("news", ["one", "two"])
    event_id = client.put_event("shop", "sold", {"ducks": 10}, id="A-1")
    many = client.put_events([{"source": "shop", "detail_type": "sold", "detail": {}, "id": "2"}])

    heard = take_all(client, "heard")

    assert heard[:3] == ["hear", "one", "two"]
    assert event_id == "A-1"
    assert many.ids == ["2"]
    assert len(heard) == 5


def test_a_function_is_invoked(client: Client) -> None:
    invocation = client.invoke("echo", {"ducks": 10})
    accepted = client.invoke_async("echo", {"ducks": 10})

    assert invocation.payload == {"ducks": 10}
    assert invocation.function_error is None
    assert accepted.request_id


def test_resources_are_listed_page_by_page(client: Client, queue: str) -> None:
    first = client.queues(limit=1)
    second = client.queues(limit=1, after=first.next or "")

    assert [each.name for each in (*first.items, *second.items)] == ["heard", "orders"]
    assert second.next is None
    assert [topic.name for topic in client.topics().items] == ["news"]
    assert [function.name for function in client.functions().items] == ["echo"]


def test_a_refusal_has_its_status_and_its_code(client: Client) -> None:
    with pytest.raises(BrokerRefused) as refused:
        client.send("nowhere", "a")

    assert (refused.value.status, refused.value.code) == (404, "QueueDoesNotExist")
    assert "does not exist" in str(refused.value)


def test_a_namespace_is_the_clients_for_all_it_does(running: Daemon) -> None:
    with Client(running.url, account="111111111111", region="eu-west-1") as client:
        client.put_queue("theirs")
        assert client.queue("theirs").arn == "arn:aws:sqs:eu-west-1:111111111111:theirs"
        client.delete_queue("theirs")


def test_nobody_answering_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("BROKER_URL", f"http://127.0.0.1:{port}")

    with Client() as client, pytest.raises(BrokerNotRunning, match="broker start"):
        client.status()


def test_an_answer_that_never_came_is_no_refusal(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(**_: object) -> httpx.Response:
        raise httpx.ReadTimeout("timed out")

    monkeypatch.setattr(client._http, "request", lost)

    with pytest.raises(BrokerUnanswered):
        client.status()


# Streams


def test_a_stream_brings_messages_and_confirms_what_is_acknowledged(
    client: Client, queue: str
) -> None:
    client.send_many(queue, ["a", "b", {"body": "c", "attributes": {"n": {"string_value": "1"}}}])
    with client.stream(queue, credit=10) as stream:
        batch: list[StreamMessage] = []
        while len(batch) < 3:
            batch += next(stream)
        assert [message.body for message in batch] == ["a", "b", "c"]
        assert batch[2].attributes["n"].string_value == "1"

        stream.acknowledge(batch[:1])
        assert stream.confirm() == []
        assert client.queue(queue).in_flight == 2

        stream.extend(batch[1:2], visibility_timeout_s=600)
        stream.set_credit(0)
        stream.release(batch[2:])
        stream.acknowledge(batch[:1])
        (error,) = stream.confirm()
        assert (error.tag, error.code) == (1, "TagIsInvalid")
        (released,) = client.receive(queue)
        assert (released.body, released.receive_count) == ("c", 1)
        stream.acknowledge(batch[1:2])  # leaving the stream waits for it
    assert client.queue(queue).in_flight == 1


async def test_the_awaited_stream_has_the_same_methods(running: Daemon, queue: str) -> None:
    async with AsyncClient(running.url) as client:
        await client.send_many(queue, ["a", "b", "c"])
        async with client.stream(queue, batch=1) as stream:
            batches = [await anext(stream) for _ in range(3)]
            assert [message.body for (message,) in batches] == ["a", "b", "c"]
            await stream.acknowledge(batches[0])
            await stream.extend(batches[1], visibility_timeout_s=5)
            await stream.set_credit(0)
            await stream.release(batches[2], spend_receive=True)
            assert await stream.confirm() == []
            (released,) = await client.receive(queue)
            assert (released.body, released.receive_count) == ("c", 2)
        (unsettled,) = await client.receive(queue, wait_time_s=20)
        assert (unsettled.body, unsettled.receive_count) == ("b", 2)


def test_a_stream_runs_on_asyncio_as_well(running: Daemon, queue: str) -> None:
    async def follow() -> list[str]:
        async with AsyncClient(running.url) as client:
            await client.send(queue, "a")
            async with client.stream(queue) as stream:
                async for batch in stream:
                    await stream.acknowledge(batch)
                    return [message.body for message in batch]
        raise AssertionError("it ends only with a message")

    assert asyncio.run(follow()) == ["a"]


def test_a_stream_that_cannot_be_had_is_refused(client: Client, queue: str) -> None:
    with pytest.raises(BrokerRefused) as refused, client.stream("none"):
        pass
    assert (refused.value.status, refused.value.code) == (404, "QueueDoesNotExist")
    with pytest.raises(BrokerRefused, match="MalformedRequest"), client.stream(queue, credit=-1):
        pass
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Client(url) as nobody, pytest.raises(BrokerNotRunning), nobody.stream(queue):
            pass


async def test_a_stream_that_the_broker_ends_says_why(running: Daemon) -> None:
    async with AsyncClient(running.url) as client:
        await client.put_queue("brief")
        async with client.stream("brief") as stream:
            await client.delete_queue("brief")
            with pytest.raises(StreamEnded) as ended:
                await anext(stream)
        assert ended.value.code == "QueueDoesNotExist"


def test_acknowledgements_that_were_not_confirmed_are_not_taken_for_done(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path) as daemon, Client(daemon.url) as client:
        client.put_queue("orders")
        client.send("orders", "a")

        def acknowledge_and_leave() -> None:
            with client.stream("orders") as stream:
                batch = next(stream)
                daemon.kill()
                stream.acknowledge(batch)

        with pytest.raises(BrokerUnanswered):
            acknowledge_and_leave()


def test_more_messages_than_a_request_takes_are_settled_in_several(
    client: Client, queue: str
) -> None:
    client.send_many(queue, [str(n) for n in range(2_500)])
    with client.stream(queue, credit=2_500) as stream:
        held: list[StreamMessage] = []
        while len(held) < 2_500:
            held += next(stream)
        stream.acknowledge(held)
        stream.acknowledge([])
        assert stream.confirm() == []
    counts = client.queue(queue)
    assert (counts.visible, counts.in_flight) == (0, 0)


def test_a_daemon_that_stops_lets_its_streams_settle_what_they_hold(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon, Client(daemon.url) as client:
        client.put_queue("orders")
        client.send_many("orders", ["a", "b"])
        assert daemon.process is not None
        with client.stream("orders", batch=1) as stream:
            held = [*next(stream), *next(stream)]
            daemon.process.send_signal(signal.SIGTERM)
            with pytest.raises(StreamEnded) as ended:
                next(stream)
            assert ended.value.code == "ShuttingDown"
            stream.acknowledge(held[:1])
            assert stream.confirm() == []
        assert daemon.process.wait(timeout=60) == 0
        daemon.start()
        (left,) = client.receive("orders", count=10)
        assert (left.body, left.receive_count) == ("b", 2)
