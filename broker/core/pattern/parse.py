"""pattern text to a parsed pattern, or the service's own refusal

The service reads the text as a stream and refuses at the first thing it does not like. So this
walks pairs in text order, repeated keys included, and numbers keep their text: the refusals quote
it. Only text that is no JSON at all is refused earlier than the service would, and in our words.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from broker.core.pattern.errors import InvalidEventPattern
from broker.core.pattern.language import (
    Address,
    Alternative,
    AnythingBut,
    Cidr,
    EqualsIgnoreCase,
    Exact,
    Exists,
    Field,
    NumericRange,
    Pattern,
    Prefix,
    PrefixIgnoreCase,
    Suffix,
    SuffixIgnoreCase,
    Wildcard,
)
from broker.core.pattern.values import Literal, Number, Verbatim, address, number

__all__ = ["BRANCHES_MAX", "DEPTH_MAX", "parse"]

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
_ONE_KEY = "Only one key allowed in match expression"
_TOO_MANY = "Too many elements in numeric expression"


class _Object(tuple[tuple[str, Any], ...]):
    """An object's pairs in text order."""


@dataclass(frozen=True, slots=True)
class _NumberText:
    text: str


_Rule = dict[str, tuple[Alternative, ...]]


def parse(text: str) -> Pattern:
    """The pattern behind JSON text.

    Of a path that is set twice the last alternatives count, also beside and inside `$or`.
    Raises: InvalidEventPattern. Source: EventBridge, PutRule; event-ruler's JSON compiler.
    """
    try:
        root = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=_NumberText,
            parse_float=_NumberText,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        reason = f"Pattern is not valid JSON: {error.msg}, line {error.lineno} column {error.colno}"
        raise InvalidEventPattern(reason) from None
    except RecursionError:
        raise InvalidEventPattern(f"More than {DEPTH_MAX} levels are not supported") from None
    if not isinstance(root, _Object):
        raise InvalidEventPattern("Filter is not an object")
    rules = _fields(root, (), [], inside_or=False)
    return Pattern(tuple(_branch(rule) for rule in rules))


def _branch(rule: _Rule) -> tuple[Field, ...]:
    # The engine sorts paths as Java does, by UTF-16 code unit.
    paths = sorted(rule, key=lambda path: path.encode("utf-16-be", "surrogatepass"))
    return tuple(Field(path, rule[path]) for path in paths)


def _fields(
    pairs: _Object, path: tuple[str, ...], rules: list[_Rule], *, inside_or: bool
) -> list[_Rule]:
    """`rules`, each with the fields of one more object set in it, multiplied out at `$or`."""
    _require(len(path) < DEPTH_MAX, f"More than {DEPTH_MAX} levels are not supported")
    _require(bool(pairs), "Empty objects are not allowed")
    for key, value in pairs:
        if key == "$or":
            rules = _either(value, path, rules)
            continue
        if inside_or and key in _RESERVED_INSIDE_OR:
            _refuse(f"{key} is Ruler reserved fieldName which cannot be used inside $or.")
        if isinstance(value, _Object):
            rules = _fields(value, (*path, key), rules, inside_or=inside_or)
        elif isinstance(value, list):
            alternatives = tuple(_alternative(element) for element in value)
            _require(bool(alternatives), "Empty arrays are not allowed")
            name = ".".join((*path, key))
            rules = [{**rule, name: alternatives} for rule in rules or [{}]]
        else:
            _refuse(f'"{key}" must be an object or an array')
    return rules


def _either(value: Any, path: tuple[str, ...], rules: list[_Rule]) -> list[_Rule]:
    _require(isinstance(value, list), "It must be an Array followed with $or.")
    either: list[_Rule] = []
    for branch in value:
        if not isinstance(branch, _Object):
            _refuse("Only JSON object is allowed in array of $or relationship.")
        either += _fields(branch, path, rules, inside_or=True)
        _require(
            len(either) <= BRANCHES_MAX, f"$or makes more than {BRANCHES_MAX} combinations of rules"
        )
    _require(len(value) >= 2, "There must have at least 2 Objects in $or relationship.")
    return either


def _alternative(element: Any) -> Alternative:
    match element:
        case _Object():
            return _expression(element)
        case str():
            spelled = address(element)
            return Exact(element) if spelled is None else Address(element, *spelled)
        case _NumberText(text):
            return Exact(number(text))
        case True:
            return Exact(Literal.TRUE)
        case False:
            return Exact(Literal.FALSE)
        case None:
            return Exact(Literal.NULL)
        case _:
            _refuse("Match value must be String, number, true, false, or null")


