"""A set of filter policies answers as a plain reading of each policy's JSON would."""

import ipaddress
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.filter_policy import (
    InvalidFilterPolicy,
    attribute_leaves,
    body_event,
    parse_filter_policy,
)
from broker.core.message import MessageAttribute
from broker.core.pattern import Matcher

PAIRS_MIN = 2_000  # of a policy and a message
MATCHES_MIN = 40  # of these
RUNS_MAX = 4  # what is drawn varies: now and then one run has few matches
TOO_LARGE = ("Filter policy is too complex", "Filter policy can not have more than 5 keys")

# A plain reading. It looks at the policy's JSON and at the message, and at nothing of ours.

Leaf = tuple[str, Any, dict[int, int]]  # path, value, chosen element of each array around it


def accepts(policy: dict[str, Any], leaves: list[Leaf]) -> bool:
    return any(all_hold(sorted(branch.items()), {}, leaves) for branch in branches(policy, ""))


def branches(policy: dict[str, Any], prefix: str) -> list[dict[str, list[Any]]]:
    """The ways to satisfy the policy; of a path that is named twice the last mention counts."""
    ways: list[dict[str, list[Any]]] = [{}]
    for key, value in policy.items():
        if key == "$or":
            more = [way for branch in value for way in branches(branch, prefix)]
        elif isinstance(value, dict):
            more = branches(value, f"{prefix}{key}.")
        else:
            more = [{prefix + key: value}]
        ways = [{**way, **added} for way in ways for added in more]
    return ways


def all_hold(
    fields: list[tuple[str, list[Any]]], chosen: dict[int, int], leaves: list[Leaf]
) -> bool:
    """Whether all fields match, in the same elements of the arrays they share."""
    if not fields:
        return True
    (path, alternatives), *rest = fields
    here = [
        (value, place)
        for at, value, place in leaves
        if at == path and all(chosen.get(array, index) == index for array, index in place.items())
    ]
    if not here:
        return {"exists": False} in alternatives and all_hold(rest, chosen, leaves)
    return any(
        any(satisfies(value, alternative) for alternative in alternatives)
        and all_hold(rest, {**chosen, **place}, leaves)
        for value, place in here
    )


def satisfies(value: Any, alternative: Any) -> bool:
    if not isinstance(alternative, dict):
        return same(value, alternative)
    ((operator, operand),) = alternative.items()
    text = value if isinstance(value, str) else None
    match operator:
        case "prefix":
            return text is not None and text.startswith(operand)
        case "suffix":
            return text is not None and text.endswith(operand)
        case "equals-ignore-case":
            return text is not None and text.lower() == operand.lower()
        case "exists":
            return bool(operand)
        case "cidr":
            return text is not None and in_network(text, operand)
        case "numeric":
            return is_number(value) and in_range(value, operand)
        case "anything-but" if isinstance(operand, list):
            return not any(same(value, each) for each in operand)
        case "anything-but" if isinstance(operand, dict):
            return not satisfies(value, operand)
        case "anything-but":
            return not same(value, operand)
    raise AssertionError(operator)


def same(value: Any, wanted: Any) -> bool:
    if is_number(value) and is_number(wanted):
        return Decimal(str(value)) == Decimal(str(wanted))
    return type(value) is type(wanted) and bool(value == wanted)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def in_range(value: Any, terms: list[Any]) -> bool:
    signs = {
        "=": Decimal.__eq__,
        "<": Decimal.__lt__,
        "<=": Decimal.__le__,
        ">": Decimal.__gt__,
        ">=": Decimal.__ge__,
    }
    pairs = zip(terms[::2], terms[1::2], strict=True)
    return all(signs[sign](Decimal(str(value)), Decimal(str(bound))) for sign, bound in pairs)


