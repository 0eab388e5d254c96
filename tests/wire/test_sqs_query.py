"""SQS as programs without an SDK speak it: forms in, XML out"""

import base64
import hashlib
from collections.abc import Iterator
from xml.etree import ElementTree

import httpx
import pytest

from tests.daemon import Daemon

XMLNS = "{http://queue.amazonaws.com/doc/2012-11-05/}"
VERSION = "2012-11-05"


class QueryClient:
    """Sends an action by GET or by POST, to `/` or to a queue's path."""

    def __init__(self, url: str, method: str, *, on_path: bool) -> None:
        self.url = url
        self.http = httpx.Client()
        self.method = method
        self.on_path = on_path

    def send(self, action: str, queue: str = "", **parameters: str) -> httpx.Response:
        form = {"Action": action, "Version": VERSION, **parameters}
        url = self.url
        if queue and self.on_path:
            url = f"{self.url}/000000000000/{queue}"
        elif queue:
            form["QueueUrl"] = f"https://sqs.us-east-1.amazonaws.com/000000000000/{queue}"
        if self.method == "GET":
            answer = self.http.get(url, params=form)
        else:
            answer = self.http.post(url, data=form)
        assert answer.headers["x-amzn-requestid"]
        assert answer.headers["content-type"] == "text/xml"
        return answer

    def call(self, action: str, queue: str = "", **parameters: str) -> ElementTree.Element | None:
        """The action's result element; None for an action without one."""
        answer = self.send(action, queue, **parameters)
        assert answer.status_code == 200, answer.text
        root = ElementTree.fromstring(answer.content)
        assert root.tag == f"{XMLNS}{action}Response"
        assert text(root, "ResponseMetadata/RequestId") == answer.headers["x-amzn-requestid"]
        names = [child.tag.removeprefix(XMLNS) for child in root]
        assert names in ([f"{action}Result", "ResponseMetadata"], ["ResponseMetadata"])
        return root.find(f"{XMLNS}{action}Result")

    def result(self, action: str, queue: str = "", **parameters: str) -> ElementTree.Element:
        found = self.call(action, queue, **parameters)
        assert found is not None
        return found

    def error(self, action: str, queue: str = "", **parameters: str) -> tuple[int, str, str]:
        """Status, code and message."""
        return error_of(self.send(action, queue, **parameters))


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    root = ElementTree.fromstring(answer.content)
    assert root.tag == f"{XMLNS}ErrorResponse"
    assert [child.tag.removeprefix(XMLNS) for child in root] == ["Error", "RequestId"]
    error = root.find(f"{XMLNS}Error")
    assert error is not None
    assert [child.tag.removeprefix(XMLNS) for child in error] == [
        "Type",
        "Code",
        "Message",
        "Detail",
    ]
    assert text(error, "Type") == "Sender"
    assert text(root, "RequestId") == answer.headers["x-amzn-requestid"]
    return answer.status_code, text(error, "Code"), text(error, "Message")


def find(node: ElementTree.Element, path: str) -> list[ElementTree.Element]:
    return node.findall("/".join(XMLNS + part for part in path.split("/")))


def text(node: ElementTree.Element, path: str) -> str:
    (found,) = find(node, path)
    return found.text or ""


def pairs(node: ElementTree.Element, path: str) -> dict[str, str]:
    return {text(each, "Name"): text(each, "Value") for each in find(node, path)}


@pytest.fixture(params=["GET /", "POST /", "GET /account/queue", "POST /account/queue"])
def client(request: pytest.FixtureRequest, broker: Daemon) -> Iterator[QueryClient]:
    method, _, path = request.param.partition(" ")
    client = QueryClient(broker.url, method, on_path=path != "/")
    with client.http:
        yield client


@pytest.fixture
def queue(client: QueryClient, name: str) -> str:
    """An empty queue's name."""
    client.call("CreateQueue", QueueName=name)
    return name


def test_create_find_and_list(client: QueryClient, broker: Daemon, name: str) -> None:
    made = client.result(
        "CreateQueue",
        QueueName=name,
        **{"Attribute.1.Name": "DelaySeconds", "Attribute.1.Value": "7"},
        **{"Attribute.3.Name": "VisibilityTimeout", "Attribute.3.Value": "9"},
        **{"Tag.1.Key": "team", "Tag.1.Value": "a"},
    )
    url = f"{broker.url}/000000000000/{name}"
    assert text(made, "QueueUrl") == url
    assert text(client.result("GetQueueUrl", QueueName=name), "QueueUrl") == url
    listed = client.result("ListQueues", QueueNamePrefix=name)
    assert [each.text for each in find(listed, "QueueUrl")] == [url]
    found = client.result(
        "GetQueueAttributes",
        name,
        **{"AttributeName.1": "DelaySeconds", "AttributeName.2": "VisibilityTimeout"},
    )
    assert pairs(found, "Attribute") == {"DelaySeconds": "7", "VisibilityTimeout": "9"}


