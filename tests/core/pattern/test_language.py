"""What each operator matches; the tables follow the language reference, section by section."""

import json
from typing import Any

import pytest

from broker.core.pattern import Matcher, explain, matches, parse, parse_event


def matched(pattern: Any, event: Any) -> bool:
    """The verdict on which the evaluator, the matcher and the explanation must agree.

    Text is matched as text, with its repeated keys and exact numbers; anything else as parsed.
    """
    parsed = parse(pattern if isinstance(pattern, str) else json.dumps(pattern))
    given = parse_event(event) if isinstance(event, str) else event
    verdict = matches(parsed, given)
    assert Matcher([("rule", parsed)]).matching(given) == (["rule"] if verdict else [])
    assert (explain(parsed, given) == ()) is verdict
    return verdict


def matched_value(alternative: Any, value: Any) -> bool:
    return matched({"f": [alternative]}, {"f": value})


FRAME = [
    # fields AND, alternatives OR, operators mix
    ({"a": [1], "b": [2]}, {"a": 1, "b": 2}, True),
    ({"a": [1], "b": [2]}, {"a": 1, "b": 3}, False),
    ({"a": [1, 2]}, {"a": 2}, True),
    ({"a": [{"exists": False}, "x"]}, {}, True),
    ({"a": [{"exists": False}, "x"]}, {"a": "x"}, True),
    ({"a": [{"exists": False}, "x"]}, {"a": "y"}, False),
    # dotted names and nesting are one
    ({"detail": {"a.b": [1]}}, {"detail": {"a": {"b": 1}}}, True),
    ({"detail": {"a": {"b": [1]}}}, {"detail": {"a.b": 1}}, True),
    ({"detail.a": {"b": [1]}}, {"detail.a.b": 1}, True),
    ({"a.": [1]}, {"a": {"": 1}}, True),
    ({"": {"a": [1]}}, {"a": 1}, False),
    # only leaves match
    ({"a": [{"exists": True}]}, {"a": {}}, False),
    ({"a": [{"exists": True}]}, {"a": {"b": 1}}, False),
    ({"a": [{"exists": True}]}, {"a": []}, False),
    ({"a": [{"exists": True}]}, {"a": None}, True),
    ({"a": [{"exists": True}]}, {"a": ""}, True),
    ({"a": [{"exists": False}]}, {"a": {"b": 1}}, True),
    ({"a": [{"exists": False}]}, {"a": [{}]}, True),
    ({"a": [{"exists": False}]}, {"a": None}, False),
    # arrays are transparent at every depth, any element serves
    ({"a": ["x"]}, {"a": ["y", "x"]}, True),
    ({"a": ["x"]}, {"a": [["y", ["x"]]]}, True),
    ({"a": {"b": [1]}}, {"a": [[{"b": [2, 1]}]]}, True),
    ({"a": [None]}, {"a": []}, False),
    # the rest
    ({"a": [1]}, {"a": 1, "unnamed": {"a": 2}}, True),
    ({"a": ["x"]}, {"A": "x"}, False),
    ({"a": ["x"]}, {"a": "X"}, False),
    ({"a": {"b": [1]}}, {"a": '{"b": 1}'}, False),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), FRAME)
def test_a_pattern_frames_fields_and_alternatives(pattern: Any, event: Any, expected: bool) -> None:
    assert matched(pattern, event) is expected


ARRAYS = [
    # two fields of one rule stay in one element of an array
    ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1}, {"c": 2}]}, False),
    ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1}, {"b": 1, "c": 2}]}, True),
    ({"a": {"b": [1], "c": [2]}}, {"a": [[{"b": 1}], [{"c": 2}]]}, False),
    ({"a": {"b": [1]}, "d": {"c": [2]}}, {"a": [{"b": 1}, {}], "d": [{}, {"c": 2}]}, True),
    ({"a": {"b": [1], "c": {"d": [2]}}}, {"a": [{"b": 1, "c": [{"d": 3}, {"d": 2}]}]}, True),
    (
        {"a": {"b": [1], "c": {"d": [2]}}},
        {"a": [{"b": 1, "c": [{"d": 3}]}, {"c": [{"d": 2}]}]},
        False,
    ),
    ({"a": {"c": {"d": [2], "e": [3]}}}, {"a": [{"c": [{"d": 2}, {"e": 3}]}]}, False),
    # scalars of one array do not lie in different elements of it
    ({"a": ["x"], "a.b": [1]}, {"a": ["x", {"b": 1}]}, True),
    # absence is judged after the fields that sort before it have chosen their elements
    ({"a": {"b": [1], "c": [{"exists": False}]}}, {"a": [{"b": 1}, {"c": 2}]}, True),
    ({"a": {"b": [{"exists": False}], "c": [2]}}, {"a": [{"b": 1}, {"c": 2}]}, False),
    ({"a": {"b": [{"exists": False}]}}, {"a": [{"b": 1}, {"c": 2}]}, False),
    ({"a": {"b": [1], "c": [{"exists": False}]}}, {"a": [{"b": 1, "c": 2}]}, False),
    ({"a": {"b": [1], "c": [{"exists": False}, 3]}}, {"a": [{"b": 1, "c": 2}, {"b": 1}]}, True),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), ARRAYS)
