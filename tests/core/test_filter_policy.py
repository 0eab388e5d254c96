"""Which filter policies are refused, with which text, and what a message is to one that isn't."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.filter_policy import (
    InvalidFilterPolicy,
    attribute_leaves,
    body_event,
    parse_filter_policy,
)
from broker.core.message import MessageAttribute
from broker.core.pattern import Matcher, RepeatedKeys

SCOPES = ("MessageAttributes", "MessageBody")


def refusal(text: str, scope: str = "MessageAttributes") -> InvalidFilterPolicy:
    with pytest.raises(InvalidFilterPolicy) as refused:
        parse_filter_policy(text, scope)
    return refused.value


def placed(policy: Any, reason: str, column: int) -> str:
    text = json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
    return f'{reason}\n at [Source: (String)"{text}"; line: 1, column: {column}]'


VALUE = "Match value must be String, number, true, false, or null"
ONE_KEY = "Only one key allowed in match expression"
SUFFIX = "suffix match pattern must be a string"
EXISTS = "exists match pattern must be either true or false."
MANY = "Too many elements in numeric expression"

# What AWS itself answered, as public logs of recorded answers have it.
RECORDED = [
    ({"key": [["value"]]}, VALUE, 10),
    ({"key": [{"wrong-operator": True}]}, "Unrecognized match type wrong-operator", 31),
    ({"key": [{"suffix": "value", "prefix": "value2"}]}, ONE_KEY, 37),
    ({"key": [{"suffix": 100}]}, SUFFIX, 22),
    ({"key": [{"suffix": None}]}, SUFFIX, 23),
    ({"key": [{"suffix": []}]}, SUFFIX, 20),
    ({"key": [{"suffix": ["test", "test2"]}]}, SUFFIX, 20),
    ({"key": {"suffix": "value"}}, '"suffix" must be an object or an array', 19),
    ({"key": {"suffix": "value", "prefix": "v"}}, '"suffix" must be an object or an array', 19),
    ({"key": {"not-an-operator": "value"}}, '"not-an-operator" must be an object or an array', 28),
    ({"key_a": "value_one"}, '"key_a" must be an object or an array', 11),
    ({"key": [{"numeric": []}]}, "Invalid member in numeric match: ]", 22),
    ({"key": [{"numeric": ["operator"]}]}, "Unrecognized numeric range operator: operator", 32),
    ({"key": [{"numeric": [1, "<="]}]}, "Invalid member in numeric match: 1", 22),
    ({"key": [{"numeric": ["=", "000"]}]}, "Value of equals must be numeric", 26),
    ({"key": [{"numeric": [">="]}]}, "Value of >= must be numeric", 26),
    ({"key": [{"numeric": ["<", 100, ">", 10]}]}, MANY, 30),
    ({"key": [{"numeric": [">=", 1, ">", 2]}]}, "Bad numeric range operator: >", 31),
    ({"key": [{"numeric": [">", 3, "<", 1]}]}, "Bottom must be less than top", 33),
    ({"key": [{"numeric": [">", 20, "<="]}]}, "Value of <= must be numeric", 33),
    ({"key": [{"numeric": [">", 20, 30]}]}, "Bad value in numeric range: 30", 30),
    ({"key": [{"numeric": [">", 20, "test"]}]}, "Bad numeric range operator: test", 34),
    ({"key": [{"numeric": [">", "20", "<", "30"]}]}, "Value of > must be numeric", 26),
    ({"key": [{"numeric": [">", 20, "<", "30"]}]}, "Value of < must be numeric", 33),
    (
        {"key": [{"numeric": [">", 20, "<", 30, "<", 50]}]},
        "Too many terms in numeric range expression",
        36,
    ),
    ({"key": [{"exists": None}]}, EXISTS, 23),
    ({"key": [{"exists": "no"}]}, EXISTS, 20),
    (
        {"key": [{"anything-but": {"wrong-operator": None}}]},
        "Unsupported anything-but pattern: wrong-operator",
        47,
    ),
    (
        {"key": [{"anything-but": {"suffix": "test"}}]},
        "Unsupported anything-but pattern: suffix",
        36,
    ),
    (
        {"key": [{"anything-but": {"exists": False}}]},
        "Unsupported anything-but pattern: exists",
        40,
    ),
    (
        {"key": [{"anything-but": {"prefix": False}}]},
        "prefix match pattern must be a string",
        40,
    ),
]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("policy", "reason", "column"), RECORDED)
def test_refusals_are_those_that_were_recorded(
    policy: Any, reason: str, column: int, scope: str
) -> None:
    refused = refusal(json.dumps(policy), scope)
    assert refused.reason == placed(policy, reason, column)
    assert refused.told == f"FilterPolicy: {refused.reason}"
    assert refused.message == f"Invalid parameter: FilterPolicy: {refused.reason}"


MIXED = (
    "Inside anything but list, either all values are number or string, mixed type is not supported"
)
BUT_VALUE = "Value of anything-but must be an array or single string/number value."
BUT_LIST = "Inside anything but list, start|null|boolean is not supported."
RANGE = "Value must be between -1.0E9 and 1.0E9, inclusive"

OR_OBJECTS = "Only JSON object is allowed in array of $or relationship."
OR_TWO = "There must have at least 2 Objects in $or relationship."
OR_RESERVED = "prefix is Ruler reserved fieldName which cannot be used inside $or."
EQUALS = "equals-ignore-case match pattern must be a string"
PREFIX = "prefix match pattern must be a string"

# What the checks of the engine imply in the same way; the reader stands at the caret.
DERIVED = [
    ("[^]", "Filter is not an object"),
    ('"^a"', "Filter is not an object"),
    ("1^", "Filter is not an object"),
    ("{}^", "Empty objects are not allowed"),
    ('{"a":{}^}', "Empty objects are not allowed"),
    ('{"a":[]^}', "Empty arrays are not allowed"),
    ('{"a":[{}^]}', "Match expression name not found"),
    ('{"a":null^}', '"a" must be an object or an array'),
    # operators that only rules have
    ('{"a":[{"wildcard":"^x*"}]}', "Unrecognized match type wildcard"),
    ('{"a":[{"exactly":"^x"}]}', "Unrecognized match type exactly"),
    ('{"a":[{"prefix":{^"equals-ignore-case":"x"}}]}', PREFIX),
    ('{"a":[{"suffix":{^"equals-ignore-case":"x"}}]}', SUFFIX),
    ('{"a":[{"anything-but":{"wildcard":"^x*"}}]}', "Unsupported anything-but pattern: wildcard"),
    (
        '{"a":[{"anything-but":{"equals-ignore-case":[^"x"]}}]}',
        "Unsupported anything-but pattern: equals-ignore-case",
    ),
    ('{"a":[{"anything-but":{"prefix":[^"x"]}}]}', PREFIX),
    ('{"a":[{"anything-but":{"prefix":""^}}]}', "Null prefix not allowed"),
    ('{"a":[{"anything-but":{}^}]}', "Anything-But expression name not found"),
    ('{"a":[{"anything-but":{"prefix":"x","y":1^}}]}', ONE_KEY),
    ('{"a":[{"anything-but":{"prefix":"x"},"y":1^}]}', ONE_KEY),
    ('{"a":[{"anything-but":"x","y":1^}]}', MANY),
    ('{"a":[{"anything-but":true^}]}', BUT_VALUE),
    ('{"a":[{"anything-but":[true^]}]}', BUT_LIST),
    ('{"a":[{"anything-but":["x",1]^}]}', MIXED),
    ('{"a":[{"anything-but":[]^}]}', MIXED),
    ('{"a":[{"equals-ignore-case":[^"x"]}]}', EQUALS),
    ('{"a":[{"exists":true,"y":1^}]}', ONE_KEY),
    ('{"a":[{"cidr":8^}]}', PREFIX),
    ('{"a":[{"numeric":5^}]}', "Value of numeric must be an array."),
    ('{"a":[{"numeric":["=",1],"y":1^}]}', MANY),
    # numbers that are compared
    ('{"a":[{"numeric":["=",1000000001]^}]}', RANGE),
    ('{"a":[{"numeric":["<",-1000000001]^}]}', RANGE),
    ('{"a":[{"numeric":[">",1,"<=",1000000000.1]^}]}', RANGE),
    ('{"a":[{"anything-but":2000000000^}]}', RANGE),
    ('{"a":[{"anything-but":[1,2000000000^]}]}', RANGE),
    # $or
    ('{"$or":{^"a":[1]}}', "It must be an Array followed with $or."),
    ('{"$or":[{"a":[1]}]^}', OR_TWO),
    ('{"$or":[{"a":[1]},5^]}', OR_OBJECTS),
    ('{"$or":[{"a":[1]},{"prefix":[^1]}]}', OR_RESERVED),
]


@pytest.mark.parametrize(("marked", "reason"), DERIVED)
def test_refusals_name_where_the_reader_stands(marked: str, reason: str) -> None:
    policy = json.loads(marked.replace("^", ""))
    assert refusal(json.dumps(policy)).reason == placed(policy, reason, marked.index("^") + 1)


def test_columns_count_as_java_counts_characters() -> None:
    policy = {"a": ["\N{GRINNING FACE}"], "b": 1}
    reason = placed(policy, '"b" must be an object or an array', len('{"a":["xx"],"b":1') + 1)
    assert refusal(json.dumps(policy)).reason == reason


@pytest.mark.parametrize(
    ("cidr", "reason"),
    [
        ("10.0.0.0", "Malformed CIDR, one '/' required"),
        ("10.0.0.0/x", "Malformed CIDR, mask bits must be an integer"),
        ("host/8", "Nonstandard IP address: host"),
    ],
)
def test_a_malformed_address_is_refused_without_a_place(cidr: str, reason: str) -> None:
    assert refusal(json.dumps({"a": [{"cidr": cidr}]})).reason == reason


def test_a_refusal_quotes_the_policy_compact_and_cut_at_500_characters() -> None:
    assert refusal('{\n "a" : [ ],\n "a" : [ {"b": 1.0} ] }').reason == (
        'Unrecognized match type b\n at [Source: (String)"{"a":[{"b":1.0}]}"; line: 1, column: 15]'
    )
    policy = json.dumps({"a": ["x" * 600, []]}, separators=(",", ":"))
    assert refusal(policy).reason == (
        f'{VALUE}\n at [Source: (String)"{policy[:500]}"[truncated {len(policy) - 500} chars]; '
        "line: 1, column: 611]"
    )


def test_halves_of_characters_are_told_as_question_marks() -> None:
    assert refusal('{"a": [{"\\ud800": 1}]}').reason == (
        'Unrecognized match type ?\n at [Source: (String)"{"a":[{"?":1}]}"; line: 1, column: 13]'
    )


NO_JSON = [
    (
        "{invalidjson}",  # recorded
        "Unexpected character ('i' (code 105)): was expecting double-quote to start field name",
        (1, 2),
    ),
    (
        '{\n"a" [1]}',
        "Unexpected character ('[' (code 91)): "
        "was expecting a colon to separate field name and value",
        (2, 5),
    ),
    (
        '{"a": ]}',
        "Unexpected character (']' (code 93)): expected a valid value "
        "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        (1, 7),
    ),
    (
        '{"a": [yes]}',
        "Unrecognized token 'yes': was expecting "
        "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        (1, 11),
    ),
    ("", "Unexpected end-of-input", (1, 1)),
    ('{"a": [1]', "Unexpected end-of-input", (1, 10)),
]


@pytest.mark.parametrize(("text", "reason", "place"), NO_JSON)
def test_text_that_is_no_json_is_refused(text: str, reason: str, place: tuple[int, int]) -> None:
    line, column = place
    source = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
    assert refusal(text).reason == (
        f"failed to parse JSON. {reason}\n at [Source: {source}; line: {line}, column: {column}]"
    )


@pytest.mark.parametrize("text", ['{"a": [NaN]}', '{"a": [1]} x', "[" * 100_000, '{"a":' * 5_000])
def test_other_text_is_refused_in_our_words(text: str) -> None:
    assert refusal(text, "MessageBody").reason.startswith("failed to parse JSON. ")


def values(count: int) -> list[str]:
    return [f"value{number}" for number in range(count)]


KEYS = "Filter policy can not have more than 5 keys"
COMPLEX = "Filter policy is too complex"
# (4 x 6) + (4 x 4 x 4) + (4 x 4 x n)
FLAT_OR: dict[str, Any] = {
    "source": values(4),
    "$or": [
        {"metricName": values(6)},
        {"metricType": values(4), "$or": [{"metricId": values(4)}, {"spaceId": values(4)}]},
    ],
}
# (3 + 2) x (2 x 2) x (2 + 6): what lies in detail counts twice
NESTED_OR: dict[str, Any] = {
    "$or": [{"metricName": values(3)}, {"namespace": values(2)}],
    "detail": {"scope": values(2), "$or": [{"source": values(1)}, {"type": values(3)}]},
}
LIMITS = [
    ({f"key{number}": ["x"] for number in range(5)}, None),
    ({f"key{number}": ["x"] for number in range(6)}, KEYS),
    ({"key": values(150)}, None),
    ({"key": values(151)}, COMPLEX),
    ({"key1": values(75), "key2": values(2)}, None),
    ({"key1": values(100), "key2": values(51)}, COMPLEX),
    # 3 x 4 x 2 x 3 x 1 x 3
    ({"a": {"b": {"c": values(4)}}, "d": {"e": values(3)}, "f": values(3)}, COMPLEX),
    # only the keys at the top count, but what is nested counts as often as it is deep
    ({"a": {"b": ["x"], "c": ["x"], "d": ["x"], "e": ["x"], "f": ["x"], "g": ["x"]}}, None),
    ({"a": {"b": values(75)}}, None),
    ({"a": {"b": values(76)}}, COMPLEX),
    # $or
    (FLAT_OR, COMPLEX),
    ({**FLAT_OR, "source": values(3)}, None),
    (NESTED_OR, COMPLEX),
    ({"$or": [{"a": [1], "b": [1], "c": [1]}, {"a": [1], "b": [1]}]}, None),
    ({"$or": [{"a": [1], "b": [1], "c": [1]}, {"a": [1], "b": [1]}], "d": [1]}, KEYS),
    # the limits come before the rest
    ({"a": values(151), "b": 1}, COMPLEX),
]


@pytest.mark.parametrize(("policy", "reason"), LIMITS)
def test_a_policy_has_few_keys_and_few_combinations(policy: Any, reason: str | None) -> None:
    text = json.dumps(policy)
    if reason is None:
        parse_filter_policy(text, "MessageBody")
    else:
        assert refusal(text, "MessageBody").reason == reason


def test_a_policy_is_at_most_256_kib_of_utf_8() -> None:
    def text(bytes_: int) -> str:
        return '{"a": ["é' + "x" * (bytes_ - 13) + '"]}'

    parse_filter_policy(text(262_144), "MessageBody")
    assert refusal(text(262_145)).reason == "Filter policy can not be larger than 262144 bytes"


@pytest.mark.parametrize("bound", [10**9, -1e9, 999999999.99999])
def test_numbers_up_to_a_billion_are_compared(bound: float) -> None:
    parse_filter_policy(json.dumps({"a": [{"numeric": ["=", bound]}]}), "MessageBody")


@pytest.mark.parametrize(
    "policy",
    [
        {"object": {"key": [{"prefix": "auto-"}]}},
        {"a": [1], "$or": [{"b": [1]}, {"c": {"d": [1]}}]},
    ],
)
def test_only_a_policy_on_the_body_nests(policy: Any) -> None:
    parse_filter_policy(json.dumps(policy), "MessageBody")
    refused = refusal(json.dumps(policy), "MessageAttributes")
    assert refused.message == (
        "Invalid parameter: "
        "Filter policy scope MessageAttributes does not support nested filter policy"
    )
    assert refused.told == refused.reason


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(width=16) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["a", "$or", "prefix", "numeric", "anything-but", "exists", "cidr"]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=8,
)


@given(JSONISH.map(json.dumps) | st.text(alphabet='{}[]":,\\0123.eE-+tfna* \ud800', max_size=20))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for scope in SCOPES:
        with suppress(InvalidFilterPolicy):
            assert parse_filter_policy(text, scope).branches


def string(text: str, data_type: str = "String") -> MessageAttribute:
    return MessageAttribute(data_type, string_value=text)


def matched(policy: Any, **attributes: MessageAttribute) -> bool:
    pattern = parse_filter_policy(json.dumps(policy), "MessageAttributes")
    leaves = attribute_leaves(attributes)
    return leaves is not None and Matcher([("policy", pattern)]).matching(leaves) == ["policy"]


ATTRIBUTES = [
    (["x"], string("x"), True),
    (["x"], string("X"), False),
    (["x"], string("x", "String.label"), True),
    ([""], string(""), True),
    # a string is no number
    ([1], string("1"), False),
    (["1"], string("1"), True),
    (["1"], string("1", "Number"), False),
    # numbers compare as numbers, however they are written
    ([1], string("1.00", "Number"), True),
    ([100], string("1e2", "Number.int"), True),
    ([{"numeric": [">", 0, "<=", 100]}], string("99", "Number"), True),
    ([{"numeric": [">", 0, "<=", 100]}], string("111", "Number"), False),
    ([12345678901234567890], string("12345678901234567890", "Number"), True),
    # any element of an array
    (["value1"], string('["value1", "value2"]', "String.Array"), True),
    (["value1"], string('["value2", "value3"]', "String.Array"), False),
    ([1], string('["x", 1.0, true, null]', "String.Array"), True),
    ([True], string('["x", 1.0, true, null]', "String.Array"), True),
    ([None], string('["x", 1.0, true, null]', "String.Array"), True),
    ([{"anything-but": "x"}], string('["x", "y"]', "String.Array"), True),
    ([{"anything-but": "x"}], string('["x"]', "String.Array"), False),
    ([{"exists": True}], string("[]", "String.Array"), False),
    ([{"exists": False}], string("[]", "String.Array"), True),
    # binary attributes are not there
    ([{"exists": True}], MessageAttribute("Binary", binary_value=b"x"), False),
    ([{"exists": False}], MessageAttribute("Binary.png", binary_value=b"x"), True),
]


@pytest.mark.parametrize(("alternatives", "attribute", "expected"), ATTRIBUTES)
def test_attributes_match_by_their_type(
    alternatives: Any, attribute: MessageAttribute, expected: bool
) -> None:
    assert matched({"a": alternatives}, a=attribute) is expected


@pytest.mark.parametrize(
    "malformed",
    [
        string(".5", "Number"),
        string("+1", "Number"),
        string("0x1", "Number"),
        string("not-json", "String.Array"),
        string('"x"', "String.Array"),
        string('{"a": 1}', "String.Array"),
        string('[["x"]]', "String.Array"),
        string('[{"x": 1}]', "String.Array"),
        string("[NaN]", "String.Array"),
    ],
)
def test_no_policy_matches_a_message_with_a_malformed_attribute(
    malformed: MessageAttribute,
) -> None:
    assert attribute_leaves({"a": string("x"), "unnamed": malformed}) is None
    assert not matched({"a": ["x"]}, a=string("x"), unnamed=malformed)


def test_no_policy_matches_a_message_without_attributes() -> None:
    assert attribute_leaves({}) is None
    assert not matched({"a": [{"exists": False}]})
    assert matched({"a": [{"exists": False}]}, b=string("x"))


def test_a_dotted_key_names_a_dotted_attribute() -> None:
    assert matched({"a.b": ["x"]}, **{"a.b": string("x")})


BODIES = [
    ({"a.b": [1]}, '{"a": {"b": 1}}', True),
    ({"a.b": [1]}, '{"a.b": 1}', True),
    ({"a.b.c": [1]}, '{"a": {"b.c": 1}}', True),
    ({"a": {"b": [1]}}, '{"a": {"b": [2, 1]}}', True),
    ({"a": {"b": [1], "c": [2]}}, '{"a": [{"b": 1, "c": 2}]}', True),
    ({"a": {"b": [1], "c": [2]}}, '{"a": [{"b": 1}, {"c": 2}]}', False),
    ({"a": [1]}, '{"a": 1.0}', True),
    ({"a": [1]}, '{"a": 2, "a": 1}', True),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, '{"a": "10.0.0.255"}', True),
    ({"a": [{"exists": False}]}, "{}", True),
    ({"a": [{"exists": False}]}, "[]", False),
    ({"a": [{"exists": False}]}, "a regular string", False),
    ({"a": [{"exists": False}]}, '"{}"', False),
    ({"a": [{"exists": False}]}, "", False),
]


@pytest.mark.parametrize(("policy", "body", "expected"), BODIES)
def test_a_body_matches_if_it_is_a_json_object(policy: Any, body: str, expected: bool) -> None:
    pattern = parse_filter_policy(json.dumps(policy), "MessageBody")
    event = body_event(body)
    matches = event is not None and Matcher([("policy", pattern)]).matching(event) == ["policy"]
    assert matches is expected


def test_a_body_that_is_no_object_is_no_event() -> None:
    assert body_event("1") is None
    assert body_event('{"a": 1}') == {"a": 1}
    assert isinstance(body_event('{"a": 1, "a": 2}'), RepeatedKeys)