def test_pages_of_queues(client: QueryClient, name: str) -> None:
    for n in range(3):
        client.call("CreateQueue", QueueName=f"{name}-{n}")
    first = client.result("ListQueues", QueueNamePrefix=f"{name}-", MaxResults="2")
    assert len(find(first, "QueueUrl")) == 2
    rest = client.result(
        "ListQueues",
        QueueNamePrefix=f"{name}-",
        MaxResults="2",
        NextToken=text(first, "NextToken"),
    )
    assert len(find(rest, "QueueUrl")) == 1
    assert find(rest, "NextToken") == []


def test_set_attributes_purge_and_delete_have_no_result(client: QueryClient, queue: str) -> None:
    given = {"Attribute.1.Name": "DelaySeconds", "Attribute.1.Value": "3"}
    assert client.call("SetQueueAttributes", queue, **given) is None
    found = client.result("GetQueueAttributes", queue, **{"AttributeName.1": "All"})
    assert pairs(found, "Attribute")["DelaySeconds"] == "3"
    assert client.call("PurgeQueue", queue) is None
    assert client.call("DeleteQueue", queue) is None
    assert client.error("PurgeQueue", queue) == (
        400,
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist for this wsdl version.",
    )


def test_one_attribute_name_without_a_number(client: QueryClient, queue: str) -> None:
    found = client.result("GetQueueAttributes", queue, AttributeName="VisibilityTimeout")
    assert pairs(found, "Attribute") == {"VisibilityTimeout": "30"}


def test_one_attribute_without_a_number(client: QueryClient, queue: str, name: str) -> None:
    """As the API reference writes it."""
    client.call(
        "SetQueueAttributes",
        queue,
        **{"Attribute.Name": "VisibilityTimeout", "Attribute.Value": "35"},
    )
    made = {"Attribute.Name": "DelaySeconds", "Attribute.Value": "7"}
    client.call("CreateQueue", QueueName=f"{name}-delayed", **made)
    given = {"Attribute.Name": "Frob", "Attribute.Value": "7", "Attribute.1.Name": "Policy"}
    status, code, message = client.error("SetQueueAttributes", queue, **given)
    assert (status, code, message) == (400, "InvalidAttributeName", "Unknown Attribute Frob.")
    for place, attribute, value in (
        (queue, "VisibilityTimeout", "35"),
        (f"{name}-delayed", "DelaySeconds", "7"),
    ):
        found = client.result("GetQueueAttributes", place, AttributeName=attribute)
        assert pairs(found, "Attribute") == {attribute: value}


def test_entries_of_batches_have_attributes_and_delays_of_their_own(
    client: QueryClient, queue: str
) -> None:
    entry = "SendMessageBatchRequestEntry"
    attribute = f"{entry}.1.MessageAttribute.1"
    system = f"{entry}.2.MessageSystemAttribute.1"
    sent = client.result(
        "SendMessageBatch",
        queue,
        **{f"{entry}.1.Id": "a", f"{entry}.1.MessageBody": "a"},
        **{f"{attribute}.Name": "Foo", f"{attribute}.Value.DataType": "String"},
        **{f"{attribute}.Value.StringValue": "Bar"},
        **{f"{entry}.2.Id": "b", f"{entry}.2.MessageBody": "b", f"{entry}.2.DelaySeconds": "900"},
        **{f"{system}.Name": "AWSTraceHeader", f"{system}.Value.DataType": "String"},
        **{f"{system}.Value.StringValue": "Root=1"},
    )
    first, second = find(sent, "SendMessageBatchResultEntry")
    assert text(first, "MD5OfMessageAttributes") == "ae7155c6026991b6d54b11589678bf9c"
    assert len(text(second, "MD5OfMessageSystemAttributes")) == 32
    received = client.result(
        "ReceiveMessage",
        queue,
        MaxNumberOfMessages="10",
        **{"MessageAttributeName.1": "nothing", "MessageAttributeName.2": "Foo"},
    )
    (message,) = find(received, "Message")
    assert text(message, "MessageAttribute/Name") == "Foo"


