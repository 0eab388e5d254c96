"""SNS filter policies: a subscription's policy as a pattern, a message as the event it matches

The language is that of rules, in the dialect that SNS knows, so the same matcher serves both. A
policy of scope MessageAttributes is matched against the message's attributes, one of scope
MessageBody against its body.

SNS reads a policy twice: a JSON library makes a value of it, and the pattern engine reads that
value's compact text as a stream. So where a refusal names a place it is one in the compact text,
which it quotes; the place is what the engine's own checks imply, confirmed by recorded answers.
"""

import json
import re
from typing import Any

from broker.core.errors import InvalidParameter
from broker.core.json_text import InvalidJson
from broker.core.limits import (
    FILTER_POLICY_BYTES_MAX,
    FILTER_POLICY_COMBINATIONS_MAX,
    FILTER_POLICY_KEYS_MAX,
    FILTER_POLICY_NUMBER_MAX,
)
from broker.core.message import Attributes
from broker.core.pattern import InvalidEvent, InvalidEventPattern, Pattern, RepeatedKeys
from broker.core.pattern.event import parse_event, parse_value
from broker.core.pattern.expression import Dialect
from broker.core.pattern.located import NumberText, locate
from broker.core.pattern.parse import parse_located
from broker.core.pattern.values import number
from broker.core.sns_json import parse_sns_json

__all__ = [
    "MESSAGE_ATTRIBUTES",
    "MESSAGE_BODY",
    "InvalidFilterPolicy",
    "attribute_leaves",
    "body_event",
    "parse_filter_policy",
]

MESSAGE_ATTRIBUTES, MESSAGE_BODY = "MessageAttributes", "MessageBody"  # FilterPolicyScope

_DIALECT = Dialect(
    frozenset("prefix suffix equals-ignore-case numeric anything-but exists cidr".split()),
    frozenset(["prefix"]),
    operands_nest=False,
    number_max=float(FILTER_POLICY_NUMBER_MAX),
)
_NESTED = "Filter policy scope MessageAttributes does not support nested filter policy"
_QUOTED_CHARS_MAX = 500  # of a policy, in a refusal
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class InvalidFilterPolicy(InvalidParameter):
    """The filter policy is refused.

    `reason` is the service's own text. It stands behind `FilterPolicy: `, except for the one that
    says so itself; `told` is what stands behind `Invalid parameter: ` and the like.
    """

    def __init__(self, reason: str) -> None:
        # A policy may hold halves of characters, which no answer can.
        self.reason = reason = reason.encode("utf-8", "replace").decode()
        self.told = reason if reason == _NESTED else f"FilterPolicy: {reason}"
        super().__init__(f"Invalid parameter: {self.told}")


def parse_filter_policy(text: str, scope: str) -> Pattern:
    """The pattern behind a filter policy; `scope` is one of the two.

    The limits come first, because they bound what the rest costs. Raises: InvalidFilterPolicy.
    Source: SNS developer guide, filter policy constraints; recorded answers.
    """
    assert scope in (MESSAGE_ATTRIBUTES, MESSAGE_BODY)
    if len(text.encode("utf-8", "surrogatepass")) > FILTER_POLICY_BYTES_MAX:
        raise InvalidFilterPolicy(
            f"Filter policy can not be larger than {FILTER_POLICY_BYTES_MAX} bytes"
        )
    try:
        policy = parse_sns_json(text)
        if isinstance(policy, dict):
            _check_limits(policy)
        compact = _compact(policy)
    except InvalidJson as error:
        raise InvalidFilterPolicy(str(error)) from None
    except RecursionError:
        raise InvalidFilterPolicy("Filter policy is too complex") from None
    try:
        pattern = parse_located(locate(compact), _DIALECT)
    except InvalidEventPattern as error:
        raise InvalidFilterPolicy(_placed(error, compact)) from None
    if scope == MESSAGE_ATTRIBUTES and _nests(policy):
        raise InvalidFilterPolicy(_NESTED)
    return pattern


