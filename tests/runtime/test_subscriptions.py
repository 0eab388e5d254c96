"""the handshake with HTTP endpoints: nobody is sent anything who hasn't agreed"""

from pathlib import Path

import pytest
import trio
import trio.testing

from broker.core.errors import (
    AuthorizationRequired,
    InvalidParameter,
    SubscriptionDoesNotExist,
)
from broker.core.limits import CONFIRMATION_S
from broker.core.names import Namespace
from broker.core.publication import Publication
from broker.core.resources import Subscription, Topic
from broker.runtime.broker import Broker
from broker.testing.broker import open_broker
from tests.runtime.http_receiver import Receiver, answer, first, open_receiver
from tests.runtime.test_endpoint import OPTIONS

NS = Namespace()


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return trio.testing.MockClock(autojump_threshold=0.03)


async def subscribe(broker: Broker, receiver: Receiver) -> Subscription:
    return await broker.subscriptions.subscribe(NS, "news", "http", receiver.url, {})


async def publish(broker: Broker, text: str = "hello") -> None:
    await broker.topics.publish(NS, "news", Publication(message=text))
    await trio.sleep(1)


async def confirm(broker: Broker, token: str, *, authenticate: bool = False) -> Subscription:
    return await broker.subscriptions.confirm(
        NS, "news", token, authenticated=False, authenticate_on_unsubscribe=authenticate
    )


async def test_an_endpoint_is_asked_and_gets_nothing_until_it_has_agreed(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver() as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        subscription = await subscribe(broker, receiver)
        assert subscription.status == "pending"
        await publish(broker, "too early")
        (asked,) = receiver.posted
        assert asked.kind == "SubscriptionConfirmation"
        assert "x-amz-sns-subscription-arn" not in asked.headers
        document = asked.document
        assert list(document) == [
            *("Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp"),
            *("SignatureVersion", "Signature", "SigningCertURL"),
        ]
        assert document["Message"] == (
            "You have chosen to subscribe to the topic arn:aws:sns:us-east-1:000000000000:news.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
        assert document["SubscribeURL"] == (
            "http://broker.test/?Action=ConfirmSubscription"
            "&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A000000000000%3Anews"
            f"&Token={document['Token']}"
        )
        confirmed = await confirm(broker, document["Token"])
        assert (confirmed.name, confirmed.status) == (subscription.name, "confirmed")
        await publish(broker)
        assert [each.document["Message"] for each in receiver.notifications] == ["hello"]
        again = await confirm(broker, document["Token"])
        assert again == confirmed


async def test_a_wrong_token_confirms_nothing(directory: Path, clock: object) -> None:
    async with (
        open_receiver() as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        await subscribe(broker, receiver)
        for token in ("", "0" * 64):
            with pytest.raises(InvalidParameter, match="Invalid parameter: Token"):
                await confirm(broker, token)


async def test_a_token_expires_after_three_days_and_the_subscription_with_it(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver() as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        subscription = await subscribe(broker, receiver)
        await trio.sleep(CONFIRMATION_S - 10)
        assert broker.subscriptions.get(NS, subscription.name).status == "pending"
        await trio.sleep(20)
        with pytest.raises(SubscriptionDoesNotExist):
            broker.subscriptions.get(NS, subscription.name)
        with pytest.raises(InvalidParameter, match="Token"):
            await confirm(broker, subscription.token)
        assert "delivery/" not in str(broker.registry.resources(NS).queues)


async def test_a_subscription_expires_also_when_the_daemon_was_down_meanwhile(
    directory: Path, clock: object
) -> None:
    async with open_receiver() as receiver:
        async with open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker:
            await subscribe(broker, receiver)
        await trio.sleep(CONFIRMATION_S + 10)
        async with open_broker(directory, delivery_options=OPTIONS) as broker:
            await trio.sleep(1)
            assert broker.subscriptions.all(NS) == []


async def test_the_question_is_asked_again_as_the_delivery_policy_says(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver(first(answer(500), answer(500))) as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        await subscribe(broker, receiver)
        await trio.sleep(100)
        assert len(receiver.posted) == 3
        assert len({each.document["Token"] for each in receiver.posted}) == 1


async def test_subscribing_again_before_it_has_agreed_asks_again(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver() as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        subscription = await subscribe(broker, receiver)
        assert await subscribe(broker, receiver) == subscription
        await trio.sleep(1)
        assert len(receiver.posted) == 2


async def test_an_endpoint_that_is_unsubscribed_is_told_and_can_come_back(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver() as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        subscription = await subscribe(broker, receiver)
        await confirm(broker, subscription.token)
        await broker.subscriptions.unsubscribe(NS, subscription.name, authenticated=False)
        with pytest.raises(SubscriptionDoesNotExist):
            broker.subscriptions.get(NS, subscription.name)
        assert broker.subscriptions.counts(NS, "news") == {
            "confirmed": 0,
            "pending": 0,
            "deleted": 1,
        }
        await publish(broker, "not for it")
        told = receiver.posted[-1]
        assert told.kind == "UnsubscribeConfirmation"
        assert subscription.name.partition(":")[2] in told.document["Message"]
        await confirm(broker, told.document["Token"])
        await publish(broker, "back")
        assert [each.document["Message"] for each in receiver.notifications] == ["back"]


async def test_what_waited_for_an_endpoint_that_is_unsubscribed_is_not_sent(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver(answer(500)) as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        subscription = await broker.subscriptions.subscribe(
            NS, "news", "http", receiver.url, {}, confirmed=True
        )
        await publish(broker)
        await broker.subscriptions.unsubscribe(NS, subscription.name, authenticated=True)
        receiver.behaviour = answer(200)
        await trio.sleep(100)
        assert [each.kind for each in receiver.posted] == [
            "Notification",
            "UnsubscribeConfirmation",
        ]


async def test_authenticate_on_unsubscribe_asks_for_a_signed_request(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver() as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        subscription = await subscribe(broker, receiver)
        await confirm(broker, subscription.token, authenticate=True)
        with pytest.raises(AuthorizationRequired):
            await broker.subscriptions.unsubscribe(NS, subscription.name, authenticated=False)
        await broker.subscriptions.unsubscribe(NS, subscription.name, authenticated=True)
        with pytest.raises(SubscriptionDoesNotExist):
            broker.subscriptions.get(NS, subscription.name)


async def test_a_topic_that_is_deleted_takes_its_endpoints_with_it(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver(answer(500)) as receiver,
        open_broker(directory, [Topic(name="news")], delivery_options=OPTIONS) as broker,
    ):
        await broker.subscriptions.subscribe(NS, "news", "http", receiver.url, {}, confirmed=True)
        await publish(broker)
        await broker.topics.delete(NS, "news")
        await trio.sleep(100)
        assert len(receiver.posted) == 1
        resources = broker.registry.resources(NS)
        assert (resources.subscriptions, resources.queues) == ({}, {})
        # And the same name again is another topic.
        await broker.topics.create(NS, Topic(name="news"))
        await broker.subscriptions.subscribe(NS, "news", "http", receiver.url, {}, confirmed=True)
        receiver.behaviour = answer(200)
        await publish(broker, "anew")
        assert receiver.notifications[-1].document["Message"] == "anew"
