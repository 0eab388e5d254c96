"""every documented limit of SQS: at it all is well, one past it is refused by code and message

First what a daemon says at once, by JSON and by Query; then what takes its time or a great many
messages: that is asked of a broker in this process, with a clock that the test moves.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.core.commands import NewMessage
from broker.core.limits import COMMIT_ENTRIES_MAX, IN_FLIGHT_MAX
from broker.core.message import encode, message
from broker.core.names import Namespace
from broker.edge.app import App
from broker.edge.guard import Guard
from broker.edge.health import Health
from broker.edge.http.message import Request
from broker.runtime.broker import Broker
from broker.testing.broker import open_broker
from tests.daemon import Daemon
from tests.wire.service_clients import Boto3Client, QueryClient, Refusal, ServiceClient

Members = dict[str, Any]
Call = Callable[..., dict[str, Any]]

MIB = 1_048_576
BATCH = "AWS.SimpleQueueService."


@pytest.fixture(scope="module", params=["JSON", "Query"])
def client(request: pytest.FixtureRequest, broker: Daemon) -> Iterator[ServiceClient]:
    made = Boto3Client(broker) if request.param == "JSON" else QueryClient(broker, "POST")
    yield made
    made.close()


@pytest.fixture
def call(client: ServiceClient, name: str) -> Call:
    """Calls an action on a queue with two messages, of which one is in flight.

    The queue's URL and the receipt handle of that one go without saying.
    """
    queue = client.call("CreateQueue", QueueName=name)
    for body in "ab":
        client.call("SendMessage", **queue, MessageBody=body)
    (received,) = client.call("ReceiveMessage", **queue, WaitTimeSeconds=20)["Messages"]
    handle = {"ReceiptHandle": received["ReceiptHandle"]}

    def call(action: str, **members: Any) -> dict[str, Any]:
        if action not in ("CreateQueue", "ListQueues"):
            members = {**queue, **members}
        if action in ("ChangeMessageVisibility", "DeleteMessage"):
            members = {**handle, **members}
        for entry in members.get("Entries", ()):
            if not action.startswith("Send"):
                entry.update({**handle, **entry})
        return client.call(action, **members)

    return call


def refusal(call: Call, action: str, members: Members) -> tuple[str, str]:
    """Code and message."""
    with pytest.raises(Refusal) as caught:
        call(action, **members)
    code, message = caught.value.args
    return code, message


# Numbers: the least, the greatest


@pytest.mark.parametrize(
    ("action", "member", "least", "greatest", "reason"),
    [
        ("SendMessage", "DelaySeconds", 0, 900, "DelaySeconds must be >= 0 and <= 900."),
        ("ReceiveMessage", "MaxNumberOfMessages", 1, 10, "Must be between 1 and 10, if provided."),
        ("ReceiveMessage", "WaitTimeSeconds", 0, 20, "Must be >= 0 and <= 20, if provided."),
        (
            "ReceiveMessage",
            "VisibilityTimeout",
            0,
            43_200,
            "Must be between 0 and 43200, if provided.",
        ),
        (
            "ListQueues",
            "MaxResults",
            1,
            1_000,
            "MaxResults must be an integer between 1 and 1000.",
        ),
    ],
)
def test_numbers(
    call: Call, action: str, member: str, least: int, greatest: int, reason: str
) -> None:
    others = {"MessageBody": "a"} if action == "SendMessage" else {}
    for at, past in ((greatest, greatest + 1), (least, least - 1)):
        assert refusal(call, action, {**others, member: past}) == (
            "InvalidParameterValue",
            f"Value {past} for parameter {member} is invalid. Reason: {reason}",
        )
        call(action, **others, **{member: at})


@pytest.mark.parametrize("action", ["CreateQueue", "SetQueueAttributes"])
@pytest.mark.parametrize(
    ("attribute", "least", "greatest"),
    [
        ("DelaySeconds", 0, 900),
        ("MaximumMessageSize", 1_024, MIB),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("VisibilityTimeout", 0, 43_200),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ],
)
def test_queue_attributes(
    call: Call, name: str, action: str, attribute: str, least: int, greatest: int
) -> None:
    for at, past in ((least, least - 1), (greatest, greatest + 1)):
        others = {"QueueName": f"{name}-{at}"} if action == "CreateQueue" else {}
        assert refusal(call, action, {**others, "Attributes": {attribute: str(past)}}) == (
            "InvalidAttributeValue",
            f"Invalid value for the parameter {attribute}.",
        )
        call(action, **others, Attributes={attribute: str(at)})


def test_a_data_key_is_reused_for_5_minutes_if_nothing_else_was_said(call: Call) -> None:
    attribute = "KmsDataKeyReusePeriodSeconds"
    for given, kept in (("301", {attribute: "301"}), ("300", {}), ("299", {attribute: "299"})):
        call("SetQueueAttributes", Attributes={attribute: given})
        found = call("GetQueueAttributes", AttributeNames=[attribute])
        assert found.get("Attributes", {}) == kept


@pytest.mark.parametrize("past", ["", "True", "1", "yes"])
def test_a_switch_is_on_or_off(call: Call, past: str) -> None:
    for at in ("true", "false"):
        call("SetQueueAttributes", Attributes={"SqsManagedSseEnabled": at})
    assert refusal(call, "SetQueueAttributes", {"Attributes": {"SqsManagedSseEnabled": past}}) == (
        "InvalidAttributeValue",
        "Invalid value for the parameter SqsManagedSseEnabled.",
    )


@pytest.mark.parametrize(("at", "past"), [(1, 0), (1_000, 1_001)])
def test_receives_before_a_message_is_a_dead_letter(
    call: Call, name: str, at: int, past: int
) -> None:
    call("CreateQueue", QueueName=f"{name}-dead")
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}-dead"

    def policy(count: int) -> str:
        return f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}'

    given = policy(past)
    assert refusal(call, "SetQueueAttributes", {"Attributes": {"RedrivePolicy": given}}) == (
        "InvalidParameterValue",
        f"Value {given} for parameter RedrivePolicy is invalid. Reason: Invalid value for "
        f"maxReceiveCount: {past}, valid values are from 1 to 1000 both inclusive.",
    )
    call("SetQueueAttributes", Attributes={"RedrivePolicy": policy(at)})


# Names, bodies and attributes: the longest, and one character, one byte or one of them more

QUEUE_NAME = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
TOO_LONG = "One or more parameters are invalid. Reason: Message must be shorter than {} bytes."


def sent(body: str = "a", **attributes: Any) -> Members:
    return {"MessageBody": body, **({"MessageAttributes": attributes} if attributes else {})}


def text(value: str = "v", data_type: str = "String") -> dict[str, str]:
    return {"DataType": data_type, "StringValue": value}


def binary(value: bytes) -> dict[str, Any]:
    return {"DataType": "Binary", "BinaryValue": value}


def bad_name(name: str) -> str:
    return f"Message (user) attribute name '{name}' is invalid."


def bad_type(name: str) -> str:
    return (
        f"The message attribute '{name}' has an invalid message attribute type, the set of "
        "supported type prefixes is Binary, Number, and String."
    )


def empty(kind: str) -> str:
    return f"Message (user) attribute 'X' must contain a non-empty value of type '{kind}'."


@pytest.mark.parametrize(
    ("action", "at", "past", "message"),
    [
        ("CreateQueue", {"QueueName": "n" * 80}, {"QueueName": "n" * 81}, QUEUE_NAME),
        ("CreateQueue", {"QueueName": "n"}, {"QueueName": ""}, QUEUE_NAME),
        ("SendMessage", sent("x" * MIB), sent("x" * (MIB + 1)), TOO_LONG.format(MIB)),
        # An attribute's name, its type and its value count: 1 + 6 + 1 bytes here.
        (
            "SendMessage",
            sent("x" * (MIB - 8), X=text()),
            sent("x" * (MIB - 7), X=text()),
            TOO_LONG.format(MIB),
        ),
        (
            "SendMessage",
            sent("a", X=binary(b"\0" * (MIB - 8))),
            sent("a", X=binary(b"\0" * (MIB - 7))),
            TOO_LONG.format(MIB),
        ),
        (
            "SendMessage",
            sent("ä" * (MIB // 2)),
            sent("ä" * (MIB // 2) + "a"),
            TOO_LONG.format(MIB),
        ),
        (
            "SendMessage",
            sent(**{f"a{n}": text() for n in range(10)}),
            sent(**{f"a{n}": text() for n in range(11)}),
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
        (
            "SendMessage",
            sent(**{"n" * 256: text()}),
            sent(**{"n" * 257: text()}),
            bad_name("n" * 257),
        ),
        ("SendMessage", sent(**{"a.b": text()}), sent(**{"a..b": text()}), bad_name("a..b")),
        ("SendMessage", sent(a=text()), sent(**{".a": text()}), bad_name(".a")),
        ("SendMessage", sent(a=text()), sent(**{"a.": text()}), bad_name("a.")),
        ("SendMessage", sent(AWSx=text()), sent(**{"aWs.x": text()}), bad_name("aWs.x")),
        ("SendMessage", sent(Amazonx=text()), sent(**{"aMazon.x": text()}), bad_name("aMazon.x")),
        ("SendMessage", sent(**{"A_b-9": text()}), sent(**{"a b": text()}), bad_name("a b")),
        (
            "SendMessage",
            sent(X=text("v", "String." + "x" * 249)),
            sent(X=text("v", "String." + "x" * 250)),
            bad_type("X"),
        ),
        ("SendMessage", sent(X=text("1", "Number.x")), sent(X=text("1", "Numbers")), bad_type("X")),
        ("SendMessage", sent(X=text("a")), sent(X=text("")), empty("String")),
        ("SendMessage", sent(X=binary(b"a")), sent(X=binary(b"")), empty("Binary")),
    ],
)
def test_lengths(call: Call, action: str, at: Members, past: Members, message: str) -> None:
    assert refusal(call, action, past) == ("InvalidParameterValue", message)
    call(action, **at)


def test_the_longest_message_that_the_queue_takes(call: Call) -> None:
    call("SetQueueAttributes", Attributes={"MaximumMessageSize": "1024"})
    error = "InvalidParameterValue", TOO_LONG.format(1_024)
    assert refusal(call, "SendMessage", sent("x" * 1_025)) == error
    call("SendMessage", **sent("x" * 1_024))


def test_a_body_of_one_character_and_of_none(call: Call) -> None:
    error = "MissingParameter", "The request must contain the parameter MessageBody."
    assert refusal(call, "SendMessage", sent("")) == error
    call("SendMessage", **sent("a"))


@pytest.mark.parametrize(
    ("at", "past"),
    [
        ("\t", "\x08"),
        ("\n", "\x0b"),
        ("\r", "\x0c"),
        ("\r", "\x0e"),
        ("\x20", "\x1f"),
        ("\ue000\ufffd", "\ufffe"),
        ("\U00010000\U0010ffff", "\uffff"),
    ],
)
@pytest.mark.parametrize("place", ["body", "attribute"])
def test_characters(call: Call, place: str, at: str, past: str) -> None:
    def members(value: str) -> Members:
        return sent(value) if place == "body" else sent(X=text(value))

    assert refusal(call, "SendMessage", members(past)) == (
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
        "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    )
    call("SendMessage", **members(at))


# Batches


@pytest.mark.parametrize(
    ("action", "entry"),
    [
        ("SendMessageBatch", {"MessageBody": "a"}),
        ("DeleteMessageBatch", {}),
        ("ChangeMessageVisibilityBatch", {"VisibilityTimeout": 1}),
    ],
)
class TestBatches:
    def test_entries(self, call: Call, action: str, entry: Members) -> None:
        def entries(count: int) -> Members:
            return {"Entries": [{"Id": str(n), **entry} for n in range(count)]}

        assert refusal(call, action, entries(11)) == (
            BATCH + "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 11.",
        )
        assert refusal(call, action, entries(0)) == (
            BATCH + "EmptyBatchRequest",
            f"There should be at least one {action}RequestEntry in the request.",
        )
        for count in (1, 10):
            assert len(call(action, **entries(count))["Successful"]) == count

    @pytest.mark.parametrize(("at", "past"), [("i" * 80, "i" * 81), ("i", ""), ("A_b-9", "a.b")])
    def test_ids(self, call: Call, action: str, entry: Members, at: str, past: str) -> None:
        assert refusal(call, action, {"Entries": [{"Id": past, **entry}]}) == (
            BATCH + "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        )
        assert call(action, Entries=[{"Id": at, **entry}])["Successful"][0]["Id"] == at

    def test_each_id_once(self, call: Call, action: str, entry: Members) -> None:
        twice = {"Entries": [{"Id": "a", **entry}, {"Id": "a", **entry}]}
        assert refusal(call, action, twice) == (
            BATCH + "BatchEntryIdsNotDistinct",
            "Id a repeated.",
        )


def test_the_bytes_of_a_batch(call: Call) -> None:
    def entries(total: int) -> Members:
        """Attributes count: 1 + 6 + 1 bytes."""
        half = {"Id": "a", **sent("x" * (MIB // 2 - 8), X=text())}
        return {"Entries": [half, {"Id": "b", **sent("x" * (total - MIB // 2))}]}

    assert refusal(call, "SendMessageBatch", entries(MIB + 1)) == (
        BATCH + "BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    )
    assert len(call("SendMessageBatch", **entries(MIB))["Successful"]) == 2


@pytest.mark.parametrize(
    ("at", "past", "code", "message"),
    [
        (
            sent() | {"DelaySeconds": 900},
            sent() | {"DelaySeconds": 901},
            "InvalidParameterValue",
            "Value 901 for parameter DelaySeconds is invalid. "
            "Reason: DelaySeconds must be >= 0 and <= 900.",
        ),
        (
            sent("x" * 1_024),
            sent("x" * 1_025),
            "InvalidParameterValue",
            "One or more parameters cannot be validated. "
            "Reason: Message must be shorter than 1024 bytes.",
        ),
        (
            sent("a"),
            sent(""),
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
        ),
        (
            sent(**{f"a{n}": text() for n in range(10)}),
            sent(**{f"a{n}": text() for n in range(11)}),
            "InvalidParameterValue",
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
    ],
)
def test_entries_are_refused_for_themselves(
    call: Call, at: Members, past: Members, code: str, message: str
) -> None:
    call("SetQueueAttributes", Attributes={"MaximumMessageSize": "1024"})
    answer = call("SendMessageBatch", Entries=[{"Id": "past", **past}, {"Id": "at", **at}])
    assert [each["Id"] for each in answer["Successful"]] == ["at"]
    assert answer["Failed"] == [
        {"Id": "past", "SenderFault": True, "Code": code, "Message": message}
    ]


# Time, and a great many messages

NS = Namespace()
QUEUE_URL = f"http://localhost/{NS.account}/orders"
MINUTE, HOUR = 60, 3_600


class InProcess:
    """Asks the edge of a broker in this process."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._app = App(broker, Guard(), Health(broker), NS)

    async def call(self, action: str, **members: Any) -> tuple[int, Any]:
        """The status, and what was answered."""
        if action != "CreateQueue":
            members["QueueUrl"] = QUEUE_URL
        headers = {"host": "localhost", "x-amz-target": f"AmazonSQS.{action}"}
        request = Request("POST", b"/", headers, json.dumps(members).encode())
        answer = await self._app.handle(request)
        return answer.status, json.loads(answer.body) if answer.body else {}

    async def result(self, action: str, **members: Any) -> Any:
        status, answer = await self.call(action, **members)
        assert status == 200, answer
        return answer

    async def error(self, action: str, **members: Any) -> tuple[int, str, str]:
        """Status, shape and message."""
        status, answer = await self.call(action, **members)
        return status, answer["__type"].removeprefix("com.amazonaws.sqs#"), answer["message"]

    async def bodies(self, **members: Any) -> list[str]:
        received = await self.result("ReceiveMessage", **members)
        return [each["Body"] for each in received.get("Messages", [])]

    async def handle(self, **members: Any) -> str:
        """The receipt handle of the one message that is received."""
        (received,) = (await self.result("ReceiveMessage", **members))["Messages"]
        return str(received["ReceiptHandle"])


