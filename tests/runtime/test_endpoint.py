"""deliveries to HTTP endpoints: by their policy, to the second, whatever the endpoint does"""

import ipaddress
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from broker.core.dead_letter_cause import cause_of
from broker.core.message import Message, decode, rendered
from broker.core.names import Namespace, delivery_queue
from broker.core.publication import Publication
from broker.core.resources import Queue, Subscription, Topic
from broker.runtime.broker import Broker
from broker.runtime.endpoint import DeliveryOptions
from broker.testing.broker import now_ms, open_broker
from tests.runtime.http_receiver import Receiver, answer, first, hang, open_receiver

NS = Namespace()
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
OPTIONS = DeliveryOptions(allowed_networks=LOOPBACK)
DEAD = msgspec.json.encode({"deadLetterTargetArn": NS.arn("sqs", "dead")}).decode()


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps only when nothing has happened for longer than a thread takes to sign."""
    return trio.testing.MockClock(autojump_threshold=0.03)


@asynccontextmanager
async def topic_with(
    directory: Path,
    receiver: Receiver | str,
    options: DeliveryOptions = OPTIONS,
    *,
    topic: Topic | None = None,
    **given: Any,
) -> AsyncIterator[tuple[Broker, Subscription]]:
    """A broker with a topic that the endpoint is subscribed to, and has agreed."""
    resources = [topic or Topic(name="news"), Queue(name="dead")]
    url = receiver if isinstance(receiver, str) else receiver.url
    async with open_broker(directory, resources, delivery_options=options) as broker:
        given = {"redrive_policy": DEAD, **given}
        subscription = await broker.subscriptions.subscribe(
            NS, "news", url.partition(":")[0], url, given, confirmed=True
        )
        yield broker, subscription


async def publish(broker: Broker, text: str = "hello", **more: Any) -> float:
    """When it was acknowledged."""
    await broker.topics.publish(NS, "news", Publication(message=text, **more))
    return trio.current_time()


async def backlog(broker: Broker, subscription: Subscription) -> tuple[int, int, int]:
    (counts,) = await broker.queues.counts(NS, delivery_queue(subscription.name))
    return counts.visible, counts.in_flight, counts.delayed


async def dead_letters(broker: Broker) -> list[tuple[Message, str]]:
    """Each with the text of its cause."""
    found = []
    for one in await broker.queues.peek(NS, "dead", 100):
        body = decode(one.body)
        message = rendered(body, one.via, "http://broker.test")
        cause = cause_of(message.attributes, one.dead_letter_source_arn, body, one.via)
        assert cause is not None
        found.append((message, f"{cause.code}: {cause.error}"))
    return found


# What is sent


async def test_an_endpoint_gets_the_document_and_the_headers_of_sns(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver() as receiver,
        topic_with(directory, receiver) as (broker, subscription),
    ):
        await publish(broker, "hällo", subject="greeting")
        await trio.sleep(1)
        (posted,) = receiver.posted
        arn = NS.arn("sns", f"news:{subscription.name.partition(':')[2]}")
        assert list(posted.document) == [
            *("Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp"),
            *("SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL"),
        ]
        assert posted.document["Message"] == "hällo"
        assert posted.document["UnsubscribeURL"].endswith(
            f"/?Action=Unsubscribe&SubscriptionArn={arn}"
        )
        headers = posted.headers
        assert headers["x-amz-sns-message-type"] == "Notification"
        assert headers["x-amz-sns-message-id"] == posted.document["MessageId"]
        assert headers["x-amz-sns-topic-arn"] == NS.arn("sns", "news")
        assert headers["x-amz-sns-subscription-arn"] == arn
        assert headers["content-type"] == "text/plain; charset=UTF-8"
        assert headers["user-agent"] == "Amazon Simple Notification Service Agent"
        assert headers["accept-encoding"] == "gzip,deflate"
        assert headers["connection"] == "Keep-Alive"
        assert "x-amz-sns-rawdelivery" not in headers
        assert await backlog(broker, subscription) == (0, 0, 0)


async def test_raw_delivery_is_the_message_as_it_was_published(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver() as receiver,
        topic_with(directory, receiver, raw_message_delivery=True) as (broker, _),
    ):
        await publish(broker, '{"a": 1}')
        await trio.sleep(1)
        (posted,) = receiver.posted
        assert posted.body == b'{"a": 1}'
        assert posted.headers["x-amz-sns-rawdelivery"] == "true"


async def test_the_message_for_the_protocol_is_sent_and_signed(
    directory: Path, clock: object
) -> None:
    async with open_receiver() as receiver, topic_with(directory, receiver) as (broker, _):
        by_protocol = {"default": "for all", "http": "for http"}
        await publish(broker, "{}", by_protocol=by_protocol)
        await trio.sleep(1)
        assert receiver.posted[0].document["Message"] == "for http"


# By the policy, to the second


@pytest.mark.parametrize("status", [500, 502, 503, 599])
async def test_a_failure_is_retried_three_times_after_20_s_then_dead_lettered(
    directory: Path, clock: object, status: int
) -> None:
    async with (
        open_receiver(answer(status)) as receiver,
        topic_with(directory, receiver) as (broker, subscription),
    ):
        published_at = await publish(broker)
        await trio.sleep(100)
        assert receiver.times(published_at) == pytest.approx([0, 20, 40, 60], abs=0.2)
        assert len({each.document["MessageId"] for each in receiver.posted}) == 1
        ((letter, cause),) = await dead_letters(broker)
        assert cause.startswith(f"HttpStatus{status}: {status}")
        assert letter.body.startswith('{"Type":"Notification"')
        assert await backlog(broker, subscription) == (0, 0, 0)


async def test_retries_follow_the_phases_of_the_delivery_policy(
    directory: Path, clock: object
) -> None:
    policy = {
        "healthyRetryPolicy": {
            "numRetries": 6,
            "numNoDelayRetries": 1,
            "numMinDelayRetries": 1,
            "numMaxDelayRetries": 2,
            "minDelayTarget": 5,
            "maxDelayTarget": 50,
            "backoffFunction": "linear",
        }
    }
    text = msgspec.json.encode(policy).decode()
    async with (
        open_receiver(answer(500)) as receiver,
        topic_with(directory, receiver, delivery_policy=text) as (broker, _),
    ):
        published_at = await publish(broker)
        await trio.sleep(400)
        times = receiver.times(published_at)
        waits = [round(b - a) for a, b in itertools.pairwise(times)]
        assert len(waits) == 6
        assert waits[:2] == [0, 5]
        assert waits[-2:] == [50, 50]
        assert 5 <= waits[2] <= waits[3] <= 50


async def test_an_endpoint_that_comes_back_gets_the_message(directory: Path, clock: object) -> None:
    async with (
        open_receiver(first(answer(500), answer(503))) as receiver,
        topic_with(directory, receiver) as (broker, _),
    ):
        published_at = await publish(broker)
        await trio.sleep(100)
        assert receiver.times(published_at) == pytest.approx([0, 20, 40], abs=0.2)
        assert await dead_letters(broker) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 303])
async def test_what_the_endpoint_will_never_take_is_dead_lettered_at_once(
    directory: Path, clock: object, status: int
) -> None:
    async with (
        open_receiver(answer(status)) as receiver,
        topic_with(directory, receiver) as (broker, _),
    ):
        await publish(broker)
        await trio.sleep(100)
        assert len(receiver.posted) == 1
        ((_, cause),) = await dead_letters(broker)
        assert cause.startswith(f"HttpStatus{status}: ")


async def test_retry_after_is_waited_for_and_costs_no_attempt(
    directory: Path, clock: object
) -> None:
    throttled = [answer(429, retry_after="100")] * 5 + [answer(503, retry_after="7")] * 2
    async with (
        open_receiver(first(*throttled, then=answer(500))) as receiver,
        topic_with(directory, receiver) as (broker, _),
    ):
        published_at = await publish(broker)
        await trio.sleep(1_000)
        waited = [0, 100, 200, 300, 400, 500, 507, 514]
        assert receiver.times(published_at) == pytest.approx(
            [*waited, 534, 554, 574], abs=0.5
        )  # and then all attempts of the policy


async def test_429_without_a_time_waits_longer_and_longer_and_costs_no_attempt(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver(first(*[answer(429)] * 6)) as receiver,
        topic_with(directory, receiver) as (broker, _),
    ):
        published_at = await publish(broker)
        await trio.sleep(2_000)
        assert receiver.times(published_at) == pytest.approx(
            [0, 20, 60, 140, 300, 600, 900], abs=0.5
        )
        assert await dead_letters(broker) == []


async def test_no_answer_within_15_s_is_a_failure(directory: Path, clock: object) -> None:
    async with open_receiver(hang) as receiver, topic_with(directory, receiver) as (broker, _):
        published_at = await publish(broker)
        await trio.sleep(200)
        assert receiver.times(published_at) == pytest.approx([0, 35, 70, 105], abs=0.5)
        ((_, cause),) = await dead_letters(broker)
        assert cause == "DeliveryFailed: no answer within 15 s"


async def test_an_answer_whose_body_never_ends_is_a_failure(directory: Path, clock: object) -> None:
    async with open_receiver() as receiver, topic_with(directory, receiver) as (broker, _):
        receiver.slow_body = True
        published_at = await publish(broker)
        await trio.sleep(30)
        assert receiver.times(published_at) == pytest.approx([0], abs=0.5)
        receiver.slow_body = False
        await trio.sleep(30)
        assert receiver.times(published_at) == pytest.approx([0, 35], abs=0.5)


async def test_nobody_listening_is_a_failure(directory: Path, clock: object) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        async with topic_with(directory, url) as (broker, subscription):
            await publish(broker)
            await trio.sleep(50)
            status = await broker.endpoints.status(NS, subscription.name)
            assert status.endpoint.failures_in_a_row == 3
            assert status.next_attempt_ms == pytest.approx(now_ms() + 10_000, abs=300)
            await trio.sleep(50)
            ((_, cause),) = await dead_letters(broker)
            assert cause.startswith("DeliveryFailed: ")


async def test_a_throttle_policy_spaces_the_requests_out(directory: Path, clock: object) -> None:
    policy = msgspec.json.encode({"throttlePolicy": {"maxReceivesPerSecond": 2}}).decode()
    async with (
        open_receiver() as receiver,
        topic_with(directory, receiver, delivery_policy=policy) as (broker, _),
    ):
        published_at = await publish(broker)
        for _ in range(4):
            await publish(broker)
        await trio.sleep(10)
        assert receiver.times(published_at) == pytest.approx([0, 0.5, 1, 1.5, 2], abs=0.2)


# Redirects and addresses


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_followed_with_the_same_request(
    directory: Path, clock: object, status: int
) -> None:
    async with (
        open_receiver() as goal,
        open_receiver(answer(status, location=goal.url)) as start,
        topic_with(directory, start) as (broker, _),
    ):
        await publish(broker)
        await trio.sleep(1)
        assert goal.posted[0].body == start.posted[0].body
        assert goal.posted[0].kind == "Notification"


async def test_a_circle_of_redirects_ends(directory: Path, clock: object) -> None:
    async with open_receiver() as receiver, topic_with(directory, receiver) as (broker, _):
        receiver.behaviour = answer(307, location=receiver.url)
        await publish(broker)
        await trio.sleep(1)
        assert len(receiver.posted) == 4
        ((_, cause),) = await dead_letters(broker)
        assert cause == "DeliveryFailed: more than 3 redirects"


async def test_a_redirect_to_a_private_address_is_refused(directory: Path, clock: object) -> None:
    elsewhere = answer(307, location="http://169.254.169.254/latest/meta-data/")
    async with open_receiver(elsewhere) as receiver, topic_with(directory, receiver) as (broker, _):
        await publish(broker)
        await trio.sleep(1)
        ((_, cause),) = await dead_letters(broker)
        assert cause.startswith("DeliveryFailed: forbidden address: 169.254.169.254")


async def test_loopback_is_refused_unless_it_is_allowed(directory: Path, clock: object) -> None:
    async with (
        open_receiver() as receiver,
        topic_with(directory, receiver, DeliveryOptions()) as (broker, _),
    ):
        await publish(broker)
        await trio.sleep(1)
        assert receiver.posted == []
        ((_, cause),) = await dead_letters(broker)
        assert cause.startswith("DeliveryFailed: forbidden address: 127.0.0.1")


async def test_a_trusted_account_reaches_any_address(directory: Path, clock: object) -> None:
    options = DeliveryOptions(trusted_accounts=frozenset([NS.account]))
    async with (
        open_receiver() as receiver,
        topic_with(directory, receiver, options) as (broker, _),
    ):
        await publish(broker)
        await trio.sleep(1)
        assert len(receiver.posted) == 1


async def test_a_name_that_leads_to_a_private_address_is_refused(
    directory: Path, clock: object
) -> None:
    async def resolve(host: str) -> list[Any]:
        return [ipaddress.ip_address("10.0.0.7")]

    options = DeliveryOptions(allowed_networks=LOOPBACK, resolve=resolve)
    async with topic_with(directory, "http://hooks.example/", options) as (broker, _):
        await publish(broker)
        await trio.sleep(1)
        ((_, cause),) = await dead_letters(broker)
        assert cause.startswith("DeliveryFailed: forbidden address: hooks.example")


# Credentials


@pytest.mark.parametrize(
    "challenge",
    ['Basic realm="hooks"', 'Digest realm="hooks", nonce="n", qop="auth", algorithm=SHA-256'],
)
async def test_credentials_of_the_url_answer_a_challenge(
    directory: Path, clock: object, challenge: str
) -> None:
    async with open_receiver(first(answer(401, www_authenticate=challenge))) as receiver:
        url = receiver.url.replace("//", "//user:pass%20word@")
        async with topic_with(directory, url) as (broker, _):
            await publish(broker)
            await trio.sleep(1)
            asked, given = receiver.posted
            assert "authorization" not in asked.headers
            assert given.headers["authorization"].startswith(challenge.partition(" ")[0])
            assert await dead_letters(broker) == []


# One endpoint and the others


async def test_an_endpoint_gets_only_so_many_requests_at_a_time(
    directory: Path, clock: object
) -> None:
    async def slow(_: object) -> tuple[int, dict[str, str]]:
        await trio.sleep(1)
        return 200, {}

    options = DeliveryOptions(allowed_networks=LOOPBACK, concurrency=3)
    async with (
        open_receiver(slow) as receiver,
        topic_with(directory, receiver, options) as (broker, _),
    ):
        for _ in range(9):
            await publish(broker)
        await trio.sleep(10)
        assert len(receiver.posted) == 9
        assert receiver.under_way_most == 3


async def test_a_dead_and_a_slow_endpoint_delay_no_other(directory: Path, clock: object) -> None:
    async with (
        open_receiver() as healthy,
        open_receiver(hang) as slow,
        topic_with(directory, slow) as (broker, _),
    ):
        for url in ("http://127.0.0.1:1/", healthy.url):
            await broker.subscriptions.subscribe(NS, "news", "http", url, {}, confirmed=True)
        published_at = await publish(broker)
        for _ in range(49):
            await publish(broker)
        await trio.sleep(5)
        assert len(healthy.notifications) == 50
        assert max(healthy.times(published_at)) < 5


async def test_a_full_backlog_goes_to_the_dead_letter_queue_with_its_cause(
    directory: Path, clock: object
) -> None:
    options = DeliveryOptions(allowed_networks=LOOPBACK, backlog=2, concurrency=1)
    async with open_receiver(hang) as receiver, topic_with(directory, receiver, options) as parts:
        broker, subscription = parts
        for n in range(4):
            await publish(broker, f"{n}")
        letters = await dead_letters(broker)
        assert [cause for _, cause in letters] == ["QueueIsFull: "] * 2
        assert sum(await backlog(broker, subscription)) == 2


# Pausing


async def test_an_endpoint_that_fails_for_long_is_paused_probed_and_resumed(
    directory: Path, clock: object
) -> None:
    options = DeliveryOptions(allowed_networks=LOOPBACK, pause_after_s=60)
    async with (
        open_receiver(answer(500)) as receiver,
        topic_with(directory, receiver, options) as (broker, subscription),
    ):
        start = await publish(broker)
        await trio.sleep(30)
        await publish(broker, "second")
        await trio.sleep(50)
        paused = broker.subscriptions.get(NS, subscription.name)
        assert paused.pause is not None
        assert paused.pause.by == "failures"
        assert paused.pause.reason == "has failed for 60 s; last answer: 500 Internal Server Error"
        dead = len(await dead_letters(broker))
        so_far = len(receiver.posted)
        await trio.sleep(600)
        # The probes cost no attempts: nothing more was given up, however often they failed.
        assert len(await dead_letters(broker)) == dead
        probes = [round(each.at - start) for each in receiver.posted[so_far:]]
        assert probes == pytest.approx([120, 240, 480], abs=2)
        receiver.behaviour = answer(200)
        await trio.sleep(600)
        assert broker.subscriptions.get(NS, subscription.name).pause is None
        assert await backlog(broker, subscription) == (0, 0, 0)


async def test_an_operator_pauses_and_resumes(directory: Path, clock: object) -> None:
    async with open_receiver() as receiver, topic_with(directory, receiver) as parts:
        broker, subscription = parts
        await broker.endpoints.pause(NS, subscription.name, "maintenance")
        await publish(broker)
        await trio.sleep(10_000)
        assert receiver.posted == []
        assert await backlog(broker, subscription) == (1, 0, 0)
        await broker.endpoints.resume(NS, subscription.name)
        await trio.sleep(1)
        assert len(receiver.posted) == 1


async def test_a_pause_outlives_the_daemon(directory: Path, clock: object) -> None:
    async with open_receiver() as receiver:
        async with topic_with(directory, receiver) as (broker, subscription):
            await broker.endpoints.pause(NS, subscription.name, "maintenance")
            await publish(broker)
        async with open_broker(directory, delivery_options=OPTIONS) as broker:
            await trio.sleep(100)
            assert receiver.posted == []
            await broker.endpoints.resume(NS, subscription.name)
            await trio.sleep(1)
            assert len(receiver.posted) == 1


async def test_retry_now_makes_the_next_attempt_at_once(directory: Path, clock: object) -> None:
    async with (
        open_receiver(first(answer(500))) as receiver,
        topic_with(directory, receiver) as (broker, subscription),
    ):
        published_at = await publish(broker)
        await trio.sleep(5)
        assert await broker.endpoints.retry_now(NS, subscription.name) == 1
        await trio.sleep(1)
        assert receiver.times(published_at) == pytest.approx([0, 5], abs=0.2)


async def test_what_has_waited_too_long_is_given_up_when_its_turn_comes(
    directory: Path, clock: object
) -> None:
    options = DeliveryOptions(allowed_networks=LOOPBACK, age_s=3_600)
    async with open_receiver() as receiver, topic_with(directory, receiver, options) as parts:
        broker, subscription = parts
        await broker.endpoints.pause(NS, subscription.name, "maintenance")
        await publish(broker)
        await trio.sleep(3_700)
        await broker.endpoints.resume(NS, subscription.name)
        await trio.sleep(1)
        assert receiver.posted == []
        ((_, cause),) = await dead_letters(broker)
        assert cause == "DeliveryExpired: it waited for more than 3600 s"


async def test_what_was_under_way_when_the_daemon_ended_is_sent_again(
    directory: Path, clock: object
) -> None:
    async with open_receiver(hang) as receiver:
        async with topic_with(directory, receiver) as (broker, _):
            await publish(broker)
            await trio.sleep(1)
        receiver.behaviour = answer(200)
        async with open_broker(directory, delivery_options=OPTIONS) as broker:
            await trio.sleep(1)
            assert len(receiver.posted) == 2
            assert await dead_letters(broker) == []


# Signatures for receivers that share a secret


async def test_a_webhook_secret_signs_every_request(directory: Path, clock: object) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    async with (
        open_receiver() as receiver,
        topic_with(directory, receiver, webhook_secrets=(secret,)) as (broker, _),
    ):
        await publish(broker)
        await trio.sleep(1)
        headers = receiver.posted[0].headers
        assert headers["webhook-id"] == headers["x-amz-sns-message-id"]
        assert int(headers["webhook-timestamp"]) == pytest.approx(now_ms() // 1000, abs=2)
        assert headers["webhook-signature"].startswith("v1,")
