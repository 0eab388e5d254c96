"""Chosen messages over /v1: redriven, discarded, or edited and resent, by their cursors."""

from typing import Any

import msgspec
import pytest
import trio

from broker.core.resources import Queue, RedrivePolicy, Subscription, Topic
from tests.edge.native.conftest import HERE, Answered, Api, bodies

POLICY = RedrivePolicy(HERE.arn("sqs", "dead"), 1)
NAME = {"shop": {"string_value": "Berlin"}}


@pytest.fixture
async def api(api: Api) -> Api:
    """Queues `shop` and `small` whose dead letters go to `dead`, and the same as FIFO queues."""
    put = api.broker.registrar.put
    await put(HERE, Queue(name="dead"))
    await put(HERE, Queue(name="shop", redrive_policy=POLICY))
    await put(HERE, Queue(name="small", maximum_message_size=1024))
    await put(HERE, Queue(name="dead.fifo", fifo=True))
    policy = RedrivePolicy(HERE.arn("sqs", "dead.fifo"), 1)
    await put(HERE, Queue(name="shop.fifo", fifo=True, redrive_policy=policy))
    return api


async def send(api: Api, queue: str, **new: Any) -> None:
    assert (await api("POST", f"/v1/queues/{queue}/messages", new)).status == 200


async def let_die(api: Api, *texts: str, attributes: Any = None) -> None:
    for text in texts:
        await send(api, "shop", body=text, attributes=attributes)
    await api.receive("shop", visibility_timeout_s=0)
    assert await api.receive("shop") == []


async def peeked(api: Api, queue: str = "dead") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await api("GET", f"/v1/queues/{queue}/messages?count=1000")
    ).body["messages"]
    return found


async def cursors(api: Api, queue: str = "dead") -> list[str]:
    return [message["cursor"] for message in await peeked(api, queue)]


async def redrive(api: Api, chosen: list[str], queue: str = "dead", **more: Any) -> Answered:
    return await api("POST", f"/v1/queues/{queue}/messages/redrive", {"cursors": chosen, **more})


async def resend(api: Api, *messages: Any, queue: str = "dead", **more: Any) -> Answered:
    body = {"messages": list(messages), **more}
    return await api("POST", f"/v1/queues/{queue}/messages/resend", body)


def codes(answer: Answered) -> list[tuple[int, str]]:
    assert answer.status == 200, answer.raw
    return [(error["index"], error["code"]) for error in answer.body["errors"]]


# Redrive


async def test_chosen_messages_go_back_and_others_stay(api: Api) -> None:
    await let_die(api, "a", "b", "c")
    first, _, third = await cursors(api)

    answer = await redrive(api, [third, first])

    assert answer.body["errors"] == []
    received = await api.receive("shop")
    assert bodies(received) == ["c", "a"]
    assert [message["message_id"] for message in received] == answer.body["message_ids"]
    assert [message["receive_count"] for message in received] == [1, 1]
    assert bodies(await peeked(api)) == ["b"]


async def test_chosen_messages_go_where_they_are_sent(api: Api) -> None:
    await let_die(api, "a")
    await redrive(api, await cursors(api), destination="spare")
    assert bodies(await api.receive("spare")) == ["a"]


async def test_each_message_that_cannot_be_moved_says_why(api: Api) -> None:
    await let_die(api, "a", "b")
    await send(api, "dead", body="sent here")
    moved, taken, homeless = await cursors(api)
    await redrive(api, [moved], destination="spare")
    await api.receive("dead", count=1)  # takes b

    answer = await redrive(api, [moved, taken, homeless, "nonsense", ""])

    assert answer.body["message_ids"] == [None] * 5
    assert codes(answer) == [
        (0, "MessageNotFound"),
        (1, "MessageNotFound"),
        (2, "CouldNotDetermineMessageSource"),
        (3, "MessageNotFound"),
        (4, "MessageNotFound"),
    ]
    assert sorted(bodies(await peeked(api))) == ["b", "sent here"]


async def test_a_request_that_is_made_again_moves_nothing_twice(api: Api) -> None:
    await let_die(api, "a")
    chosen = await cursors(api)
    first, second = await redrive(api, chosen), await redrive(api, chosen)
    assert (codes(first), codes(second)) == ([], [(0, "MessageNotFound")])
    assert bodies(await api.receive("shop")) == ["a"]