def test_send_receive_change_and_delete(client: QueryClient, queue: str) -> None:
    body = "a & b < c > \"d\" 'e' ä\r\n\t🦉"
    sent = client.result(
        "SendMessage",
        queue,
        MessageBody=body,
        DelaySeconds="0",
        **{
            "MessageAttribute.1.Name": "Foo",
            "MessageAttribute.1.Value.DataType": "String",
            "MessageAttribute.1.Value.StringValue": "Bar",
            "MessageSystemAttribute.1.Name": "AWSTraceHeader",
            "MessageSystemAttribute.1.Value.DataType": "String",
            "MessageSystemAttribute.1.Value.StringValue": "Root=1",
        },
    )
    assert text(sent, "MD5OfMessageBody") == hashlib.md5(body.encode()).hexdigest()
    assert text(sent, "MD5OfMessageAttributes") == "ae7155c6026991b6d54b11589678bf9c"
    received = client.result(
        "ReceiveMessage",
        queue,
        MaxNumberOfMessages="1",
        VisibilityTimeout="600",
        WaitTimeSeconds="10",
        **{"AttributeName.1": "ApproximateReceiveCount"},
        **{"MessageSystemAttributeName.1": "AWSTraceHeader"},
        **{"MessageAttributeName.1": "All"},
    )
    (message,) = find(received, "Message")
    assert text(message, "MessageId") == text(sent, "MessageId")
    assert text(message, "Body") == body
    assert text(message, "MD5OfBody") == text(sent, "MD5OfMessageBody")
    assert text(message, "MD5OfMessageAttributes") == text(sent, "MD5OfMessageAttributes")
    assert pairs(message, "Attribute") == {
        "ApproximateReceiveCount": "1",
        "AWSTraceHeader": "Root=1",
    }
    assert text(message, "MessageAttribute/Name") == "Foo"
    assert text(message, "MessageAttribute/Value/DataType") == "String"
    assert text(message, "MessageAttribute/Value/StringValue") == "Bar"
    handle = text(message, "ReceiptHandle")
    changed = client.call(
        "ChangeMessageVisibility", queue, ReceiptHandle=handle, VisibilityTimeout="0"
    )
    assert changed is None
    again = client.result("ReceiveMessage", queue, WaitTimeSeconds="10")
    handle = text(again, "Message/ReceiptHandle")
    assert client.call("DeleteMessage", queue, ReceiptHandle=handle) is None
    assert find(client.result("ReceiveMessage", queue), "Message") == []


def test_binary_attributes_are_base64(client: QueryClient, queue: str) -> None:
    data = bytes(range(256))
    given = {
        "MessageAttribute.1.Name": "blob",
        "MessageAttribute.1.Value.DataType": "Binary",
        "MessageAttribute.1.Value.BinaryValue": base64.b64encode(data).decode(),
    }
    client.call("SendMessage", queue, MessageBody="a", **given)
    received = client.result(
        "ReceiveMessage", queue, WaitTimeSeconds="10", **{"MessageAttributeName.1": "blob"}
    )
    value = text(received, "Message/MessageAttribute/Value/BinaryValue")
    assert base64.b64decode(value) == data


def test_batches(client: QueryClient, queue: str) -> None:
    entry = "SendMessageBatchRequestEntry"
    sent = client.result(
        "SendMessageBatch",
        queue,
        # In the order of their numbers, which may have gaps; 10 comes after 9.
        **{f"{entry}.10.Id": "ten", f"{entry}.10.MessageBody": "a"},
        **{f"{entry}.9.Id": "nine", f"{entry}.9.MessageBody": "b"},
        **{f"{entry}.2.Id": "bad", f"{entry}.2.MessageBody": ""},
    )
    assert [text(each, "Id") for each in find(sent, "SendMessageBatchResultEntry")] == [
        "nine",
        "ten",
    ]
    (failed,) = find(sent, "BatchResultErrorEntry")
    assert [(child.tag.removeprefix(XMLNS), child.text) for child in failed] == [
        ("Id", "bad"),
        ("SenderFault", "true"),
        ("Code", "MissingParameter"),
        ("Message", "The request must contain the parameter MessageBody."),
    ]
    received = client.result(
        "ReceiveMessage", queue, MaxNumberOfMessages="10", WaitTimeSeconds="10"
    )
    one, two = (text(each, "ReceiptHandle") for each in find(received, "Message"))
    entry = "ChangeMessageVisibilityBatchRequestEntry"
    changed = client.result(
        "ChangeMessageVisibilityBatch",
        queue,
        **{
            f"{entry}.1.Id": "one",
            f"{entry}.1.ReceiptHandle": one,
            f"{entry}.1.VisibilityTimeout": "60",
        },
    )
    (result,) = find(changed, "ChangeMessageVisibilityBatchResultEntry")
    assert text(result, "Id") == "one"
    entry = "DeleteMessageBatchRequestEntry"
    deleted = client.result(
        "DeleteMessageBatch",
        queue,
        **{f"{entry}.1.Id": "one", f"{entry}.1.ReceiptHandle": one},
        **{f"{entry}.2.Id": "two", f"{entry}.2.ReceiptHandle": two},
        **{f"{entry}.3.Id": "bad", f"{entry}.3.ReceiptHandle": "garbage"},
    )
    results = find(deleted, "DeleteMessageBatchResultEntry")
    assert [text(each, "Id") for each in results] == ["one", "two"]
    assert text(deleted, "BatchResultErrorEntry/Code") == "ReceiptHandleIsInvalid"


