"""many rules at once: the net answers as the plain evaluator, whatever comes and goes

In CI some twenty thousand pairs of a pattern and an event; `make nightly` takes over a million.
"""

import json
import os
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.pattern import Matcher, Pattern, matches, parse
from broker.core.pattern.intervals import Intervals

RULES, EVENTS, CHANGES = 40, 12, 12
ROUNDS = 2_200 if os.environ.get("NIGHTLY") else 45  # of RULES * EVENTS pairs, and a half as many

PATHS = ("source", "detail-type", "detail.a", "detail.b", "detail.a.b", "detail.list.x", "detail.n")
TEXTS = (
    "",
    "x",
    "xy",
    "xyz",
    "Xy",
    "yx",
    "abcxyz",
    "xaby",
    "ß",
    "SS",
    "ss",
    "K",
    "k",
    "\u0131",
    "I",
)
ADDRESSES = ("10.0.0.1", "010.0.0.1", "10.1.2.3", "::1", "0:0:0:0:0:0:0:1", "fe80::1")
NUMBERS = (-1, -0.0, 0, 0.5, 1, 1.0, 2, 10, 1e9, 2**53 + 1)
LITERALS = (True, False, None)


def scalar(random: Random) -> Any:
    return random.choice(random.choice((TEXTS, TEXTS, NUMBERS, ADDRESSES, LITERALS)))


def alternative(random: Random) -> Any:
    text = random.choice(TEXTS)
    low, high = sorted(random.sample((-1, 0, 0.5, 1, 2, 10, 1e9), 2))
    wild = random.choice(("x*", "*y", "*xy*", "x*z", "*a*y", "*", "xy", "ab*"))
    return random.choice(
        (
            lambda: scalar(random),
            lambda: scalar(random),
            lambda: {"prefix": text},
            lambda: {"suffix": text},
            lambda: {"prefix": {"equals-ignore-case": text}},
            lambda: {"suffix": {"equals-ignore-case": text}},
            lambda: {"equals-ignore-case": text},
            lambda: {"wildcard": wild},
            lambda: {"exists": random.random() < 0.5},
            lambda: {
                "numeric": [random.choice((">", ">=")), low, random.choice(("<", "<=")), high]
            },
            lambda: {"numeric": [random.choice(("<", "<=", ">", ">=", "=")), low]},
            lambda: {"cidr": random.choice(("10.0.0.0/8", "10.1.0.0/16", "::/16", "0.0.0.0/0"))},
            lambda: {"anything-but": random.choice(TEXTS)},
            lambda: {"anything-but": [0, 1]},
            lambda: {"anything-but": {"prefix": ["x", "a"]}},
            lambda: {"anything-but": {"equals-ignore-case": "XY"}},
        )
    )()