@asynccontextmanager
async def in_process(folder: Path, **attributes: str) -> AsyncIterator[InProcess]:
    """A broker with one queue."""
    async with open_broker(folder / "data") as broker:
        edge = InProcess(broker)
        await edge.result("CreateQueue", QueueName="orders", Attributes=attributes)
        yield edge


async def test_a_delay_of_15_minutes(tmp_path: Path, autojump_clock: object) -> None:
    async with in_process(tmp_path) as edge:
        await edge.result("SendMessage", MessageBody="a", DelaySeconds=900)
        await trio.sleep(15 * MINUTE - 0.001)
        assert await edge.bodies() == []
        await trio.sleep(0.001)
        assert await edge.bodies() == ["a"]


async def test_a_retention_of_a_minute(tmp_path: Path, autojump_clock: object) -> None:
    async with in_process(tmp_path, MessageRetentionPeriod="60") as edge:
        await edge.result("SendMessage", MessageBody="a")
        await trio.sleep(MINUTE - 0.001)
        assert await edge.bodies(VisibilityTimeout=0) == ["a"]
        await trio.sleep(0.001)
        assert await edge.bodies() == []


async def test_a_retention_of_14_days(tmp_path: Path, autojump_clock: object) -> None:
    async with in_process(tmp_path, MessageRetentionPeriod="1209600") as edge:
        await edge.result("SendMessage", MessageBody="a")
        await trio.sleep(14 * 24 * HOUR - 0.001)
        assert await edge.bodies(VisibilityTimeout=0) == ["a"]
        await trio.sleep(0.001)
        assert await edge.bodies() == []