def in_network(text: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def leaves_of_attributes(attributes: dict[str, MessageAttribute]) -> list[Leaf] | None:
    leaves: list[Leaf] = []
    for name, attribute in attributes.items():
        kind, text = attribute.data_type, attribute.string_value or ""
        if kind == "String.Array":
            try:
                elements = json.loads(text)
            except ValueError:
                return None
            if not isinstance(elements, list) or any(isinstance(e, dict | list) for e in elements):
                return None
            leaves += [(name, element, {}) for element in elements]
        elif kind.startswith("Number"):
            if not re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", text):
                return None
            leaves.append((name, Decimal(text), {}))
        elif kind.startswith("String"):
            leaves.append((name, text, {}))
    return leaves if attributes else None


def leaves_of_body(body: str) -> list[Leaf] | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    arrays = iter(range(1_000_000))
    return list(walk("", document, {}, arrays))


def walk(path: str, value: Any, place: dict[int, int], arrays: Iterator[int]) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(f"{path}.{key}" if path else key, inner, place, arrays)
    elif isinstance(value, list):
        array = next(arrays)
        for index, element in enumerate(value):
            nests = isinstance(element, dict | list)
            yield from walk(path, element, {**place, array: index} if nests else place, arrays)
    else:
        yield path, value, place


NAMES = st.sampled_from(["a", "b", "c", "a.b"])
SCALARS = st.sampled_from(
    ["", "x", "xy", "X", "1", "10.0.0.1", "10.0.1.1", "::1", 0, 1, 1.5, 100, True, False, None]
)
ALTERNATIVES = SCALARS | st.sampled_from(
    [
        {"prefix": "x"},
        {"prefix": ""},
        {"suffix": "y"},
        {"equals-ignore-case": "xY"},
        {"exists": True},
        {"exists": False},
        {"numeric": ["=", 1]},
        {"numeric": ["<", 1]},
        {"numeric": [">=", 1, "<", 100]},
        {"cidr": "10.0.0.0/24"},
        {"cidr": "::/64"},
        {"anything-but": "x"},
        {"anything-but": 1},
        {"anything-but": ["x", "xy"]},
        {"anything-but": [1, 100]},
        {"anything-but": {"prefix": "x"}},
    ]
)
VALUES = st.lists(ALTERNATIVES, min_size=1, max_size=2)
FLAT = st.dictionaries(NAMES, VALUES, min_size=1, max_size=3)
NESTED = st.dictionaries(NAMES, VALUES | FLAT, min_size=1, max_size=2)


def with_or(objects: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return objects | st.builds(
        lambda beside, either: {**beside, "$or": either},
        objects,
        st.lists(objects, min_size=2, max_size=2),
    )


def accepted(scope: str, policy: dict[str, Any]) -> bool:
    try:
        parse_filter_policy(json.dumps(policy), scope)
    except InvalidFilterPolicy as error:
        if error.reason not in TOO_LARGE:
            raise
        return False
    return True


ATTRIBUTE_POLICIES = with_or(FLAT).filter(lambda each: accepted("MessageAttributes", each))
BODY_POLICIES = (with_or(NESTED) | st.dictionaries(NAMES, with_or(FLAT), min_size=1)).filter(
    lambda each: accepted("MessageBody", each)
)
TEXTS = st.sampled_from(["", "x", "xy", "X", "1", "10.0.0.1", "10.0.1.1", "::1"])
NUMBERS = st.sampled_from(["0", "1", "1.0", "1.50", "100", "1e2", "-1", "1000000001"])
ARRAYS = st.lists(SCALARS, max_size=3).map(json.dumps)
READABLE = (
    st.builds(MessageAttribute, st.sampled_from(["String", "String.label"]), TEXTS)
    | st.builds(MessageAttribute, st.sampled_from(["Number", "Number.int"]), NUMBERS)
    | st.builds(MessageAttribute, st.just("String.Array"), ARRAYS)
    | st.just(MessageAttribute("Binary", binary_value=b"x"))
)
MALFORMED = st.sampled_from(
    [MessageAttribute("String.Array", text) for text in ("x", '"x"', "[[1]]", '{"a": 1}')]
    + [MessageAttribute("Number", ".5")]
)
ATTRIBUTES = st.dictionaries(NAMES, READABLE, min_size=1, max_size=3) | st.dictionaries(
    NAMES, READABLE | MALFORMED, max_size=2
)
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.lists(st.dictionaries(NAMES, inner, max_size=3), max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(NAMES, JSON_VALUES, max_size=3).map(json.dumps) | st.sampled_from(
    ["", "x", "[]", "1", '"{}"']
)


class Judged:
    """A matcher whose every answer is held against the plain reading."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.pairs = self.matches = 0

    def judge(
        self,
        changes: list[tuple[int, dict[str, Any] | None]],
        messages: list[tuple[Any, list[Leaf] | None]],
    ) -> None:
        """Add, replace and remove policies; after each, match every message."""
        matcher: Matcher[int] = Matcher()
        policies: dict[int, dict[str, Any]] = {}
        for key, policy in changes:
            if policy is not None:
                matcher.add(key, parse_filter_policy(json.dumps(policy), self.scope))
                policies[key] = policy
            elif policies.pop(key, None) is not None:
                matcher.remove(key)
            for event, leaves in messages:
                assert (event is None) == (leaves is None)
                if event is None or leaves is None:
                    continue
                expected = [each for each in policies if accepts(policies[each], leaves)]
                assert matcher.matching(event) == expected
                self.pairs += len(policies)
                self.matches += len(expected)
            matcher.check_invariants()


def changes(policies: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    keys = st.integers(0, 4)
    added = st.tuples(keys, policies)
    return st.lists(added | added | st.tuples(keys, st.none()), min_size=5, max_size=10)


def test_policies_on_attributes_match_as_they_read() -> None:
    judged = Judged("MessageAttributes")

    @settings(max_examples=250, deadline=None)
    @given(changes(ATTRIBUTE_POLICIES), st.lists(ATTRIBUTES, min_size=3, max_size=5))
    def holds(changed: Any, messages: list[dict[str, MessageAttribute]]) -> None:
        judged.judge(changed, [(attribute_leaves(m), leaves_of_attributes(m)) for m in messages])

    for _ in range(RUNS_MAX):
        holds()
        if judged.matches >= MATCHES_MIN:
            break
    assert judged.pairs >= PAIRS_MIN
    assert judged.matches >= MATCHES_MIN


def test_policies_on_bodies_match_as_they_read() -> None:
    judged = Judged("MessageBody")

    @settings(max_examples=250, deadline=None)
    @given(changes(BODY_POLICIES), st.lists(BODIES, min_size=3, max_size=5))
    def holds(changed: Any, messages: list[str]) -> None:
        judged.judge(changed, [(body_event(m), leaves_of_body(m)) for m in messages])

    for _ in range(RUNS_MAX):
        holds()
        if judged.matches >= MATCHES_MIN:
            break
    assert judged.pairs >= PAIRS_MIN
    assert judged.matches >= MATCHES_MIN
