"""One pattern implies another: a yes is held against all events that Hypothesis thinks of."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from broker.core.pattern import matches, parse, parse_event
from broker.core.pattern.implication import implies
from tests.core.pattern.test_matcher import EVENTS, PATTERNS


def says(narrow: Any, wide: Any) -> bool:
    return implies(parse(json.dumps(narrow)), parse(json.dumps(wide)))


@settings(max_examples=1_000)
@given(PATTERNS, PATTERNS, EVENTS)
def test_what_it_says_holds_for_every_event(narrow: Any, wide: Any, event: Any) -> None:
    first, second = parse(json.dumps(narrow)), parse(json.dumps(wide))
    whole = parse_event(json.dumps(event))
    if implies(first, second) and matches(first, whole):
        assert matches(second, whole)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"a": ["x"]}, {"a": ["x"]}),
        ({"a": ["x"]}, {"a": ["y", "x"]}),
        ({"a": ["x"], "b": [1]}, {"a": ["x"]}),
        ({"a": ["xy"]}, {"a": [{"prefix": "x"}]}),
        ({"a": ["xy"]}, {"a": [{"wildcard": "*y"}]}),
        ({"a": ["X"]}, {"a": [{"equals-ignore-case": "x"}]}),
        ({"a": ["x"]}, {"a": [{"anything-but": "y"}]}),
        ({"a": [5]}, {"a": [{"numeric": [">", 1]}]}),
        ({"a": ["10.0.0.1"]}, {"a": [{"cidr": "10.0.0.0/8"}]}),
        ({"a": [{"cidr": "10.1.0.0/16"}]}, {"a": [{"cidr": "10.0.0.0/8"}]}),
        ({"a": [{"prefix": "xy"}]}, {"a": [{"prefix": "x"}]}),
        ({"a": [{"suffix": "xy"}]}, {"a": [{"suffix": "y"}]}),
        ({"a": [{"numeric": [">", 5, "<", 7]}]}, {"a": [{"numeric": [">=", 5]}]}),
        ({"a": [{"anything-but": [1, 2]}]}, {"a": [{"anything-but": 1}]}),
        ({"a": [{"prefix": "x"}]}, {"a": [{"exists": True}]}),
        ({"a": [{"exists": False}]}, {"a": [{"exists": False}]}),
        ({"$or": [{"a": [1]}, {"a": [2]}]}, {"a": [1, 2]}),
        ({"a": [1]}, {"$or": [{"a": [1]}, {"b": [1]}]}),
    ],
)
def test_a_narrower_pattern_is_seen(narrow: Any, wide: Any) -> None:
    assert says(narrow, wide)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": ["x"]}, {"a": ["y"]}),
        ({"a": ["x"]}, {"a": ["x"], "b": [1]}),
        ({"a": [{"prefix": "x"}]}, {"a": [{"prefix": "xy"}]}),
        ({"a": [{"numeric": [">=", 5]}]}, {"a": [{"numeric": [">", 5]}]}),
        ({"a": [{"exists": False}]}, {"a": [{"exists": True}]}),
        ({"a": [{"exists": False}], "b": [1]}, {"a": [{"exists": False}]}),
        ({"$or": [{"a": [1]}, {"b": [2]}]}, {"a": [1, 2]}),
    ],
)
def test_where_it_does_not_follow_nothing_is_claimed(one: Any, other: Any) -> None:
    assert not says(one, other)