async def test_a_source_that_is_gone_leaves_the_message_where_it_is(api: Api) -> None:
    await let_die(api, "a")
    assert (await api("DELETE", "/v1/queues/shop")).status == 204
    assert codes(await redrive(api, await cursors(api))) == [(0, "QueueDoesNotExist")]
    assert bodies(await peeked(api)) == ["a"]


async def test_chosen_dead_letters_of_a_fifo_queue_go_back_in_order(api: Api) -> None:
    for n, group in enumerate(["g", "h", "g", "g"]):
        text = f"{group}{n}"
        await send(
            api,
            "shop.fifo",
            body=text,
            message_group_id=group,
            message_deduplication_id=text,
        )
    await api.receive("shop.fifo", visibility_timeout_s=0)
    assert await api.receive("shop.fifo") == []
    found = await peeked(api, "dead.fifo")
    chosen = [message["cursor"] for message in found if message["body"][0] == "g"]

    answer = await redrive(api, chosen, "dead.fifo")

    assert codes(answer) == []
    received = await api.receive("shop.fifo")
    assert bodies(received) == ["g0", "g2", "g3"]
    assert {m["system_attributes"]["MessageGroupId"] for m in received} == {"g"}
    assert bodies(await peeked(api, "dead.fifo")) == ["h1"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"cursors": []}, 400),
        ({"cursors": ["x"] * 1_001}, 400),
        ({}, 400),
        ({"cursors": ["x"], "destination": "nowhere"}, 404),
        ({"cursors": ["x"], "destination": "dead"}, 400),
        ({"cursors": ["x"], "destination": "shop.fifo"}, 400),
        ({"cursors": ["x"], "rate": 5}, 400),
    ],
)
async def test_a_redrive_that_is_wrong_is_refused_whole(
    api: Api, body: dict[str, Any], status: int
) -> None:
    assert (await api("POST", "/v1/queues/dead/messages/redrive", body)).status == status


async def test_a_thousand_messages_go_in_one_request(api: Api) -> None:
    entries = [{"body": str(n)} for n in range(1_000)]
    await api.packed("/v1/queues/dead/messages/bulk", {"messages": entries})
    answer = await redrive(api, await cursors(api), destination="spare")
    assert codes(answer) == []
    assert len(await peeked(api, "spare")) == 1_000


# Discard


async def test_chosen_messages_are_deleted(api: Api) -> None:
    await let_die(api, "a", "b", "c")
    first, second, _ = await cursors(api)
    await api.receive("dead", count=1)  # takes a

    answer = await api(
        "POST", "/v1/queues/dead/messages/discard", {"cursors": [first, second, second]}
    )

    assert (answer.body["successful"], codes(answer)) == (
        1,
        [(0, "MessageNotFound"), (2, "MessageNotFound")],
    )
    assert sorted(bodies(await peeked(api))) == ["a", "c"]


# Resend


async def test_an_edited_message_is_a_new_one_in_place_of_the_old(api: Api) -> None:
    await let_die(api, "bad", attributes=NAME)
    (old,) = await peeked(api)
    await trio.sleep(60)

    answer = await resend(api, {"cursor": old["cursor"], "body": "good"})
    (new,) = await api.receive("shop")

    assert codes(answer) == []
    assert [new["message_id"]] == answer.body["message_ids"] != [old["message_id"]]
    assert (new["body"], new["receive_count"]) == ("good", 1)
    assert new["sent_at_ms"] == old["sent_at_ms"] + 60_000
    assert new["attributes"] == old["attributes"]
    assert new["system_attributes"] == old["system_attributes"]
    assert await peeked(api) == []


@pytest.mark.parametrize(
    ("edit", "body", "attributes"),
    [
        ({"attributes": {}}, "a", {}),
        ({"attributes": {"n": {"data_type": "Number", "string_value": "1"}}}, "a", {"n": "1"}),
        ({"body": "b", "attributes": {}}, "b", {}),
        ({}, "a", {"shop": "Berlin"}),
    ],
)
async def test_what_is_left_out_of_an_edit_stays_as_it_is(
    api: Api, edit: dict[str, Any], body: str, attributes: dict[str, str]
) -> None:
    await let_die(api, "a", attributes=NAME)
    (cursor,) = await cursors(api)

    assert codes(await resend(api, {"cursor": cursor, **edit})) == []
    (new,) = await api.receive("shop")

    given = {name: each["string_value"] for name, each in new.get("attributes", {}).items()}
    assert (new["body"], given) == (body, attributes)