def test_fields_stay_in_one_element_of_an_array(pattern: Any, event: Any, expected: bool) -> None:
    assert matched(pattern, event) is expected


OPERATORS = [
    # exact values are typed
    ("x", "x", True),
    ("", "", True),
    ("", None, False),
    ("e\u0301", "\u00e9", False),
    (300, 300.0, True),
    (300, "300", False),
    ("300", 300, False),
    (True, True, True),
    (True, 1, False),
    (1, True, False),
    (0, False, False),
    (True, "true", False),
    (None, None, True),
    (None, "null", False),
    (None, 0, False),
    ({"exactly": "x"}, "x", True),
    ({"exactly": "::1"}, "0:0:0:0:0:0:0:1", False),
    # a string that spells an address is every spelling of it
    ("::1", "0:0:0:0:0:0:0:1", True),
    ("::FFFF:a00:1", "10.0.0.1", True),
    ("10.0.0.1", "010.0.0.1", True),
    ("10.0.0.1", "10.0.0.2", False),
    ("10.0.0.1", 10, False),
    ("10.0.0.256", "10.0.0.256", True),
    ("10.0.0.256", "10.0.0.0256", False),
    # prefix and suffix: strings only
    ({"prefix": "ab"}, "abc", True),
    ({"prefix": "ab"}, "Abc", False),
    ({"prefix": ""}, "", True),
    ({"prefix": ""}, 1, False),
    ({"prefix": "1"}, 12, False),
    ({"suffix": "bc"}, "abc", True),
    ({"suffix": "bc"}, "abC", False),
    ({"suffix": ""}, None, False),
    ({"prefix": {"equals-ignore-case": "aB"}}, "AbC", True),
    ({"prefix": {"equals-ignore-case": "aB"}}, "cab", False),
    ({"suffix": {"equals-ignore-case": "bC"}}, "aBc", True),
    ({"suffix": {"equals-ignore-case": "bC"}}, "bca", False),
    # ignoring case folds each character of the pattern, not of the value
    ({"equals-ignore-case": "alice"}, "ALiCE", True),
    ({"equals-ignore-case": "alice"}, "alices", False),
    ({"equals-ignore-case": "a.c"}, "abc", False),
    ({"equals-ignore-case": "\u00df"}, "SS", True),
    ({"equals-ignore-case": "\u00df"}, "\u1e9e", False),
    ({"equals-ignore-case": "\u1e9e"}, "\u00df", True),
    ({"equals-ignore-case": "\u212a"}, "k", True),
    ({"equals-ignore-case": "k"}, "\u212a", False),
    ({"equals-ignore-case": "\u03c3"}, "\u03c2", False),
    ({"equals-ignore-case": "i"}, "\u0130", False),
    ({"equals-ignore-case": "1"}, 1, False),
    # wildcards
    ({"wildcard": "a*b"}, "ab", True),
    ({"wildcard": "a*b"}, "a\nb", True),
    ({"wildcard": "a*b"}, "abc", False),
    ({"wildcard": "a*a"}, "a", False),
    ({"wildcard": "*x*y*"}, "1x2y3", True),
    ({"wildcard": "*x*y*"}, "yx", False),
    ({"wildcard": "*ab*b"}, "ab", False),
    ({"wildcard": "*"}, "", True),
    ({"wildcard": "*"}, 1, False),
    ({"wildcard": ""}, "", True),
    ({"wildcard": ""}, "x", False),
    ({"wildcard": "a\\*\\\\"}, "a*\\", True),
    ({"wildcard": "a\\*"}, "ab", False),
    # numeric: numbers only
    ({"numeric": ["=", 5]}, 5.0, True),
    ({"numeric": ["=", 5]}, "5", False),
    ({"numeric": [">", 5]}, 5, False),
    ({"numeric": [">=", 5]}, 5, True),
    ({"numeric": ["<", 5]}, 5, False),
    ({"numeric": ["<=", 5]}, 5, True),
    ({"numeric": [">=", 0]}, True, False),
    ({"numeric": [">", 0, "<=", 5]}, 5, True),
    ({"numeric": [">", 0, "<=", 5]}, 0, False),
    ({"numeric": [">=", 0, "<", 5]}, 5, False),
    # cidr: strings that spell an address; host bits are masked away
    ({"cidr": "10.0.0.77/24"}, "10.0.0.1", True),
    ({"cidr": "10.0.0.0/24"}, "10.0.1.0", False),
    ({"cidr": "0.0.0.0/0"}, "255.1.2.3", True),
    ({"cidr": "10.0.0.0/24"}, "host", False),
    ({"cidr": "10.0.0.0/24"}, 10, False),
    ({"cidr": "2001:db8::/32"}, "2001:db8:0:1::5", True),
    ({"cidr": "2001:db8::/32"}, "2001:db9::", False),
    ({"cidr": "::/0"}, "10.0.0.1", False),
    ({"cidr": "::/0"}, "::1.2.3.4", False),
    # anything-but: a leaf that is there and is none of these
    ({"anything-but": "x"}, "y", True),
    ({"anything-but": "x"}, "x", False),
    ({"anything-but": "x"}, None, True),
    ({"anything-but": "x"}, 5, True),
    ({"anything-but": "x"}, [], False),
    ({"anything-but": "x"}, ["x", "y"], True),
    ({"anything-but": "x"}, ["x", "x"], False),
    ({"anything-but": 5}, 5.0, False),
    ({"anything-but": 1}, True, True),
    ({"anything-but": ["x", "y"]}, "y", False),
    ({"anything-but": [1, 2]}, 3, True),
    ({"anything-but": "::1"}, "0::1", True),
    ({"anything-but": {"prefix": "x"}}, "xy", False),
    ({"anything-but": {"prefix": "x"}}, 5, True),
    ({"anything-but": {"prefix": ["x", "y"]}}, "yz", False),
    ({"anything-but": {"suffix": "y"}}, "xy", False),
    ({"anything-but": {"suffix": ["y", "z"]}}, True, True),
    ({"anything-but": {"equals-ignore-case": ["X", "y"]}}, "Y", False),
    ({"anything-but": {"wildcard": "*/b/*"}}, "a/b/c", False),
    ({"anything-but": {"wildcard": ["a*", "b*"]}}, "ca", True),
]