def test_errors(client: QueryClient, queue: str) -> None:
    assert client.error("SendMessage", queue) == (
        400,
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
    )
    assert client.error("ReceiveMessage", queue, MaxNumberOfMessages="11") == (
        400,
        "InvalidParameterValue",
        "Value 11 for parameter MaxNumberOfMessages is invalid. "
        "Reason: Must be between 1 and 10, if provided.",
    )
    status, code, _ = client.error("ReceiveMessage", queue, MaxNumberOfMessages="many")
    assert (status, code) == (400, "SerializationException")
    assert client.error("Frobnicate", queue) == (
        400,
        "InvalidAction",
        "The action Frobnicate is not valid for this endpoint.",
    )


@pytest.mark.parametrize("number", ["²", "٣", "-1", "x", "9" * 5_000])
def test_numbers_that_are_none_are_no_entries(client: QueryClient, number: str) -> None:
    if client.method == "GET":
        number = number[:1_000]  # a request line is not that long
    answer = client.error("GetQueueAttributes", "nowhere", **{f"AttributeName.{number}": "All"})
    assert answer[1] == "AWS.SimpleQueueService.NonExistentQueue"


def test_actions_that_are_not_of_a_queue(broker: Daemon, name: str) -> None:
    url = f"{broker.url}/000000000000/{name}"
    for action in ("CreateQueue", "ListQueues"):
        form = {"Action": action, "Version": VERSION, "QueueName": name}
        assert error_of(httpx.post(url, data=form)) == (
            400,
            "InvalidAction",
            f"The action {action} is not valid for this endpoint.",
        )


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "PATCH", "PUT"])
def test_other_methods_do_nothing(broker: Daemon, name: str, method: str) -> None:
    """A HEAD of a link that sends a message must not send one."""
    httpx.post(broker.url, data={"Action": "CreateQueue", "QueueName": name})
    url = f"{broker.url}/000000000000/{name}"
    answer = httpx.request(method, url, params={"Action": "SendMessage", "MessageBody": "a"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.headers["x-amzn-requestid"]
    found = httpx.get(url, params={"Action": "ReceiveMessage"})
    assert "<Body>" not in found.text


def test_a_look_at_a_queues_url(broker: Daemon, name: str) -> None:
    answer = httpx.get(f"{broker.url}/000000000000/{name}")
    assert answer.status_code == 404
    assert ElementTree.fromstring(answer.content).tag == "UnknownOperationException"
    assert answer.headers["x-amzn-requestid"]


def test_paths_that_are_nothing(broker: Daemon) -> None:
    for path in ("/nothing", "/123/q", "/000000000000/a/b", "/?Version=1999-01-01&Action=Nope"):
        answer = httpx.get(broker.url + path)
        assert answer.status_code == 404, path
        assert answer.headers["x-amzn-requestid"]


def test_a_request_without_action(broker: Daemon) -> None:
    answer = httpx.post(broker.url, data={"Version": VERSION})
    assert error_of(answer) == (
        400,
        "MissingAction",
        "The request must contain the parameter Action.",
    )


def test_forms_that_cannot_be_read(broker: Daemon) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"Action=\xff", b"Action=%FF", b"&".join([b"a=b"] * 10_001)):
        answer = httpx.post(broker.url, headers=headers, content=body)
        assert error_of(answer)[:2] == (400, "MalformedQueryString")


def test_an_account_and_a_region_of_its_own(broker: Daemon, name: str) -> None:
    """The account of the path counts; the region is the credentials'."""
    scope = "Credential=111111111111/20260102/eu-west-1/sqs/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature={'0' * 64}"
    }
    form = {"Action": "CreateQueue", "QueueName": name}
    answer = httpx.post(broker.url, headers=headers, data=form)
    assert f"{broker.url}/111111111111/{name}" in answer.text
    form = {"Action": "GetQueueAttributes", "AttributeName.1": "QueueArn"}
    url = f"{broker.url}/111111111111/{name}"
    found = httpx.post(url, headers=headers, data=form)
    assert f"arn:aws:sqs:eu-west-1:111111111111:{name}" in found.text
    assert httpx.post(url, data=form).status_code == 400
