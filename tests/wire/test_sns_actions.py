"""every program action of SNS, by clients of every kind: boto3, raw Query, JavaScript, the CLI"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker.edge.aws.sns import sns as service
from tests.daemon import Daemon
from tests.http_endpoint import http_endpoint
from tests.wire import node
from tests.wire.service_clients import (
    Boto3Client,
    CliClient,
    JavaScriptClient,
    QueryClient,
    Refusal,
    ServiceClient,
)

CLIENTS: dict[str, Callable[[Daemon], ServiceClient]] = {
    "boto3": lambda broker: Boto3Client(broker, "sns"),
    "GET": lambda broker: QueryClient(broker, "GET", "sns"),
    "POST": lambda broker: QueryClient(broker, "POST", "sns"),
    "JavaScript": lambda broker: JavaScriptClient(broker, "sns"),
    "CLI": lambda broker: CliClient(broker, "sns"),
}


@pytest.fixture(
    params=[
        pytest.param(name, marks=node.needs_node if name == "JavaScript" else ())
        for name in CLIENTS
    ]
)
def client(request: pytest.FixtureRequest, broker: Daemon) -> Iterator[ServiceClient]:
    made = CLIENTS[request.param](broker)
    yield made
    made.close()


def test_every_action(client: ServiceClient, broker: Daemon, sqs: Any, name: str) -> None:
    called = set()

    def call(action: str, **members: Any) -> dict[str, Any]:
        called.add(action)
        return client.call(action, **members)

    topic = f"arn:aws:sns:us-east-1:000000000000:{name}.fifo"
    tags = [{"Key": "team", "Value": "a"}]
    attributes = {"FifoTopic": "true", "DisplayName": "Grüße"}
    made = call("CreateTopic", Name=f"{name}.fifo", Attributes=attributes, Tags=tags)
    assert made == {"TopicArn": topic}
    assert {"TopicArn": topic} in call("ListTopics")["Topics"]
    set_to = {"AttributeName": "ContentBasedDeduplication", "AttributeValue": "true"}
    assert call("SetTopicAttributes", TopicArn=topic, **set_to) == {}
    told = call("GetTopicAttributes", TopicArn=topic)["Attributes"]
    assert (told["DisplayName"], told["ContentBasedDeduplication"]) == ("Grüße", "true")

    assert call("ListTagsForResource", ResourceArn=topic) == {"Tags": tags}
    assert call("TagResource", ResourceArn=topic, Tags=[{"Key": "cost", "Value": "ä"}]) == {}
    assert call("UntagResource", ResourceArn=topic, TagKeys=["team"]) == {}
    assert call("ListTagsForResource", ResourceArn=topic) == {
        "Tags": [{"Key": "cost", "Value": "ä"}]
    }
    share = {"AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}
    assert call("AddPermission", TopicArn=topic, Label="l", **share) == {}
    assert call("RemovePermission", TopicArn=topic, Label="l") == {}
    protection = '{"Name":"p","Version":"2021-06-01","Statement":[]}'
    policy = {"DataProtectionPolicy": protection}
    assert call("PutDataProtectionPolicy", ResourceArn=topic, **policy) == {}
    assert call("GetDataProtectionPolicy", ResourceArn=topic) == policy

    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:000000000000:{name}.fifo"
    wanted = {"RawMessageDelivery": "true", "FilterPolicy": '{"kind":["order"]}'}
    to_queue = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue}
    subscribed = call("Subscribe", **to_queue, Attributes=wanted)["SubscriptionArn"]
    listed = {**to_queue, "SubscriptionArn": subscribed, "Owner": "000000000000"}
    assert call("ListSubscriptionsByTopic", TopicArn=topic) == {"Subscriptions": [listed]}
    assert listed in call("ListSubscriptions")["Subscriptions"]
    change = {"AttributeName": "FilterPolicy", "AttributeValue": '{"kind":["order","gift"]}'}
    assert call("SetSubscriptionAttributes", SubscriptionArn=subscribed, **change) == {}
    told = call("GetSubscriptionAttributes", SubscriptionArn=subscribed)["Attributes"]
    assert json.loads(told["FilterPolicy"]) == {"kind": ["order", "gift"]}
    assert told["RawMessageDelivery"] == "true"

    given = {
        "kind": {"DataType": "String", "StringValue": "gift"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x7f"},
    }
    text = 'Grüße 🦉 <&> "a b"'
    to_group = {"TopicArn": topic, "MessageGroupId": "g"}
    published = call("Publish", **to_group, Message=text, MessageAttributes=given)
    assert sorted(published) == ["MessageId", "SequenceNumber"]
    entry = {"MessageGroupId": "g", "MessageAttributes": given}
    entries = [
        {"Id": "a", "Message": "one", **entry},
        {"Id": "b", "Message": "", "MessageGroupId": "g"},
    ]
    batch = call("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in batch["Successful"]] == ["a"]
    assert [(each["Id"], each["SenderFault"]) for each in batch["Failed"]] == [("b", True)]
    receive = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    messages = sqs.receive_message(**receive, WaitTimeSeconds=10)["Messages"]
    assert [message["Body"] for message in messages] == [text, "one"]
    assert messages[0]["MessageAttributes"]["blob"]["BinaryValue"] == b"\x00\x7f"
    assert call("Unsubscribe", SubscriptionArn=subscribed) == {}

    standard = call("CreateTopic", Name=name)["TopicArn"]
    with http_endpoint() as endpoint:
        asked = call("Subscribe", TopicArn=standard, Protocol="http", Endpoint=endpoint.url)
        assert asked == {"SubscriptionArn": "pending confirmation"}
        token = endpoint.wait(1)[0].document["Token"]
        confirmed = call("ConfirmSubscription", TopicArn=standard, Token=token)
        assert confirmed["SubscriptionArn"].startswith(standard)
        sent = call("Publish", TopicArn=standard, Message="news", Subject="hello")
        document = endpoint.wait(2)[1].document
        assert (document["MessageId"], document["Message"]) == (sent["MessageId"], "news")

    for arn in (standard, topic):
        assert call("DeleteTopic", TopicArn=arn) == {}
    with pytest.raises(Refusal) as refused:
        call("GetTopicAttributes", TopicArn=topic)
    code, message_text = refused.value.args
    assert (code, message_text) == ("NotFound", "Topic does not exist")
    assert called == set(service.actions)


OUT_OF_SCOPE: dict[str, dict[str, Any]] = {
    "CreatePlatformApplication": {"Name": "a", "Platform": "GCM", "Attributes": {"a": "b"}},
    "SetSMSAttributes": {"attributes": {"DefaultSMSType": "Promotional"}},
    "ListPhoneNumbersOptedOut": {},
}


@pytest.mark.parametrize("action", OUT_OF_SCOPE)
def test_what_concerns_phones_is_refused_by_name(client: ServiceClient, action: str) -> None:
    with pytest.raises(Refusal) as refused:
        client.call(action, **OUT_OF_SCOPE[action])
    assert action in refused.value.args[1]
