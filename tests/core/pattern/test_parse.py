"""Which patterns are refused, and with which text."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.pattern import InvalidEvent, InvalidEventPattern, parse, parse_event


def refusal(text: str) -> str:
    with pytest.raises(InvalidEventPattern) as refused:
        parse(text)
    assert str(refused.value) == f"Event pattern is not valid. Reason: {refused.value.reason}"
    return refused.value.reason


FRAME = [
    ("[]", "Filter is not an object"),
    ('"a"', "Filter is not an object"),
    ("{}", "Empty objects are not allowed"),
    ('{"a": {}}', "Empty objects are not allowed"),
    ('{"a": []}', "Empty arrays are not allowed"),
    ('{"a": "x"}', '"a" must be an object or an array'),
    ('{"a": {"b": null}}', '"b" must be an object or an array'),
    ('{"a": [["x"]]}', "Match value must be String, number, true, false, or null"),
    ('{"a": [{}]}', "Match expression name not found"),
    ('{"a": [{"EXISTS": true}]}', "Unrecognized match type EXISTS"),
    ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key allowed in match expression"),
    ('{"a": [{"exists": true, "exists": true}]}', "Only one key allowed in match expression"),
    # the first fault in text order is the one that is told
    ('{"a": [{"nope": 1}], "b": "x"}', "Unrecognized match type nope"),
    ('{"b": "x", "a": [{"nope": 1}]}', '"b" must be an object or an array'),
    ('{"a": [{"prefix": 1, "nope": 1}]}', "prefix match pattern must be a string"),
]


@pytest.mark.parametrize(("text", "reason"), FRAME)
def test_a_malformed_frame_is_refused(text: str, reason: str) -> None:
    assert refusal(text) == reason


MIXED = (
    "Inside anything but list, either all values are number or string, mixed type is not supported"
)
BUT_VALUE = "Value of anything-but must be an array or single string/number value."
BUT_LIST = "Inside anything but list, start|null|boolean is not supported."
BUT_CASE = (
    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
)

OPERANDS = [
    ({"exactly": 1}, "exact match pattern must be a string"),
    ({"prefix": 1}, "prefix match pattern must be a string"),
    ({"prefix": ["x"]}, "prefix match pattern must be a string"),
    ({"prefix": {"suffix": "x"}}, "Unsupported prefix pattern: suffix"),
    (
        {"prefix": {"equals-ignore-case": ["x"]}},
        "equals-ignore-case match pattern must be a string",
    ),
    ({"suffix": None}, "suffix match pattern must be a string"),
    ({"suffix": {"wildcard": "x"}}, "Unsupported suffix pattern: wildcard"),
    ({"equals-ignore-case": ["x"]}, "equals-ignore-case match pattern must be a string"),
    ({"wildcard": 1}, "wildcard match pattern must be a string"),
    ({"wildcard": "a**"}, "Consecutive wildcard characters at pos 2"),
    ({"wildcard": "\u00e9**"}, "Consecutive wildcard characters at pos 3"),
    ({"wildcard": "a\\b"}, "Invalid escape character at pos 2"),
    ({"wildcard": "a\\"}, "Invalid escape character at pos 2"),
    ({"exists": "true"}, "exists match pattern must be either true or false."),
    ({"exists": 1}, "exists match pattern must be either true or false."),
    # numeric
    ({"numeric": 5}, "Value of numeric must be an array."),
    ({"numeric": []}, "Invalid member in numeric match: ]"),
    ({"numeric": [5]}, "Invalid member in numeric match: 5"),
    ({"numeric": [True]}, "Invalid member in numeric match: true"),
    ({"numeric": [[]]}, "Invalid member in numeric match: ["),
    ({"numeric": ["!=", 5]}, "Unrecognized numeric range operator: !="),
    ({"numeric": ["="]}, "Value of equals must be numeric"),
    ({"numeric": ["=", "5"]}, "Value of equals must be numeric"),
    ({"numeric": ["<", "5"]}, "Value of < must be numeric"),
    ({"numeric": [">=", None]}, "Value of >= must be numeric"),
    ({"numeric": ["=", 5, 6]}, "Too many elements in numeric expression"),
    ({"numeric": ["<", 5, ">", 1]}, "Too many elements in numeric expression"),
    ({"numeric": [">", 5, 6]}, "Bad value in numeric range: 6"),
    ({"numeric": [">", 5, ">", 6]}, "Bad numeric range operator: >"),
    ({"numeric": [">", 5, "<"]}, "Value of < must be numeric"),
    ({"numeric": [">", 5, "<", "6"]}, "Value of < must be numeric"),
    ({"numeric": [">", 5, "<", 6, 7]}, "Too many terms in numeric range expression"),
    ({"numeric": [">", 6, "<", 5]}, "Bottom must be less than top"),
    ({"numeric": [">=", 5, "<=", 5]}, "Bottom must be less than top"),
    ({"numeric": ["=", 9007199254740993]}, "Cannot compare number : 9007199254740993"),
    ({"numeric": ["=", 5], "x": 1}, "Too many elements in numeric expression"),
    # anything-but
    ({"anything-but": True}, BUT_VALUE),
    ({"anything-but": None}, BUT_VALUE),
    ({"anything-but": [True]}, BUT_LIST),
    ({"anything-but": [["x"]]}, BUT_LIST),
    ({"anything-but": ["x", 1]}, MIXED),
    ({"anything-but": []}, MIXED),
    ({"anything-but": 9007199254740993}, "Cannot compare number : 9007199254740993"),
    ({"anything-but": {"numeric": ["=", 1]}}, "Unsupported anything-but pattern: numeric"),
    ({"anything-but": {"exists": True}}, "Unsupported anything-but pattern: exists"),
    ({"anything-but": {"equals-ignore-case": 1}}, BUT_CASE),
    ({"anything-but": {"prefix": 1}}, "prefix/suffix match pattern must be a string"),
    ({"anything-but": {"suffix": ["x", None]}}, "prefix/suffix match pattern must be a string"),
    ({"anything-but": {"prefix": {"equals-ignore-case": "x"}}}, BUT_VALUE),
    ({"anything-but": {"prefix": ""}}, "Null prefix/suffix not allowed"),
    ({"anything-but": {"suffix": ["x", ""]}}, "Null prefix/suffix not allowed"),
    ({"anything-but": {"prefix": []}}, "Empty arrays are not allowed"),
    ({"anything-but": {"wildcard": "**"}}, "Consecutive wildcard characters at pos 1"),
    (
        {"anything-but": {"prefix": "x", "suffix": "y"}},
        "Too many elements in numeric expression",
    ),
    # cidr; the first text is the engine's own slip
    ({"cidr": 1}, "prefix match pattern must be a string"),
    ({"cidr": "10.0.0.0"}, "Malformed CIDR, one '/' required"),
    ({"cidr": "10.0.0.0/1/2"}, "Malformed CIDR, one '/' required"),
    ({"cidr": "10.0.0.0/x"}, "Malformed CIDR, mask bits must be an integer"),
    ({"cidr": "10.0.0.0/-1"}, "Malformed CIDR, mask bits must not be negative"),
    ({"cidr": "10.0.0.0/32"}, "IPv4 mask bits must be < 32"),
    ({"cidr": "::/128"}, "IPv6 mask bits must be < 128"),
    ({"cidr": "host/8"}, "Nonstandard IP address: host"),
    ({"cidr": "::1.2.3.4/8"}, "Nonstandard IP address: ::1.2.3.4"),
    ({"cidr": "300.0.0.0/8"}, "Invalid IP address: 300.0.0.0"),
]


@pytest.mark.parametrize(("alternative", "reason"), OPERANDS)
def test_a_malformed_operand_is_refused(alternative: Any, reason: str) -> None:
    assert refusal(json.dumps({"a": [alternative]})) == reason


def test_a_refusal_quotes_a_number_as_it_was_written() -> None:
    assert refusal('{"a": [{"numeric": [3.00E2]}]}') == "Invalid member in numeric match: 3.00E2"
    assert refusal('{"a": [{"numeric": ["=", 1e400]}]}') == "Cannot compare number : 1e400"


OR = [
    ({"$or": {"a": [1]}}, "It must be an Array followed with $or."),
    ({"$or": [{"a": [1]}]}, "There must have at least 2 Objects in $or relationship."),
    ({"$or": []}, "There must have at least 2 Objects in $or relationship."),
    ({"$or": [{"a": [1]}, 5]}, "Only JSON object is allowed in array of $or relationship."),
    ({"$or": [{"a": [1]}, {}]}, "Empty objects are not allowed"),
    (
        {"$or": [{"a": {"prefix": [1]}}, {"b": [1]}]},
        "prefix is Ruler reserved fieldName which cannot be used inside $or.",
    ),
    (
        {"$or": [{"b": [1]}, {"regex": [1]}]},
        "regex is Ruler reserved fieldName which cannot be used inside $or.",
    ),
]


@pytest.mark.parametrize(("pattern", "reason"), OR)
def test_a_malformed_or_is_refused(pattern: Any, reason: str) -> None:
    assert refusal(json.dumps(pattern)) == reason


def test_or_is_refused_beyond_a_thousand_combinations() -> None:
    def ors(count: int) -> str:
        ten = {f"f{i}": {"$or": [{f"v{j}": [1]} for j in range(10)]} for i in range(count)}
        return json.dumps(ten)

    assert len(parse(ors(3)).branches) == 1000
    assert refusal(ors(4)) == "$or makes more than 1000 combinations of rules"


def test_text_that_is_no_json_is_refused() -> None:
    assert refusal("").startswith("Pattern is not valid JSON: ")
    assert refusal('{"a": [1]} x').startswith("Pattern is not valid JSON: ")
    assert refusal('{"a": [NaN]}').startswith("Pattern is not valid JSON: ")


@pytest.mark.parametrize("levels", [201, 100_000])
def test_a_pattern_that_nests_too_deeply_is_refused(levels: int) -> None:
    text = '{"a":' * levels + "[1]" + "}" * levels
    assert refusal(text) == "More than 200 levels are not supported"


KEYS = ["a", "$or", "prefix", "suffix", "exactly", "equals-ignore-case", "wildcard"]
KEYS += ["numeric", "anything-but", "exists", "cidr"]
JSONISH = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([">", "<=", "=", "a*b", "10.0.0.0/8", "::1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=2,
        )
    ),
    max_leaves=8,
)


@given(JSONISH.map(json.dumps) | st.dictionaries(st.text(max_size=1), JSONISH).map(json.dumps))
def test_any_json_is_parsed_or_refused(text: str) -> None:
    with suppress(InvalidEventPattern):
        assert parse(text).branches


@given(st.text(alphabet='{}[]":,\\0123456789.eE-+tfna* \ud800', max_size=20))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(InvalidEventPattern):
        assert parse(text).branches


@pytest.mark.parametrize("text", ["", "[]", "1", '{"a": NaN}', '{"a": 1} x', "[" * 100_000])
def test_an_event_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match=r"^Parameter Event is not valid\.$"):
        parse_event(text)