def _expression(pairs: _Object) -> Alternative:
    _require(bool(pairs), "Match expression name not found")
    operator, operand = pairs[0]
    second_key = _ONE_KEY
    expression: Alternative
    match operator:
        case "exactly":
            expression = Exact(_string(operand, "exact match pattern must be a string"))
        case "prefix" if isinstance(operand, _Object):
            expression = PrefixIgnoreCase(_folded_part("Prefix", operand))
        case "prefix":
            expression = Prefix(_string(operand, "prefix match pattern must be a string"))
        case "suffix" if isinstance(operand, _Object):
            expression = SuffixIgnoreCase(_folded_part("Suffix", operand))
        case "suffix":
            expression = Suffix(_string(operand, "suffix match pattern must be a string"))
        case "equals-ignore-case":
            text = _string(operand, "equals-ignore-case match pattern must be a string")
            expression = EqualsIgnoreCase(text)
        case "wildcard":
            expression = _wildcard(operand)
        case "numeric":
            expression = _numeric(operand)
            second_key = _TOO_MANY
        case "anything-but":
            expression = _anything_but(operand)
            second_key = _TOO_MANY
        case "exists":
            _require(
                isinstance(operand, bool), "exists match pattern must be either true or false."
            )
            expression = Exists(operand)
        case "cidr":
            # The engine's own text does say prefix.
            expression = _cidr(_string(operand, "prefix match pattern must be a string"))
        case _:
            _refuse(f"Unrecognized match type {operator}")
    _require(len(pairs) == 1, second_key)
    return expression


def _folded_part(name: str, pairs: _Object) -> str:
    _require(bool(pairs), f"{name} expression name not found")
    operator, operand = pairs[0]
    if operator != "equals-ignore-case":
        _refuse(f"Unsupported {name.lower()} pattern: {operator}")
    text = _string(operand, "equals-ignore-case match pattern must be a string")
    _require(len(pairs) == 1, _ONE_KEY)
    return text


def _wildcard(operand: Any) -> Wildcard:
    text = _string(operand, "wildcard match pattern must be a string")
    pieces = [""]
    position = 0
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        if character == "*":
            if following == "*":
                _refuse(f"Consecutive wildcard characters at pos {_quoted(text, position)}")
            pieces.append("")
        elif character == "\\":
            if following not in ("*", "\\"):
                _refuse(f"Invalid escape character at pos {_quoted(text, position)}")
            pieces[-1] += following
            position += 1
        else:
            pieces[-1] += character
        position += 1
    return Wildcard(text, tuple(pieces))


def _quoted(text: str, position: int) -> int:
    """The position as the engine counts it: in UTF-8 bytes, behind the opening quote."""
    return 1 + len(text[:position].encode("utf-8", "surrogatepass"))


def _numeric(operand: Any) -> Exact | NumericRange:
    _require(isinstance(operand, list), "Value of numeric must be an array.")
    operator = operand[0] if operand else None
    if not isinstance(operator, str):
        _refuse(f"Invalid member in numeric match: {_token(operand, 0)}")
    if operator not in ("=", "<", "<=", ">", ">="):
        _refuse(f"Unrecognized numeric range operator: {operator}")
    name = "equals" if operator == "=" else operator
    bound = _number_text(operand, 1, f"Value of {name} must be numeric")
    if operator == "=":
        _require(len(operand) == 2, _TOO_MANY)
        return Exact(_comparable(bound))
    if operator.startswith("<"):
        _require(len(operand) == 2, _TOO_MANY)
        return NumericRange(None, False, _comparable(bound), operator == "<")
    if len(operand) == 2:
        return NumericRange(_comparable(bound), operator == ">", None, False)
    closing = operand[2]
    if not isinstance(closing, str):
        _refuse(f"Bad value in numeric range: {_token(operand, 2)}")
    if closing not in ("<", "<="):
        _refuse(f"Bad numeric range operator: {closing}")
    top_text = _number_text(operand, 3, f"Value of {closing} must be numeric")
    _require(len(operand) == 4, "Too many terms in numeric range expression")
    bottom, top = _comparable(bound), _comparable(top_text)
    _require(bottom < top, "Bottom must be less than top")
    return NumericRange(bottom, operator == ">", top, closing == "<")