async def test_a_wait_of_20_seconds(tmp_path: Path, autojump_clock: object) -> None:
    async with in_process(tmp_path) as edge:
        begun = trio.current_time()
        assert await edge.bodies(WaitTimeSeconds=20) == []
        assert trio.current_time() - begun == pytest.approx(20)


async def test_a_visibility_timeout_of_12_hours(tmp_path: Path, autojump_clock: object) -> None:
    async with in_process(tmp_path) as edge:
        await edge.result("SendMessage", MessageBody="a")
        await edge.handle(VisibilityTimeout=43_200)
        await trio.sleep(12 * HOUR - 0.001)
        assert await edge.bodies() == []
        await trio.sleep(0.001)
        assert await edge.bodies() == ["a"]


@pytest.mark.parametrize(("elapsed_s", "at"), [(0, 43_200), (HOUR, 39_600), (43_199, 1)])
async def test_visibility_changes_up_to_12_hours_after_the_receive(
    tmp_path: Path, autojump_clock: object, elapsed_s: int, at: int
) -> None:
    """Of one change, and of an entry of a batch."""

    def text(handle: str, timeout_s: int) -> str:
        if timeout_s > 43_200:
            return (
                f"Value {timeout_s} for parameter VisibilityTimeout is invalid. "
                "Reason: Must be between 0 and 43200, if provided."
            )
        return (
            f"Value {handle} for parameter ReceiptHandle is invalid. "
            "Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
        )

    async with in_process(tmp_path) as edge:
        await edge.result("SendMessage", MessageBody="a")
        handle = await edge.handle(VisibilityTimeout=43_200)
        await trio.sleep(elapsed_s)
        past = {"ReceiptHandle": handle, "VisibilityTimeout": at + 1}
        refused = await edge.error("ChangeMessageVisibility", **past)
        assert refused == (400, "InvalidParameterValueException", text(handle, at + 1))
        entries = [{"Id": "past", **past}, {"Id": "at", **past, "VisibilityTimeout": at}]
        outcome = await edge.result("ChangeMessageVisibilityBatch", Entries=entries)
        assert outcome["Successful"] == [{"Id": "at"}]
        (failed,) = outcome["Failed"]
        assert failed["Code"] == "InvalidParameterValue"
        assert failed["Message"] == text(handle, at + 1)
        change = {"ReceiptHandle": handle, "VisibilityTimeout": at}
        assert await edge.result("ChangeMessageVisibility", **change) == {}