def attribute_leaves(attributes: Attributes) -> dict[str, Any] | None:
    """The event that a message's attributes are, or None if no policy of that scope matches.

    None are messages without attributes, and those with an attribute that can't be read as its type
    says: SNS counts both apart and delivers neither, whatever the policy names. Binary attributes
    are ignored, as if absent. A label behind String, Number or Binary means nothing, except Array.
    Source: SNS developer guide, filter policy constraints and CloudWatch metrics.
    """
    if not attributes:
        return None
    leaves: dict[str, Any] = {}
    for name, attribute in attributes.items():
        kind = attribute.data_type.partition(".")[0]
        if kind == "Binary":
            continue
        text = attribute.string_value or ""
        if attribute.data_type == "String.Array":
            if (elements := _elements(text)) is None:
                return None
            leaves[name] = elements
        elif kind == "Number":
            if not _NUMBER.fullmatch(text):
                return None
            leaves[name] = number(text)
        else:
            leaves[name] = text
    return leaves


def body_event(text: str) -> dict[str, Any] | RepeatedKeys | None:
    """The event that a message's body is, or None if it is no JSON object: no policy matches it."""
    try:
        return parse_event(text)
    except InvalidEvent:
        return None


def _elements(text: str) -> list[Any] | None:
    """The leaves of a JSON array of strings, numbers and literals; None if it is none."""
    try:
        elements = parse_value(text)
    except InvalidEvent:
        return None
    if not isinstance(elements, list):
        return None
    nested = any(isinstance(each, dict | list | RepeatedKeys) for each in elements)
    return None if nested else elements


def _check_limits(policy: dict[str, Any]) -> None:
    """Refuse a policy that is too large to be looked at, whatever else is wrong with it."""
    if _keys(policy) > FILTER_POLICY_KEYS_MAX:
        raise InvalidFilterPolicy(
            f"Filter policy can not have more than {FILTER_POLICY_KEYS_MAX} keys"
        )
    if _combinations(policy, 1) > FILTER_POLICY_COMBINATIONS_MAX:
        raise InvalidFilterPolicy("Filter policy is too complex")


def _keys(policy: dict[str, Any]) -> int:
    """The keys at the top, those of every branch of a `$or` there included."""
    return sum(
        sum(_keys(branch) for branch in _branches(value)) if key == "$or" else 1
        for key, value in policy.items()
    )


def _combinations(policy: dict[str, Any], depth: int) -> int:
    """The product of the numbers of values, each times its depth; branches of a `$or` add up."""
    product = 1
    for key, value in policy.items():
        if key == "$or":
            product *= sum(_combinations(branch, depth) for branch in _branches(value)) or 1
        elif isinstance(value, dict):
            product *= _combinations(value, depth + 1)
        else:
            product *= depth * (len(value) or 1 if isinstance(value, list) else 1)
        if product > FILTER_POLICY_COMBINATIONS_MAX:
            break
    return product


def _branches(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _nests(policy: dict[str, Any]) -> bool:
    return any(
        any(_nests(branch) for branch in value) if key == "$or" else isinstance(value, dict)
        for key, value in policy.items()
    )


def _compact(value: Any) -> str:
    """The value as JSON text without spaces; a number as it was written."""
    match value:
        case dict():
            members = (f"{_compact(key)}:{_compact(inner)}" for key, inner in value.items())
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(_compact(element) for element in value) + "]"
        case NumberText(text):
            return text
        case _:
            return json.dumps(value, ensure_ascii=False)


def _placed(error: InvalidEventPattern, compact: str) -> str:
    """The refusal with its place, as Java counts characters: in UTF-16 code units."""
    if error.at is None:
        return error.reason
    column = len(compact[: error.at].encode("utf-16-le", "surrogatepass")) // 2 + 1
    quoted = f'"{compact[:_QUOTED_CHARS_MAX]}"'
    if len(compact) > _QUOTED_CHARS_MAX:
        quoted += f"[truncated {len(compact) - _QUOTED_CHARS_MAX} chars]"
    return f"{error.reason}\n at [Source: (String){quoted}; line: 1, column: {column}]"
