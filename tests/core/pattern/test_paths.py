"""An event's leaves at named paths: as `flatten` finds them, by whichever way they are found."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.pattern.event import flatten, parse_event
from broker.core.pattern.language import Cidr, Field
from broker.core.pattern.paths import PathNode, Paths
from broker.core.pattern.predicate import compile_field
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
    all_paths = Paths()
    for path in paths:
        all_paths.name(path)
    leaves, _ = all_paths.leaves(parse_event(text))
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
        visit = PlainVisit(event, named(*paths))
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
        visit = PlainVisit(event, named("a", "a.b", "a.b.c"))
        assert visit.leaves("z") == []
        for path in ("a", "a.b"):
            visit.leaves(path)

    with pytest.raises(NotPlain):
        ask()


def test_a_path_may_be_deeper_than_python_recurses() -> None:
    deep = ".".join(["a"] * 2_000)
    visit = PlainVisit({"a": {"a": {"a": 1}}}, named(deep))
    assert visit.leaves(deep) == []
    assert visit.leaves("a.a.a") == [(1, ())]


def test_what_nobody_asks_for_need_not_be_plain() -> None:
    event = {"a": {"b": 1}, "c": {"d.e": [{"f": 1}]}, "g": [{"h": 1}]}
    visit = PlainVisit(event, named("a.b.c", "z.z"))
    assert visit.leaves("a.b") == [(1, ())]
    assert visit.leaves("a") == visit.leaves("a.b.c") == visit.leaves("z.z") == []


def test_a_dot_in_a_key_matters_only_above_what_rules_name() -> None:
    event = {"a": {"b": 1, "c.d": 2}}
    assert PlainVisit(event, named("a.b")).leaves("a.b") == [(1, ())]
    with pytest.raises(NotPlain):
        PlainVisit(event, named("a.c.d")).leaves("a.b")


def named(*paths: str) -> PathNode:
    """The root of these paths."""
    found = Paths()
    for path in paths:
        found.name(path)
    return found.root


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
    paths = Paths()
    for path in ("a", "a.b", "a.b"):
        paths.name(path)
    event = parse_event('{"a": {"b": 1}}')
    paths.forget("a.b")
    assert set(paths.leaves(event)[0]) == {"a.b"}
    paths.forget("a.b")
    assert paths.leaves(event)[0] == {}
    assert paths.named() == {"a"}
    assert set(paths.leaves(parse_event('{"a": 1}'))[0]) == {"a"}
    paths.forget("a")
    assert paths.named() == set()
    assert (paths.root.children, paths.root.through) == ({}, 0)


@given(st.lists(st.sampled_from(["a", "a.b", "a.b.c", "a.b.c.d", "b.c", "b.d.e"]), max_size=12))
def test_what_is_known_of_ways_through_is_as_if_nothing_else_had_been(names: list[str]) -> None:
    paths = Paths()
    for name in names:
        paths.name(name)
    for name in names[::2]:
        paths.forget(name)
    left = names[1::2]

    def throughs(node: PathNode, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
        found = {at: node.through} if node.through else {}
        for segment, child in node.children.items():
            found |= throughs(child, (*at, segment))
        return found

    assert throughs(paths.root) == throughs(named(*left))


def test_the_memory_of_a_deep_path_grows_with_its_length() -> None:
    tracemalloc.start()
    try:
        named(".".join(["a"] * 20_000))
        assert tracemalloc.get_traced_memory()[0] < 20_000 * 1_000
    finally:
        tracemalloc.stop()


def test_what_was_seen_is_not_kept() -> None:
    root = named("a.b", "ip")
    cidr = compile_field(Field("ip", (Cidr("10.0.0.0/8", 4, 10 << 24, (11 << 24) - 1),)))
    tracemalloc.start()
    try:
        for number in range(100):
            text = f"{number}." + "x" * 100_000
            visit = PlainVisit({f"{number}" + "x" * 100_000: 1, "ip": text}, root)
            assert not cidr.accepts(text)
        del visit, text
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
        PlainVisit({str(n): n for n in range(100_000)}, root)
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
