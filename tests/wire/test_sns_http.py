"""HTTP endpoints as users build them: confirm by the link, verify with the libraries there are"""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sns_message_validator import SNSMessageValidator
from standardwebhooks import Webhook

from tests.daemon import Daemon
from tests.http_endpoint import Endpoint, http_endpoint
from tests.wire import node
from tests.wire.https_front import https_front

TOPIC = "arn:aws:sns:us-east-1:000000000000:news"


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, str, Path]]:
    """A daemon behind a proxy that speaks https, as validators insist; and its authority."""
    folder = tmp_path_factory.mktemp("fronted")
    config = folder / "broker.toml"
    daemon = Daemon(folder / "data", config)
    with https_front(daemon, folder) as (url, authority):
        config.write_text(f'[http]\npublic_url = "{url}"\n[[topic]]\nname = "news"\n')
        daemon.start()
        yield daemon, url, authority
        daemon.stop()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with http_endpoint() as running:
        yield running


@pytest.fixture
def sns(fronted: tuple[Daemon, str, Path]) -> Any:
    return fronted[0].client("sns")


def trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


def subscribed(
    fronted: tuple[Daemon, str, Path], sns: Any, endpoint: Endpoint, **attributes: str
) -> str:
    """The ARN of a subscription that the endpoint has confirmed by visiting the link."""
    answer = sns.subscribe(
        TopicArn=TOPIC, Protocol="http", Endpoint=endpoint.url, Attributes=attributes
    )
    assert answer["SubscriptionArn"] == "pending confirmation"
    (asked,) = endpoint.wait(1)
    assert asked.kind == "SubscriptionConfirmation"
    link = asked.document["SubscribeURL"]
    assert link.startswith(fronted[1])
    confirmed = httpx.get(link, verify=trusting(fronted[2]), trust_env=False)
    assert confirmed.status_code == 200
    (found,) = [
        each["SubscriptionArn"]
        for each in sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
        if each["Endpoint"] == endpoint.url
    ]
    assert found in confirmed.text
    return str(found)


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_an_endpoint_is_sent_is_verified_by_independent_libraries(
    fronted: tuple[Daemon, str, Path],
    sns: Any,
    endpoint: Endpoint,
    version: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon, url, authority = fronted
    sns.set_topic_attributes(
        TopicArn=TOPIC, AttributeName="SignatureVersion", AttributeValue=version
    )
    arn = subscribed(fronted, sns, endpoint)
    sns.publish(TopicArn=TOPIC, Message="Grüße 🦉", Subject="greeting")
    sns.publish(
        TopicArn=TOPIC,
        Message="{}",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "order"}},
    )
    endpoint.wait(3)
    sns.unsubscribe(SubscriptionArn=arn)
    posted = endpoint.wait(4)
    assert [each.kind for each in posted] == [
        "SubscriptionConfirmation",
        "Notification",
        "Notification",
        "UnsubscribeConfirmation",
    ]
    documents = [each.document for each in posted]
    assert {each["SignatureVersion"] for each in documents} == {version}
    assert {each["SigningCertURL"].rpartition("/")[0] for each in documents} == {url}
    if version == "1":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        monkeypatch.setenv("NO_PROXY", "localhost")
        validator = SNSMessageValidator(cert_url_regex=rf"^{url}/")
        for document in documents:
            validator.validate_message(document)
    if node.NODE is not None:
        # It leaves the token of the last kind out of what it checks, against the documentation.
        assert node.verdicts(daemon, authority, documents[:3]) == [None] * 3


def test_the_link_in_a_notification_unsubscribes(
    fronted: tuple[Daemon, str, Path], sns: Any, endpoint: Endpoint
) -> None:
    arn = subscribed(fronted, sns, endpoint)
    sns.publish(TopicArn=TOPIC, Message="hello")
    notification = endpoint.wait(2)[1].document
    httpx.get(notification["UnsubscribeURL"], verify=trusting(fronted[2]), trust_env=False)
    assert endpoint.wait(3)[2].kind == "UnsubscribeConfirmation"
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.get_subscription_attributes(SubscriptionArn=arn)


def test_the_header_for_the_content_type_comes_from_the_delivery_policy(
    fronted: tuple[Daemon, str, Path], sns: Any, endpoint: Endpoint
) -> None:
    policy = '{"requestPolicy":{"headerContentType":"application/json"}}'
    subscribed(fronted, sns, endpoint, DeliveryPolicy=policy, RawMessageDelivery="true")
    sns.publish(TopicArn=TOPIC, Message='{"a":1}')
    handshake, notification = endpoint.wait(2)
    assert handshake.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert notification.headers["Content-Type"] == "application/json"
    assert notification.body == b'{"a":1}'


def test_a_receiver_without_aws_verifies_by_the_standard_webhooks_library(
    fronted: tuple[Daemon, str, Path], sns: Any, endpoint: Endpoint
) -> None:
    daemon = fronted[0]
    created = httpx.post(
        f"{daemon.url}/v1/topics/news/subscriptions",
        json={
            "url": endpoint.url,
            "confirmed": True,
            "raw_message_delivery": True,
            "webhook_secret": "new",
        },
    ).json()
    sns.publish(TopicArn=TOPIC, Message='{"total":12}')
    (posted,) = endpoint.wait(1)
    assert Webhook(created["webhook_secret"]).verify(posted.body, dict(posted.headers)) == {
        "total": 12
    }
    shown = httpx.get(f"{daemon.url}/v1/topics/news/subscriptions/{created['id']}").json()
    assert "webhook_secret" not in shown
    assert shown["webhook_secrets"] == 1


def test_an_endpoint_behind_tls_that_nobody_vouches_for_is_a_failure(
    fronted: tuple[Daemon, str, Path], sns: Any
) -> None:
    daemon, url, _ = fronted
    created = httpx.post(
        f"{daemon.url}/v1/topics/news/subscriptions", json={"url": f"{url}/", "confirmed": True}
    ).json()
    sns.publish(TopicArn=TOPIC, Message="hello")
    path = f"{daemon.url}/v1/topics/news/subscriptions/{created['id']}/deliveries"
    for _ in range(1_000):
        status = httpx.get(path).json()
        if status["attempts"]:
            break
    (attempt,) = status["attempts"]
    assert attempt["outcome"] == "failed"
    assert "certificate verify failed" in attempt["answer"]
    httpx.delete(f"{daemon.url}/v1/topics/news/subscriptions/{created['id']}")


def test_a_signed_link_is_not_needed_to_confirm(
    fronted: tuple[Daemon, str, Path], sns: Any, endpoint: Endpoint
) -> None:
    arn = subscribed(fronted, sns, endpoint)
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["PendingConfirmation"] == "false"
    assert attributes["ConfirmationWasAuthenticated"] == "false"