async def test_a_message_can_be_edited_in_place(api: Api) -> None:
    await let_die(api, "a")
    (cursor,) = await cursors(api)
    assert codes(await resend(api, {"cursor": cursor, "body": "b"}, destination="dead")) == []
    (message,) = await peeked(api)
    assert message["body"] == "b"
    assert message["dead_letter_source_arn"] == HERE.arn("sqs", "shop")


async def test_an_edited_message_keeps_its_group_and_deduplication_id(api: Api) -> None:
    new = {"body": "a", "message_group_id": "g", "message_deduplication_id": "d"}
    await send(api, "shop.fifo", **new)
    await api.receive("shop.fifo", visibility_timeout_s=0)
    assert await api.receive("shop.fifo") == []
    (cursor,) = await cursors(api, "dead.fifo")

    answer = await resend(api, {"cursor": cursor, "body": "b"}, queue="dead.fifo")
    (received,) = await api.receive("shop.fifo")

    assert codes(answer) == []
    assert received["body"] == "b"
    system = received["system_attributes"]
    assert (system["MessageGroupId"], system["MessageDeduplicationId"]) == ("g", "d")


async def test_a_notification_is_edited_as_its_receiver_sees_it(api: Api) -> None:
    await api.broker.registrar.put(HERE, Topic(name="alerts"))
    subscription = Subscription(
        name="alerts:1", topic="alerts", protocol="sqs", endpoint=HERE.arn("sqs", "shop")
    )
    await api.broker.registrar.put(HERE, subscription)
    await api("POST", "/v1/topics/alerts/publish", {"message": "fire"})
    await api.receive("shop", visibility_timeout_s=0)
    assert await api.receive("shop") == []
    (letter,) = await peeked(api)
    edited = letter["body"].replace("fire", "all clear")

    await resend(api, {"cursor": letter["cursor"], "body": edited})

    assert bodies(await api.receive("shop")) == [edited]


async def test_each_edit_that_is_refused_says_why_and_loses_nothing(api: Api) -> None:
    await let_die(api, *"abcde")
    first, second, third, fourth, fifth = await cursors(api)

    answer = await resend(
        api,
        {"cursor": first, "body": ""},
        {"cursor": second, "body": "\x00"},
        {"cursor": third, "body": "x" * 1_025},
        {"cursor": fourth, "attributes": {"AWS.x": {"string_value": "1"}}},
        {"cursor": "nonsense", "body": "x"},
        {"cursor": fifth, "body": "good"},
        destination="small",
    )

    assert codes(answer) == [
        (0, "MissingParameter"),
        (1, "InvalidMessageContents"),
        (2, "MessageTooLong"),
        (3, "InvalidParameter"),
        (4, "MessageNotFound"),
    ]
    assert bodies(await peeked(api)) == ["a", "b", "c", "d"]
    assert bodies(await api.receive("small")) == ["good"]


async def test_a_message_that_came_from_no_queue_needs_a_destination(api: Api) -> None:
    await send(api, "dead", body="a")
    (cursor,) = await cursors(api)
    edit = {"cursor": cursor, "body": "b"}

    assert codes(await resend(api, edit)) == [(0, "CouldNotDetermineMessageSource")]
    assert codes(await resend(api, edit, destination="spare")) == []


async def test_many_messages_are_edited_in_one_request(api: Api) -> None:
    entries = [{"body": str(n)} for n in range(100)]
    await api.packed("/v1/queues/dead/messages/bulk", {"messages": entries})
    edits = [
        {"cursor": message["cursor"], "body": "new " + message["body"]}
        for message in await peeked(api)
    ]

    answer = await resend(api, *edits, destination="spare")

    assert codes(answer) == []
    assert bodies(await peeked(api, "spare")) == [f"new {n}" for n in range(100)]
    assert await peeked(api) == []


async def test_the_same_message_twice_is_edited_once(api: Api) -> None:
    await let_die(api, "a")
    (cursor,) = await cursors(api)
    answer = await resend(api, {"cursor": cursor, "body": "b"}, {"cursor": cursor, "body": "c"})
    assert codes(answer) == [(1, "MessageNotFound")]
    assert bodies(await api.receive("shop")) == ["b"]


async def test_a_full_store_takes_no_new_bodies_and_keeps_the_old(api: Api) -> None:
    await let_die(api, "a")
    (cursor,) = await cursors(api)
    store = api.broker.store
    store.status = msgspec.structs.replace(store.status, full=True)

    answer = await resend(api, {"cursor": cursor, "body": "b"})

    assert (answer.status, answer.body["code"]) == (507, "StoreFull")
    assert bodies(await peeked(api)) == ["a"]
