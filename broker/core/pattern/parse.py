"""pattern text to a parsed pattern, or the service's own refusal

The service reads the text as a stream and refuses at the first thing it does not like. So this
walks pairs in text order, repeated keys included, and numbers keep their text: the refusals quote
it. Only text that is no JSON at all is refused earlier than the service would, and in our words.
"""

import json
from typing import NoReturn

from broker.core.pattern.errors import InvalidEventPattern
from broker.core.pattern.expression import RULES, Dialect, alternative, refuse, require
from broker.core.pattern.language import Alternative, Field, Pattern
from broker.core.pattern.located import Located, Members, locate, without_places

__all__ = ["BRANCHES_MAX", "DEPTH_MAX", "parse", "parse_located"]

BRANCHES_MAX = 1000  # combinations of $or; EventBridge, event patterns
DEPTH_MAX = 200  # objects within objects; ours, far beyond any real event

# fmt: off
_RESERVED_INSIDE_OR = frozenset({
    "exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard",
    "numeric", "cidr", "=", "<", "<=", ">", ">=", "regex", "not-wildcard",
    "not-equals-ignore-case", "date-after", "date-on-or-after", "date-before",
    "date-on-or-before", "in-date-range", "ip-address-in-range", "ip-address-not-in-range",
})
# fmt: on
_TOO_DEEP = f"More than {DEPTH_MAX} levels are not supported"

_Rule = dict[str, tuple[Alternative, ...]]


def parse(text: str) -> Pattern:
    """The pattern behind JSON text, in the language of rules.

    Raises: InvalidEventPattern. Source: EventBridge, PutRule; event-ruler's JSON compiler.
    """
    try:
        root = _without_places(text)
    except json.JSONDecodeError as error:
        reason = f"Pattern is not valid JSON: {error.msg}, line {error.lineno} column {error.colno}"
        raise InvalidEventPattern(reason) from None
    except RecursionError:
        raise InvalidEventPattern(_TOO_DEEP) from None
    try:
        return parse_located(root, RULES)
    except InvalidEventPattern:
        return parse_located(locate(text), RULES)  # refused again, with the place


def parse_located(root: Located, dialect: Dialect) -> Pattern:
    """The pattern behind a JSON value, in a service's dialect of the language.

    Of a path that is set twice the last alternatives count, also beside and inside `$or`.
    Raises: InvalidEventPattern.
    """
    if not isinstance(root.value, Members):
        refuse("Filter is not an object", root.begun)
    rules = _fields(root, (), [{}], dialect, inside_or=False)
    return Pattern(tuple(_branch(rule) for rule in rules))


def _branch(rule: _Rule) -> tuple[Field, ...]:
    # The engine sorts paths as Java does, by UTF-16 code unit.
    plain = all(map(str.isascii, rule))
    paths = sorted(rule, key=None if plain else _in_utf_16)
    return tuple([Field(path, rule[path]) for path in paths])


def _in_utf_16(path: str) -> bytes:
    return path.encode("utf-16-be", "surrogatepass")


def _fields(
    node: Located, path: tuple[str, ...], rules: list[_Rule], dialect: Dialect, *, inside_or: bool
) -> list[_Rule]:
    """`rules`, each with the fields of one more object set in it, or multiplied out at `$or`."""
    require(len(path) < DEPTH_MAX, _TOO_DEEP, None)
    require(bool(node.value), "Empty objects are not allowed", node.ended)
    for key, value in node.value:
        if key == "$or":
            rules = _either(value, path, rules, dialect)
            continue
        if inside_or and key in _RESERVED_INSIDE_OR:
            refuse(
                f"{key} is Ruler reserved fieldName which cannot be used inside $or.", value.begun
            )
        if isinstance(value.value, Members):
            rules = _fields(value, (*path, key), rules, dialect, inside_or=inside_or)
        elif isinstance(value.value, list):
            alternatives = tuple([alternative(element, dialect) for element in value.value])
            require(bool(alternatives), "Empty arrays are not allowed", value.ended)
            name = ".".join((*path, key))
            for rule in rules:
                rule[name] = alternatives
        else:
            refuse(f'"{key}" must be an object or an array', value.begun)
    return rules


def _either(
    node: Located, path: tuple[str, ...], rules: list[_Rule], dialect: Dialect
) -> list[_Rule]:
    require(isinstance(node.value, list), "It must be an Array followed with $or.", node.begun)
    either: list[_Rule] = []
    for branch in node.value:
        if not isinstance(branch.value, Members):
            refuse("Only JSON object is allowed in array of $or relationship.", branch.begun)
        copies = [rule.copy() for rule in rules]
        either += _fields(branch, path, copies, dialect, inside_or=True)
        require(
            len(either) <= BRANCHES_MAX,
            f"$or makes more than {BRANCHES_MAX} combinations of rules",
            None,
        )
    require(
        len(node.value) >= 2,
        "There must have at least 2 Objects in $or relationship.",
        node.ended,
    )
    return either


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidEventPattern(f"Pattern is not valid JSON: {name} is no JSON value")


_without_places = without_places(_refuse_constant)
