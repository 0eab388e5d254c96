"""traces of events, and rules held against events"""

from typing import Any

import trio

from broker.core.names import Namespace
from broker.core.resources import EventBus, Function, Queue, Rule, Target
from broker.runtime.declare import declare
from broker.runtime.functions import changes_for
from tests.edge.native.conftest import Api

NS = Namespace()
SHOP = '{"source":["mall"],"detail":{"total":[{"numeric":[">",100]}]}}'


async def shop(api: Api, *targets: Target, enabled: bool = True) -> None:
    rule = Rule(
        name="default|large",
        event_bus="default",
        event_pattern=SHOP,
        targets=targets,
        enabled=enabled,
    )
    await api.broker.rules.put(NS, rule)


async def told(api: Api, method: str, path: str, body: Any = None, **how: Any) -> dict[str, Any]:
    answer = await api(method, path, body, **how)
    assert answer.status == 200, answer.body
    return dict(answer.body)


async def refused(
    api: Api, method: str, path: str, status: int, body: Any = None
) -> dict[str, Any]:
    answer = await api(method, path, body)
    assert answer.status == status, answer.body
    return dict(answer.body)


async def put(api: Api, total: int, **more: Any) -> str:
    detail = {"total": total, **more}
    event = {"source": "mall", "detail_type": "sold", "detail": detail}
    answer = await told(api, "POST", "/v1/events", event)
    (event_id,) = answer["event_ids"]
    return str(event_id)


async def test_a_trace_names_rules_and_the_message_ids_in_queues(api: Api) -> None:
    await api.broker.queues.create(NS, Queue(name="sales"))
    await shop(api, Target(id="1", arn=NS.arn("sqs", "sales")))
    event_id = await put(api, 150)
    trace = await told(api, "GET", f"/v1/events/{event_id}/trace")
    (message,) = await api.receive("sales")
    assert trace["event"]["detail"] == {"total": 150}
    assert trace["rules"] == [NS.arn("events", "rule/large")]
    assert trace["deliveries"] == [
        {
            "rule": "large",
            "bus": "default",
            "target": "1",
            "queue": "sales",
            "message_id": message["message_id"],
            "state": "sent",
        }
    ]
    assert (trace["bus"], trace["lost"], trace["more_deliveries"]) == ("default", [], 0)


async def test_an_event_that_no_rule_wanted_has_a_trace_too(api: Api) -> None:
    await shop(api)
    event_id = await put(api, 50)
    trace = await told(api, "GET", f"/v1/events/{event_id}/trace")
    assert (trace["rules"], trace["deliveries"]) == ([], [])


async def test_every_attempt_of_a_function_is_told(api: Api) -> None:
    function = Function(name="flaky", invoker="scripted", retry_attempts=1, retry_delays_s=(60.0,))
    await api.broker.registrar.change(NS, changes_for(function))
    await shop(api, Target(id="1", arn=NS.arn("lambda", "function:flaky"), input='{"fail":"no"}'))
    event_id = await put(api, 150)
    await trio.sleep(1)

    async def delivery() -> dict[str, Any]:
        trace = await told(api, "GET", f"/v1/events/{event_id}/trace")
        (found,) = trace["deliveries"]
        return dict(found)

    retrying = await delivery()
    assert retrying["state"] == "retrying"
    (first,) = retrying["attempts"]
    assert (first["number"], first["outcome"], first["answer"]) == (1, "failed", "no")
    assert first["next_at_ms"] - first["at_ms"] == 60_000
    await trio.sleep(61)
    over = await delivery()
    assert over["state"] == "given up"
    assert [each["outcome"] for each in over["attempts"]] == ["failed", "given up"]
    assert over["attempts"][1]["answer"] == "RetriesExhausted no"


async def test_what_a_function_took_is_delivered(api: Api) -> None:
    function = Function(name="good", invoker="scripted")
    await api.broker.registrar.change(NS, changes_for(function))
    await shop(api, Target(id="1", arn=NS.arn("lambda", "function:good")))
    event_id = await put(api, 150)
    await trio.sleep(1)
    trace = await told(api, "GET", f"/v1/events/{event_id}/trace")
    assert trace["deliveries"][0]["state"] == "delivered"


async def test_a_bus_may_keep_what_no_rule_wanted(api: Api) -> None:
    bus = EventBus(name="default", keeps_unmatched=True)
    await declare(api.broker, NS, [bus])
    event_id = await put(api, 1)
    trace = await told(api, "GET", f"/v1/events/{event_id}/trace")
    (letter,) = trace["deliveries"]
    assert (letter["queue"], trace["rules"]) == ("dead-letters/default", [])