@pytest.mark.parametrize(("at", "past"), [(0, -1)])
async def test_the_shortest_visibility_timeout(
    tmp_path: Path, autojump_clock: object, at: int, past: int
) -> None:
    async with in_process(tmp_path) as edge:
        await edge.result("SendMessage", MessageBody="a")
        handle = await edge.handle()
        change = {"ReceiptHandle": handle, "VisibilityTimeout": past}
        assert await edge.error("ChangeMessageVisibility", **change) == (
            400,
            "InvalidParameterValueException",
            "Value -1 for parameter VisibilityTimeout is invalid. "
            "Reason: Must be between 0 and 43200, if provided.",
        )
        await edge.result("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=at)
        assert await edge.bodies() == ["a"]


async def test_one_purge_a_minute(tmp_path: Path, autojump_clock: object) -> None:
    async with in_process(tmp_path) as edge:
        await edge.result("PurgeQueue")
        await trio.sleep(MINUTE - 0.001)
        assert await edge.error("PurgeQueue") == (
            403,
            "PurgeQueueInProgress",
            "Only one PurgeQueue operation on orders is allowed every 60 seconds.",
        )
        await trio.sleep(0.001)
        assert await edge.result("PurgeQueue") == {}


@pytest.mark.parametrize("count", [1, 1_000])
async def test_so_many_receives_and_then_a_dead_letter(
    tmp_path: Path, autojump_clock: object, count: int
) -> None:
    async with in_process(tmp_path) as edge:
        await edge.result("CreateQueue", QueueName="letters")
        policy = {"deadLetterTargetArn": NS.arn("sqs", "letters"), "maxReceiveCount": count}
        attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
        await edge.result("SetQueueAttributes", Attributes=attributes)
        await edge.result("SendMessage", MessageBody="a")
        for _ in range(count):
            assert await edge.bodies() == ["a"]
        assert await edge.bodies() == []
        assert len(await edge.broker.queues.receive(NS, "letters")) == 1


async def test_messages_in_flight(tmp_path: Path, autojump_clock: object) -> None:
    async with in_process(tmp_path) as edge:
        body = encode(message("a"))
        ids = iter(range(IN_FLIGHT_MAX + 1))
        for count in (*[COMMIT_ENTRIES_MAX] * (IN_FLIGHT_MAX // COMMIT_ENTRIES_MAX), 1):
            new = [NewMessage(next(ids).to_bytes(16), body, 0) for _ in range(count)]
            await edge.broker.queues.send_encoded(NS, "orders", new)
        for _ in range(IN_FLIGHT_MAX // 1_000 - 1):
            await edge.broker.queues.receive(NS, "orders", 1_000, 600)
        await edge.broker.queues.receive(NS, "orders", 999, 600)
        handle = await edge.handle(VisibilityTimeout=600)
        assert await edge.error("ReceiveMessage") == (
            403,
            "OverLimit",
            "Too many messages of the queue are in flight.",
        )
        await edge.result("DeleteMessage", ReceiptHandle=handle)
        assert await edge.bodies() == ["a"]
