"""Which wildcards are too much work; event-ruler's own evaluator gave the scores."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.pattern import InvalidEventPattern, complexity, parse, parse_given

TOO_COMPLEX = (
    "Event pattern is not valid. Reason: Rule is too complex - try using fewer wildcard characters "
    "or fewer repeating character sequences after a wildcard character"
)


def wildcards(*texts: str) -> dict[str, Any]:
    return {"a": [{"wildcard": text} for text in texts]}


def score(pattern: dict[str, Any]) -> int:
    return complexity.complexity(parse(json.dumps(pattern)))


SCORES = [
    ({"a": ["b", {"prefix": "b"}, {"exists": False}]}, 0),
    (wildcards("abc"), 1),
    (wildcards("*"), 2),  # beside the quote before it
    (wildcards("*ab"), 2),
    (wildcards("*aa"), 3),
    (wildcards("a*bcb"), 3),
    (wildcards("*ab*ad"), 4),
    (wildcards("*ab*b*b*"), 7),
    (wildcards("a*b*c*d*e*f*g*h*i"), 9),
    (wildcards("*:*:*:*:*:"), 10),
    (wildcards("*abc", "*abcde"), 4),
    (wildcards("a*aaa", "aa*aa"), 7),
    (wildcards("F*eatureFeature", "Fe*atureFeature", "Fea*tureFeature"), 10),
    (wildcards("abc*", "xyz*"), 2),  # no text fits both
    (wildcards(*(f"{letter}bc*" for letter in "ghijklmnop")), 10),  # a quote fits them all
    ({"a": [{"wildcard": "*é*é"}]}, 4),
    ({"a": [{"wildcard": "*\\**"}]}, 3),
    # fields count for themselves
    ({"a": [{"wildcard": "*:*:*:"}], "b": {"c": [{"wildcard": "*:*:"}]}}, 6),
    # also in branches, unless they are asked the same question
    ({"$or": [{"a": [{"wildcard": "*:*:*:"}]}, {"b": [{"wildcard": "*:*:*:"}]}]}, 6),
    ({"$or": [{"a": [{"wildcard": "*:*:*:"}]}, {"a": [{"wildcard": "*:x"}]}]}, 8),
]


@pytest.mark.parametrize(("pattern", "expected"), SCORES)
def test_the_score_is_how_many_beginnings_one_text_fits(
    pattern: dict[str, Any], expected: int
) -> None:
    assert score(pattern) == expected
    assert parse_given(json.dumps(pattern)) == parse(json.dumps(pattern))


STACKS = [f"*:stack/{name}/*" for name in ("NAME", "SAME", "FAME", "GAME")]
REFUSED = [
    wildcards("*:*:*:*:*:event-bus/*"),
    wildcards(*STACKS),
    {"a": [{"anything-but": {"wildcard": "*:*:*:*:*:event-bus/*"}}]},
    {"a": [{"anything-but": {"wildcard": [*STACKS, "b*b*b*b*b*b"]}}]},
    {"b": {"c": [1, {"wildcard": "*a*a*a*a*a*a*a*a*"}]}},
    {"$or": [{"a": [1]}, {"a": [2], "b": [{"wildcard": "*:*:*:*:*:*"}]}]},
]


@pytest.mark.parametrize("pattern", REFUSED)
def test_beyond_10_a_pattern_that_is_given_is_refused(pattern: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventPattern) as refused:
        parse_given(json.dumps(pattern))
    assert str(refused.value) == TOO_COMPLEX
    assert refused.value.at is None


def test_what_the_service_was_seen_to_take_is_taken() -> None:
    assert score(wildcards(*STACKS[:3])) == 9
    parse_given(json.dumps(wildcards(*STACKS[:3])))


def test_what_is_asked_twice_counts_once() -> None:
    # The engine has some of these twice, depending on the order in which it is given them.
    assert score(wildcards("ab*c", "ab*c")) == 2
    assert score({"a": [{"anything-but": {"wildcard": ["*abc", "*abcde"]}}]}) == 2


def test_asterisks_alone_are_not_the_measure() -> None:
    assert score(wildcards("*a*b*c*d*e")) < score(wildcards("*" + "a" * 10))


def test_what_takes_long_to_find_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    parse_given(json.dumps(wildcards("*abcdefghij")))
    monkeypatch.setattr(complexity, "SETS_MAX", 5)
    with pytest.raises(InvalidEventPattern):
        parse_given(json.dumps(wildcards("*abcdefghij")))


@given(st.text("ab*", min_size=1, max_size=5), st.text("ab", max_size=8))
def test_no_text_fits_more_beginnings_than_the_score(wildcard: str, text: str) -> None:
    if any(pair == ("*", "*") for pair in pairwise(wildcard)):
        return
    quoted, value = f'"{wildcard}"', f'"{text}'
    fitting = sum(_fits(quoted[:end], value) for end in range(1, len(quoted) + 1))
    assert fitting <= score(wildcards(wildcard))


def _fits(wildcard: str, text: str) -> bool:
    if not wildcard:
        return not text
    if wildcard[0] == "*":
        return any(_fits(wildcard[1:], text[at:]) for at in range(len(text) + 1))
    return text[:1] == wildcard[0] and _fits(wildcard[1:], text[1:])