async def test_a_delivery_that_nothing_took_is_told(api: Api) -> None:
    await shop(api, Target(id="1", arn=NS.arn("sqs", "gone")))
    event_id = await put(api, 150)
    trace = await told(api, "GET", f"/v1/events/{event_id}/trace")
    (letter,) = trace["deliveries"]
    assert letter["queue"] == "dead-letters/default"
    await api.broker.registrar.delete(NS, "queue", "dead-letters/default")
    event_id = await put(api, 150)
    trace = await told(api, "GET", f"/v1/events/{event_id}/trace")
    assert trace["lost"] == [
        {"source": "rule default|large", "target": NS.arn("sqs", "gone"), "why": "NO_RESOURCE"}
    ]


async def test_a_bus_s_own_dead_letters_are_looked_into_and_moved(api: Api) -> None:
    await shop(api, Target(id="1", arn=NS.arn("sqs", "gone")))
    event_id = await put(api, 150)
    trace = await told(api, "GET", f"/v1/events/{event_id}/trace")
    (letter,) = trace["deliveries"]
    assert (letter["rule"], letter["target"], letter["state"]) == ("large", "1", "given up")
    assert letter["cause"] == "NO_RESOURCE: The target does not exist."
    place = "/v1/queues/dead-letters%2Fdefault"
    (found,) = (await told(api, "GET", f"{place}/messages"))["messages"]
    assert found["message_id"] == letter["message_id"]
    (group,) = (await told(api, "GET", f"{place}/dead-letters"))["dead_letters"]
    assert group["source_arn"] == NS.arn("events", "rule/large")
    await refused(api, "DELETE", place, 400)
    started = await api("POST", f"{place}/redrives", {"destination": "spare"})
    assert started.status in (200, 201, 202), started.body
    await trio.sleep(5)
    assert len(await api.receive("spare")) == 1


async def test_an_event_is_known_for_three_days(api: Api) -> None:
    await shop(api)
    event_id = await put(api, 150)
    await trio.sleep(3 * 86_400 - 60)
    await told(api, "GET", f"/v1/events/{event_id}/trace")
    await trio.sleep(3 * 3_600)
    problem = await refused(api, "GET", f"/v1/events/{event_id}/trace", 404)
    assert problem["code"] == "EventIsUnknown"


async def test_an_event_with_an_id_of_its_sender_is_found_by_it(api: Api) -> None:
    await shop(api)
    event = {"specversion": "1.0", "id": "A/1", "source": "mall", "type": "sold", "data": {}}
    await told(api, "POST", "/v1/events", event, media_type="application/cloudevents+json")
    trace = await told(api, "GET", "/v1/events/A%2F1/trace")
    assert trace["event"]["id"] == "A/1"


async def test_why_a_rule_does_not_match_an_event_that_was_put(api: Api) -> None:
    await shop(api, enabled=False)
    event_id = await put(api, 50)
    match = await told(api, "GET", f"/v1/events/{event_id}/why-not?rule=large")
    assert match == {
        "matches": False,
        "enabled": False,
        "failed": [{"path": "detail.total", "wanted": [{"numeric": [">", 100]}], "found": [50]}],
    }
    problem = await refused(api, "GET", f"/v1/events/{event_id}/why-not?rule=other", 404)
    assert problem["code"] == "RuleDoesNotExist"


async def test_why_a_rule_does_not_match_an_event_that_is_given(api: Api) -> None:
    await shop(api)
    path = "/v1/event-buses/default/rules/large/why-not"
    event = {"source": "web", "detail": {"total": 150}}
    match = await told(api, "POST", path, {"event": event})
    assert match["failed"] == [{"path": "source", "wanted": ["mall"], "found": ["web"]}]
    match = await told(api, "POST", path, {"event": {**event, "source": "mall"}})
    assert match == {"matches": True, "failed": [], "enabled": True}


async def test_a_pattern_is_held_against_an_event(api: Api) -> None:
    document = {"pattern": {"a": {"b": [1], "c": [2]}}, "event": {"a": [{"b": 1}, {"c": 2}]}}
    match = await told(api, "POST", "/v1/event-patterns/test", document)
    (clause,) = match["failed"]
    assert clause["in_other_elements"]
    document = {"pattern": '{"$or":[{"a":[1]},{"b":[true]}]}', "event": {"a": 2}}
    match = await told(api, "POST", "/v1/event-patterns/test", document)
    assert match["failed"] == [
        {"path": "a", "wanted": [1], "found": [2]},
        {"branch": 1, "path": "b", "wanted": [True], "found": []},
    ]
    document = {"pattern": {"a": 1}, "event": {}}
    problem = await refused(api, "POST", "/v1/event-patterns/test", 400, document)
    assert problem["code"] == "InvalidEventPattern"
