"""Why did this rule not match: the clauses that failed, in the words of the pattern."""

import json
from typing import Any

from broker.core.pattern import FailedClause, explain, parse
from broker.core.pattern.values import Literal


def explained(pattern: Any, event: Any) -> tuple[FailedClause, ...]:
    return explain(parse(json.dumps(pattern)), event)


def test_a_clause_tells_what_was_wanted_and_what_was_found() -> None:
    pattern = {"source": ["app"], "detail": {"state": ["on", {"prefix": "o"}], "n": [1]}}
    event = {"source": "app", "detail": {"state": ["x", True]}}
    absent, other = explained(pattern, event)
    assert (absent.path, absent.wanted, absent.found) == ("detail.n", ("1",), ())
    assert (other.path, other.wanted) == ("detail.state", ('"on"', '{"prefix":"o"}'))
    assert set(other.found) == {"x", Literal.TRUE}


def test_every_branch_of_an_or_is_explained() -> None:
    clauses = explained({"$or": [{"a": [1]}, {"b": [{"exists": False}]}]}, {"a": 2, "b": None})
    assert [(clause.branch, clause.path) for clause in clauses] == [(0, "a"), (1, "b")]


def test_fields_that_hold_only_in_different_elements_are_told_so() -> None:
    (clause,) = explained({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1}, {"c": 2}]})
    assert clause.path == "a.c"
    assert clause.in_other_elements


def test_alternatives_are_spelled_as_a_pattern_spells_them() -> None:
    alternatives = [
        "x",
        1.5,
        300,
        True,
        None,
        "10.0.0.1",
        {"prefix": "p"},
        {"prefix": {"equals-ignore-case": "p"}},
        {"suffix": "s"},
        {"suffix": {"equals-ignore-case": "s"}},
        {"equals-ignore-case": "e"},
        {"wildcard": "a\\**"},
        {"numeric": [">", 0, "<=", 5]},
        {"numeric": ["<", 5]},
        {"cidr": "10.0.0.1/8"},
        {"exists": True},
        {"anything-but": "x"},
        {"anything-but": [1, 2]},
        {"anything-but": {"suffix": ["a", "b"]}},
        {"anything-but": {"wildcard": "a*"}},
    ]
    (clause,) = explained({"a": alternatives}, {})
    assert [json.loads(text) for text in clause.wanted] == alternatives