@pytest.mark.parametrize(("alternative", "value", "expected"), OPERATORS)
def test_an_operator_matches_a_value(alternative: Any, value: Any, expected: bool) -> None:
    assert matched_value(alternative, value) is expected


def test_anything_but_does_not_match_an_absent_field() -> None:
    assert not matched({"f": [{"anything-but": "x"}]}, {})


NUMBERS = [
    ("300", "3.0e2", True),
    ("0", "-0.0", True),
    ("0.1", "0.10", True),
    ("9007199254740993", "9007199254740993", True),
    ("9007199254740993", "9007199254740992", False),
    ("9007199254740992", "9007199254740993", False),
    ("9007199254740993", "9007199254740993.0", False),
    ("1152921504606847000", "1.152921504606847e18", True),
    ("1152921504606846976", "1152921504606847000", False),
    ("1e400", "1e400", True),
    ("1e400", "1e401", False),
    ("1e-400", "0", False),
    ("0.1000000000000000055", "0.1", False),
    ('{"numeric": [">", 0]}', "9007199254740993", False),
    ('{"numeric": [">", 0]}', "1e400", False),
    ('{"anything-but": 5}', "9007199254740993", True),
]


@pytest.mark.parametrize(("wanted", "found", "expected"), NUMBERS)
def test_numbers_compare_as_decimal_text_says(wanted: str, found: str, expected: bool) -> None:
    assert matched(f'{{"f": [{wanted}]}}', f'{{"f": {found}}}') is expected


def test_long_integers_compare_exactly_in_events_that_were_parsed_elsewhere() -> None:
    assert matched({"f": [9007199254740993]}, {"f": 9007199254740993})
    assert not matched({"f": [9007199254740993]}, {"f": 9007199254740992})
    assert not matched({"f": [{"numeric": [">", 0]}]}, {"f": float("inf")})
    assert not matched({"f": [{"numeric": [">", 0]}]}, {"f": 10**5000})


def test_of_a_key_that_a_pattern_repeats_the_last_counts() -> None:
    assert not matched('{"a": [1], "a": [2]}', {"a": 1})
    assert matched('{"a": [1], "a": [2]}', {"a": 2})
    assert matched('{"a": {"b": [1]}, "a.b": [2]}', {"a": {"b": 2}})
    assert not matched('{"a": {"b": [1]}, "a": {"c": [2]}}', {"a": {"c": 2}})


def test_of_a_key_that_an_event_repeats_every_value_counts() -> None:
    assert matched({"a": [1]}, '{"a": 1, "a": 2}')
    assert matched({"a": [2]}, '{"a": 1, "a": 2}')
    assert matched({"a": {"b": [1], "c": [2]}}, '{"a": {"b": 1}, "a": {"c": 2}}')


OR = [
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"a": 2, "b": 1}, False),
    ({"s": ["x"], "d": {"$or": [{"a": [1]}, {"b": [2]}]}}, {"s": "x", "d": {"b": 2}}, True),
    ({"s": ["x"], "d": {"$or": [{"a": [1]}, {"b": [2]}]}}, {"s": "y", "d": {"b": 2}}, False),
    ({"$or": [{"a": [1]}, {"$or": [{"b": [2]}, {"c": [3]}]}]}, {"c": 3}, True),
    # a path set beside and inside is overwritten in text order
    ({"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}, {"a": 2}, True),
    ({"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}, {"a": 1}, False),
    ({"$or": [{"a": [2]}, {"b": [3]}], "a": [1]}, {"a": 1}, True),
    ({"$or": [{"a": [2]}, {"b": [3]}], "a": [1]}, {"a": 2, "b": 3}, False),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), OR)
def test_or_multiplies_with_its_siblings(pattern: Any, event: Any, expected: bool) -> None:
    assert matched(pattern, event) is expected


def test_a_deep_event_is_matched() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    assert matched({"a": ["x"]}, {"a": deep})
