"""A set of rules answers as its rules would one by one, through additions and removals."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.pattern import Matcher, explain, matches, parse, parse_event

NAMES = st.sampled_from(["a", "b", "c", "a.b", "b.c"])
SCALARS = st.sampled_from(
    ["", "x", "xy", "X", "10.0.0.1", "010.0.0.1", 0, 1, 1.0, 2, 2**53 + 1, True, False, None]
)
ALTERNATIVES = SCALARS | st.sampled_from(
    [
        {"prefix": "x"},
        {"prefix": ""},
        {"prefix": {"equals-ignore-case": "X"}},
        {"suffix": "y"},
        {"suffix": {"equals-ignore-case": "Y"}},
        {"equals-ignore-case": "xY"},
        {"wildcard": "x*"},
        {"wildcard": "*"},
        {"exists": True},
        {"exists": False},
        {"numeric": [">=", 1, "<", 2]},
        {"numeric": ["=", 1]},
        {"numeric": ["<", 1]},
        {"cidr": "10.0.0.0/8"},
        {"anything-but": "x"},
        {"anything-but": [1, 2]},
        {"anything-but": {"prefix": ["x", "1"]}},
    ]
)
LEAVES = st.lists(ALTERNATIVES, min_size=1, max_size=2)
PLAIN = st.recursive(
    st.dictionaries(NAMES, LEAVES, min_size=1, max_size=3),
    lambda inner: st.dictionaries(NAMES, LEAVES | inner, min_size=1, max_size=3),
    max_leaves=4,
)
PATTERNS = PLAIN | st.builds(
    lambda beside, either: {**beside, "$or": either},
    PLAIN,
    st.lists(PLAIN, min_size=2, max_size=3),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.lists(st.dictionaries(NAMES, inner, max_size=3), max_size=3)
    ),
    max_leaves=10,
)
EVENTS = st.dictionaries(NAMES, VALUES, max_size=3)


def compiled(pattern: Any) -> Any:
    return parse(json.dumps(pattern))


@settings(max_examples=300, deadline=None)
@given(st.lists(PATTERNS, min_size=1, max_size=6), st.lists(EVENTS, min_size=1, max_size=4))
def test_a_matcher_answers_as_the_plain_evaluator(patterns: list[Any], events: list[Any]) -> None:
    rules = [(number, compiled(pattern)) for number, pattern in enumerate(patterns)]
    matcher = Matcher(rules)
    for event in events:
        expected = [key for key, pattern in rules if matches(pattern, event)]
        assert matcher.matching(event) == expected
        assert matcher.matching(parse_event(json.dumps(event))) == expected
        assert [key for key, pattern in rules if explain(pattern, event) == ()] == expected


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.none() | PATTERNS), max_size=12),
    st.lists(EVENTS, min_size=1, max_size=3),
)
def test_additions_replacements_and_removals_leave_no_trace(
    changes: list[tuple[int, Any]], events: list[Any]
) -> None:
    matcher: Matcher[int] = Matcher()
    rules: dict[int, Any] = {}
    for key, pattern in changes:
        if pattern is not None:
            rules[key] = compiled(pattern)
            matcher.add(key, rules[key])
        elif key in rules:
            del rules[key]
            matcher.remove(key)
        matcher.check_invariants()
        assert len(matcher) == len(rules)
        for event in events:
            expected = [key for key, rule in rules.items() if matches(rule, event)]
            assert matcher.matching(event) == expected
    for key in rules:
        matcher.remove(key)
    matcher.check_invariants()


def test_rules_are_answered_in_the_order_in_which_they_were_added() -> None:
    anything, exact = compiled({"a": [{"prefix": ""}]}), compiled({"a": ["x"]})
    matcher = Matcher([("z", anything), ("m", exact), ("a", anything)])
    assert matcher.matching({"a": "x"}) == ["z", "m", "a"]
    matcher.add("m", anything)
    assert matcher.matching({"a": "x"}) == ["z", "m", "a"]
    matcher.remove("z")
    matcher.add("z", exact)
    assert matcher.matching({"a": "x"}) == ["m", "a", "z"]
    assert "z" in matcher


def test_a_rule_that_matches_by_several_branches_is_answered_once() -> None:
    matcher = Matcher([("r", compiled({"$or": [{"a": ["x", "y"]}, {"b": [1]}]}))])
    assert matcher.matching({"a": ["x", "y", "x"], "b": 1}) == ["r"]


def test_large_arrays_do_not_multiply() -> None:
    """Trying all leaves against each other would take some 10^9 steps here."""
    matcher = Matcher([("r", compiled({"a": {"b": [1], "c": [1], "d": [1]}, "e": {"f": [2]}}))])
    event: dict[str, list[Any]] = {
        "a": [{"b": 1, "c": 1, "g": [{"d": 2}]} for _ in range(20_000)],
        "e": [{"f": 2} for _ in range(20_000)],
    }
    assert matcher.matching(event) == []  # within the suite's timeout
    event["a"].append({"b": 1, "c": 1, "d": 1})
    assert matcher.matching(event) == ["r"]
