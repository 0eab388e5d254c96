"""lint of a bus's rules, and a rule's cost, over HTTP"""

import json
from typing import Any

import pytest

from broker.core.names import Namespace
from broker.core.resources import EventBus, Rule, Target
from broker.runtime import rules
from tests.edge.native.conftest import Api
from tests.edge.native.test_explain import refused, told

NS = Namespace()
TO_QUEUE = Target(id="1", arn=NS.arn("sqs", "orders"))


async def put(api: Api, name: str, pattern: Any = None, **options: Any) -> None:
    text = json.dumps(pattern) if pattern is not None else ""
    key = rules.rule_key("shop", name)
    rule = Rule(name=key, event_bus="shop", event_pattern=text, targets=(TO_QUEUE,), **options)
    await api.broker.rules.put(NS, rule)


async def test_what_is_wrong_with_a_bus_s_rules(api: Api) -> None:
    await api.broker.event_buses.create(NS, EventBus(name="shop"))
    await put(api, "all", {"source": ["a"]})
    await put(api, "typo", {"detailType": ["x"]})
    await put(api, "part", {"source": ["a"], "detail-type": ["x"]})
    lint = await told(api, "GET", "/v1/event-buses/shop/lint")
    assert (lint["rules"], lint["compared_all"]) == (3, True)
    assert [(each["rule"], each["kind"]) for each in lint["findings"]] == [
        ("typo", "never"),
        ("part", "shadowed"),
    ]
    problem = await refused(api, "GET", "/v1/event-buses/nowhere/lint", 404)
    assert problem["code"] == "EventBusDoesNotExist"


async def test_that_not_all_were_compared_is_told(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.core.rule_lint.PAIRS_MAX", 3)
    monkeypatch.setattr(rules, "PAIRS_MAX", 3)
    await api.broker.event_buses.create(NS, EventBus(name="shop"))
    for n in range(3):
        await put(api, f"r{n}", {"source": [f"s{n}"]})
    assert not (await told(api, "GET", "/v1/event-buses/shop/lint"))["compared_all"]


async def test_what_a_rule_costs(api: Api) -> None:
    await api.broker.event_buses.create(NS, EventBus(name="shop"))
    await put(api, "r", {"source": ["a", "b"]})
    cost = await told(api, "GET", "/v1/event-buses/shop/rules/r/cost")
    asked_for = "events with one of 2 values at source"
    assert cost == {"branches": 1, "clauses": 2, "asked_for": asked_for}
    problem = await refused(api, "GET", "/v1/event-buses/shop/rules/x/cost", 404)
    assert problem["code"] == "RuleDoesNotExist"


async def test_a_rule_with_only_a_schedule_has_no_such_cost(api: Api) -> None:
    key = rules.rule_key("default", "tick")
    tick = Rule(name=key, event_bus="default", schedule_expression="rate(1 day)")
    await api.broker.rules.put(NS, tick)
    problem = await refused(api, "GET", "/v1/event-buses/default/rules/tick/cost", 400)
    assert problem["code"] == "InvalidParameter"
