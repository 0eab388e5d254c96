"""An event's leaves at named paths: as `flatten` finds them, by whichever way they are found."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.pattern.event import flatten, parse_event
from broker.core.pattern.paths import Paths
from broker.core.pattern.visit import NotPlain, PlainVisit

KEYS = ["a", "b", "c", "a.b", "b.c"]
VALUES = st.recursive(
    st.sampled_from(["x", "y", 1, 2.5, True, None, 1 << 70]),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(st.sampled_from(KEYS), inner)),
    max_leaves=12,
)
PATHS = st.sets(st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c", "a.a", "c.c"]), min_size=1)


def encoded(value: Any) -> str:
    """JSON, in which a list of pairs is an object whose keys may repeat."""
    if isinstance(value, list):
        if value and all(isinstance(each, tuple) for each in value):
            inside = ", ".join(f"{json.dumps(key)}: {encoded(inner)}" for key, inner in value)
            return f"{{{inside}}}"
        return f"[{', '.join(encoded(each) for each in value)}]"
    return json.dumps(value)


def found(paths: set[str], text: str) -> dict[str, list[Any]]:
    named = Paths()
    for path in paths:
        named.name(path)
    leaves, _ = named.leaves(parse_event(text))
    return {path: sorted((value for value, _ in here), key=repr) for path, here in leaves.items()}


def expected(paths: set[str], text: str) -> dict[str, list[Any]]:
    return {
        path: sorted((value for value, _ in here), key=repr)
        for path, here in flatten(parse_event(text)).items()
        if path in paths
    }


@given(PATHS, st.lists(st.tuples(st.sampled_from(KEYS), VALUES), min_size=1, max_size=4))
def test_leaves_are_those_that_flatten_finds(paths: set[str], pairs: list[Any]) -> None:
    text = encoded(pairs)
    assert found(paths, text) == expected(paths, text)


@given(PATHS, st.lists(st.tuples(st.sampled_from(KEYS), VALUES), min_size=1, max_size=4))
def test_leaves_that_are_asked_for_are_those_that_flatten_finds(
    paths: set[str], pairs: list[Any]
) -> None:
    text = encoded(pairs)
    event = parse_event(text)
    asked: dict[str, list[Any]] = {}
    try:
        assert isinstance(event, dict)
        visit = PlainVisit(event, through(paths))
        for path in paths:
            asked[path] = sorted((value for value, _ in visit.leaves(path)), key=repr)
    except (AssertionError, NotPlain):
        return  # which those are, is the next test's
    assert {path: here for path, here in asked.items() if here} == expected(paths, text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a.b": 1}',
        '{"a": {"b.c": 1}}',
        '{"a": [{"b": 1}]}',
        '{"a": [[1]]}',
        '{"a": {"b": 1, "b": 2}}',
    ],
)
def test_an_event_that_is_not_plain_says_so_where_it_is_not(text: str) -> None:
    def ask() -> None:
        event = parse_event(text)
        assert isinstance(event, dict)
        visit = PlainVisit(event, through({"a", "a.b", "a.b.c"}))
        assert visit.leaves("z") == []
        for path in ("a", "a.b"):
            visit.leaves(path)

    with pytest.raises(NotPlain):
        ask()


def test_a_path_may_be_deeper_than_python_recurses() -> None:
    deep = ".".join(["a"] * 2_000)
    visit = PlainVisit({"a": {"a": {"a": 1}}}, through({deep}))
    assert visit.leaves(deep) == []
    assert visit.leaves("a.a.a") == [(1, ())]


def test_what_nobody_asks_for_need_not_be_plain() -> None:
    event = {"a": {"b": 1}, "c": {"d.e": [{"f": 1}]}, "g": [{"h": 1}]}
    visit = PlainVisit(event, through({"a.b.c", "z.z"}))
    assert visit.leaves("a.b") == [(1, ())]
    assert visit.leaves("a") == visit.leaves("a.b.c") == visit.leaves("z.z") == []


def test_a_dot_in_a_key_matters_only_above_what_rules_name() -> None:
    event = {"a": {"b": 1, "c.d": 2}}
    assert PlainVisit(event, through({"a.b"})).leaves("a.b") == [(1, ())]
    with pytest.raises(NotPlain):
        PlainVisit(event, through({"a.c.d"})).leaves("a.b")


def through(paths: set[str]) -> set[str | None]:
    named = Paths()
    for path in paths:
        named.name(path)
    return set(named.through)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": 1, "b": 2}}',
        '{"c": {"c": {"c": 1, "c": 2}}, "a": {"b": "x"}}',
        '{"a": {"b": 1}, "a.b": 2}',
        '{"a.b": 1, "a": {"b": 2}}',
        '{"a": [{"b": 1}, {"b": 2}], "b": ["x", "y", []]}',
        '{"a": [], "b": [[1], 2]}',
        '{"a": {"b": {"c": 1}}, "b": {"c": true}}',
    ],
)
def test_events_that_are_not_plain(text: str) -> None:
    paths = {"a", "b", "a.b", "b.c", "a.b.c", "c.c.c"}
    assert found(paths, text) == expected(paths, text)


def test_a_path_that_nothing_names_any_more_is_not_entered() -> None:
    named = Paths()
    for path in ("a", "a.b", "a.b"):
        named.name(path)
    event = parse_event('{"a": {"b": 1}}')
    named.forget("a.b")
    assert set(named.leaves(event)[0]) == {"a.b"}
    named.forget("a.b")
    assert named.leaves(event)[0] == {}
    assert named.named() == {"a"}
    assert set(named.leaves(parse_event('{"a": 1}'))[0]) == {"a"}
    named.forget("a")
    assert named.named() == set(named.through) == set()
