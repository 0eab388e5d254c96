"""lint for rules: each kind of finding, and what is left alone"""

import json
from typing import Any

import pytest

from broker.core.resources import Rule, Target
from broker.core.rule_lint import Finding, rule_cost, rule_findings, shadowed


def rule(pattern: Any, name: str = "r", *targets: Target, **options: Any) -> Rule:
    return Rule(
        name=f"shop|{name}",
        event_bus="shop",
        event_pattern=json.dumps(pattern),
        targets=targets or (to("q"),),
        **options,
    )


def to(queue: str, **options: Any) -> Target:
    return Target(id="1", arn=f"arn:aws:sqs:us-east-1:000000000000:{queue}", **options)


def found(pattern: Any) -> list[tuple[str, str]]:
    return [(each.kind, each.text) for each in rule_findings(rule(pattern))]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ({"detailType": ["x"]}, "an event has no member detailType; detail-type may be meant"),
        ({"order": {"total": [1]}}, "an event has no member order; detail.order may be meant"),
        ({"source": [5]}, "source is never 5"),
        ({"source": [{"numeric": [">", 1]}]}, 'source is never {"numeric":[">",1]}'),
        ({"source": {"name": ["x"]}}, "source is a text, and has no member name"),
        ({"source": [{"exists": False}]}, 'source is never {"exists":false}'),
        ({"version": ["1"]}, 'version is never "1"'),
        ({"time": ["2026-01-01"]}, 'time is never "2026-01-01"'),
        ({"resources": [7]}, "resources is never 7"),
        ({"detail": ["x"]}, "detail is an object; its members can be asked for, and not it"),
        ({"source": ["a"], "$or": [{"x": [1]}, {"y": [1]}]}, "an event has no member x"),
    ],
)
def test_a_pattern_that_never_matches(pattern: Any, why: str) -> None:
    ((kind, text),) = found(pattern)
    assert kind == "never"
    assert text.startswith(why)


def test_one_branch_that_never_matches() -> None:
    pattern = {"$or": [{"source": ["a"]}, {"sorce": ["b"]}]}
    assert found(pattern) == [
        ("never", "branch 2 of 2 never matches: an event has no member sorce; source may be meant")
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        {"account": ["000000000000"]},
        {"version": ["0"]},
        {"source": [{"prefix": ""}]},
        {"source": [{"exists": True}], "region": ["us-east-1"]},
        {"detail-type": [{"anything-but": "x"}]},
        {"source": [{"wildcard": "*"}]},
    ],
)
def test_a_pattern_that_is_too_broad(pattern: Any) -> None:
    assert "broad" in {kind for kind, _ in found(pattern)}


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["shop"]},
        {"source": ["shop", 5]},
        {"detail": {"total": [{"numeric": [">", 5]}]}},
        {"replay-name": [{"exists": False}], "source": ["shop"]},
        {"cloudevent": {"tenant": ["a"]}},
        {"time": [{"prefix": "2026-"}], "source": ["shop"]},
        {"detail": {"a.b": [1]}, "resources": [{"prefix": "arn:"}]},
    ],
)
def test_nothing_is_said_of_a_good_pattern(pattern: Any) -> None:
    assert found(pattern) == []


def test_many_branches_are_costly() -> None:
    either = [{"detail": {"a": [n]}} for n in range(11)]
    other = [{"detail": {"b": [n]}} for n in range(11)]
    pattern = {"detail": {"$or": [each["detail"] for each in either]}, "$or": other}
    assert [kind for kind, _ in found(pattern)] == ["costly"]


def test_what_a_rule_costs() -> None:
    cost = rule_cost(rule({"source": ["a", "b"], "detail": {"n": [{"numeric": [">", 1]}]}}))
    assert (cost.branches, cost.clauses) == (1, 3)
    assert cost.asked_for == "events with one of 2 values at source"
    assert rule_cost(rule({"detail": {"n": [{"prefix": "x"}]}})).asked_for == "events with detail.n"
    assert rule_cost(rule({"source": [{"prefix": "x"}]})).asked_for == "every event"


def pairs(*rules: Rule) -> list[Finding]:
    return [each for each in shadowed(rules) if each is not None]


def test_a_rule_all_of_whose_events_another_sends_to_the_same_target() -> None:
    wide, narrow = rule({"source": ["a"]}, "wide"), rule({"source": ["a"], "id": ["1"]}, "narrow")
    text = "every event that it matches, rule wide sends to the same target too"
    assert pairs(wide, narrow) == [Finding("shop|narrow", "shadowed", text)]


def test_of_two_equal_rules_the_later_is_told_once() -> None:
    first, second = rule({"source": ["a"]}, "a"), rule({"source": ["a"]}, "b")
    assert [each.rule for each in pairs(second, first)] == ["shop|b"]


@pytest.mark.parametrize(
    "narrow",
    [
        rule({"source": ["a"], "id": ["1"]}, "narrow", to("other")),
        rule({"source": ["a"], "id": ["1"]}, "narrow", to("q", input="1")),
        rule({"source": ["a"], "id": ["1"]}, "narrow", enabled=False),
        rule({"source": ["b"]}, "narrow"),
    ],
)
def test_a_rule_that_does_something_else_is_not_shadowed(narrow: Rule) -> None:
    assert pairs(rule({"source": ["a"]}, "wide"), narrow) == []