def rule(random: Random) -> Pattern:
    chosen: dict[str, Any] = {
        path: [alternative(random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
        for path in random.sample(PATHS, random.randint(1, 3))
    }
    if random.random() < 0.15:
        chosen["$or"] = [{random.choice(PATHS): [alternative(random)]} for _ in range(2)]
    return parse(json.dumps(chosen))


def event(random: Random) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if random.random() < 0.7:
        detail["a"] = {"b": value(random)} if random.random() < 0.4 else value(random)
    if random.random() < 0.6:
        detail["b"] = value(random)
    if random.random() < 0.6:
        detail["n"] = value(random)
    if random.random() < 0.4:
        detail["list"] = [{"x": value(random)} for _ in range(random.randint(0, 3))]
    return {"source": value(random), "detail-type": value(random), "detail": detail}


def value(random: Random) -> Any:
    if random.random() < 0.2:
        return [scalar(random) for _ in range(random.randint(0, 3))]
    return scalar(random)


@settings(max_examples=ROUNDS, deadline=None)
@given(st.integers(0, 1 << 60))
def test_the_net_answers_as_the_plain_evaluator(seed: int) -> None:
    random = Random(seed)
    events = [event(random) for _ in range(EVENTS)]
    rules = {number: rule(random) for number in range(RULES)}
    matcher = Matcher(rules.items())
    check(matcher, rules, events)
    for _ in range(CHANGES):
        number = random.randrange(RULES + 5)
        if number in rules and random.random() < 0.6:
            del rules[number]
            matcher.remove(number)
        else:
            rules[number] = rule(random)
            matcher.add(number, rules[number])
    matcher.check_invariants()
    check(matcher, rules, events[: EVENTS // 2])
    for number in rules:
        matcher.remove(number)
    matcher.check_invariants()


def check(matcher: Matcher[int], rules: dict[int, Pattern], events: list[dict[str, Any]]) -> None:
    for each in events:
        expected = [number for number, pattern in rules.items() if matches(pattern, each)]
        assert matcher.matching(each) == expected, each


@pytest.mark.parametrize("count", [9, 100, 1_000])
def test_rules_that_want_the_same_are_answered_together(count: int) -> None:
    pattern = parse('{"a":["x"],"b":[{"anything-but":"y"}]}')
    matcher = Matcher((number, pattern) for number in range(count))
    assert matcher.matching({"a": "x", "b": "z"}) == list(range(count))
    assert matcher.matching({"a": "x", "b": "y"}) == []
    assert matcher.matching({"a": "x"}) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 60))
def test_rules_that_name_many_objects(seed: int) -> None:
    """More than an event has: only its own are entered, whatever they are made of."""
    random = Random(seed)
    objects = [f"o{number}" for number in range(24)]

    def inside() -> Any:
        value = {"k": random.choice("abc"), "deep": {"k": random.choice("abc")}}
        return random.choice((value, value, value, [value, {"k": "c"}], [], "a", None))

    def pattern() -> Pattern:
        wanted: dict[str, Any] = {}
        for name in random.sample(objects, random.choice((1, 1, 2))):
            one: dict[str, Any] = {"k": [random.choice("abc")]}
            wanted[name] = random.choice((one, {"deep": one}, {**one, "deep": one}))
        source = {"source": ["s"]} if random.random() < 0.8 else {}
        return parse(json.dumps({**source, "detail": wanted}))

    rules = {number: pattern() for number in range(200)}
    matcher = Matcher(rules.items())
    for _ in range(15):
        detail = {name: inside() for name in random.sample(objects, random.randint(0, 5))}
        if random.random() < 0.3:
            detail[f"{random.choice(objects)}.k"] = random.choice("abc")
        event = {"source": random.choice(("s", "s", "t", ["s"])), "detail": detail}
        wanted = [number for number, rule in rules.items() if matches(rule, event)]
        assert matcher.matching(event) == wanted


def test_rules_of_many_values_wait_in_few_places() -> None:
    """Values of several fields would multiply; what is beyond a few is tested instead."""
    values = [f"v{n}" for n in range(40)]
    wide = parse(json.dumps(dict.fromkeys(("a", "b", "c"), values)))
    matcher = Matcher((number, wide) for number in range(20))
    assert matcher.matching({"a": "v1", "b": "v39", "c": "v0"}) == list(range(20))
    assert matcher.matching({"a": "v1", "b": "v40", "c": "v0"}) == []


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 60))
def test_intervals_are_found_by_what_lies_in_them(seed: int) -> None:
    random = Random(seed)
    intervals: Intervals[int] = Intervals()
    kept: dict[int, tuple[float, float]] = {}
    for turn in range(400):
        if kept and random.random() < 0.35:
            number = random.choice(list(kept))
            intervals.remove(kept.pop(number), number)
        else:
            low, high = sorted(random.choices((-1e9, *range(-20, 20), 1e9), k=2))
            kept[intervals.add((low, high), turn)] = (low, high)
        assert len(intervals) == len(kept)
    for point in range(-25, 25):
        found = sorted(intervals.at(point))
        assert len(found) == sum(low <= point <= high for low, high in kept.values())


def test_rules_of_hundreds_of_exact_fields_are_led_by_some_of_them() -> None:
    wanted = {f"k{number}": [number] for number in range(600)}
    rules = {number: parse(json.dumps(wanted)) for number in range(20)}
    matcher = Matcher(rules.items())
    event = {f"k{number}": number for number in range(600)}
    assert matcher.matching(event) == list(rules)
    assert matcher.matching({**event, "k599": 0}) == []
    for number in rules:
        matcher.remove(number)
    matcher.check_invariants()