def _anything_but(operand: Any) -> AnythingBut:
    match operand:
        case _Object():
            return _anything_but_operator(operand)
        case str():
            return AnythingBut((Exact(operand),))
        case _NumberText(text):
            return AnythingBut((Exact(_comparable(text)),))
        case list():
            return _anything_but_list(operand)
        case _:
            _refuse("Value of anything-but must be an array or single string/number value.")


def _anything_but_list(operand: list[Any]) -> AnythingBut:
    excluded: list[Exact] = []
    for element in operand:
        match element:
            case str():
                excluded.append(Exact(element))
            case _NumberText(text):
                excluded.append(Exact(_comparable(text)))
            case _:
                _refuse("Inside anything but list, start|null|boolean is not supported.")
    kinds = {isinstance(each.value, str) for each in excluded}
    _require(
        len(kinds) == 1,
        "Inside anything but list, either all values are number or string, "
        "mixed type is not supported",
    )
    return AnythingBut(tuple(excluded))


def _anything_but_operator(pairs: _Object) -> AnythingBut:
    _require(bool(pairs), "Anything-But expression name not found")
    operator, operand = pairs[0]
    if operator not in ("equals-ignore-case", "prefix", "suffix", "wildcard"):
        _refuse(f"Unsupported anything-but pattern: {operator}")
    if not isinstance(operand, str | _NumberText | list) or isinstance(operand, _Object):
        _refuse("Value of anything-but must be an array or single string/number value.")
    operands = operand if isinstance(operand, list) else [operand]
    # The engine crashes on an empty list.
    _require(bool(operands), "Empty arrays are not allowed")
    excluded = tuple(_excluded(operator, each) for each in operands)
    _require(len(pairs) == 1, _TOO_MANY)
    return AnythingBut(excluded)


def _excluded(operator: str, operand: Any) -> Prefix | Suffix | EqualsIgnoreCase | Wildcard:
    if operator == "wildcard":
        return _wildcard(operand)
    if operator == "equals-ignore-case":
        return EqualsIgnoreCase(
            _string(
                operand,
                "Inside anything-but/equals-ignore-case list, "
                "number|start|null|boolean is not supported.",
            )
        )
    text = _string(operand, "prefix/suffix match pattern must be a string")
    _require(bool(text), "Null prefix/suffix not allowed")
    return Prefix(text) if operator == "prefix" else Suffix(text)


def _cidr(text: str) -> Cidr:
    # The engine splits as Java does, which drops empty parts at the end: "10.0.0.0/8/" passes.
    parts = text.rstrip("/").split("/")
    _require(len(parts) == 2, "Malformed CIDR, one '/' required")
    ip, mask = parts
    if not re.fullmatch("[+-]?[0-9]{1,10}", mask):
        _refuse("Malformed CIDR, mask bits must be an integer")
    mask_bits = int(mask)
    _require(mask_bits >= 0, "Malformed CIDR, mask bits must not be negative")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]*", ip):
        _refuse(f"Nonstandard IP address: {ip}")
    spelled = address(ip)
    if spelled is None:
        _refuse(f"Invalid IP address: {ip}")
    version, packed = spelled
    bits = 32 if version == 4 else 128
    _require(mask_bits < bits, f"IPv{version} mask bits must be < {bits}")
    host = (1 << (bits - mask_bits)) - 1
    return Cidr(text, version, packed & ~host, packed | host)


def _comparable(text: str) -> Number:
    value = number(text)
    if isinstance(value, Verbatim):
        _refuse(f"Cannot compare number : {text}")
    return value


def _number_text(operand: list[Any], position: int, reason: str) -> str:
    element = operand[position] if position < len(operand) else None
    if not isinstance(element, _NumberText):
        _refuse(reason)
    return element.text


def _token(operand: list[Any], position: int) -> str:
    """The element as the engine's refusals quote it: its first token."""
    if position >= len(operand):
        return "]"
    match operand[position]:
        case _Object():
            return "{"
        case list():
            return "["
        case _NumberText(text):
            return text
        case literal:
            return json.dumps(literal)


def _string(operand: Any, reason: str) -> str:
    if not isinstance(operand, str):
        _refuse(reason)
    return operand


def _require(holds: bool, reason: str) -> None:
    if not holds:
        _refuse(reason)


def _refuse(reason: str) -> NoReturn:
    raise InvalidEventPattern(reason)


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidEventPattern(f"Pattern is not valid JSON: {name} is no JSON value")
