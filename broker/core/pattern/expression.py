"""one alternative of a field: a value, or an operator with its operand

Every refusal says where the service's reader stands when it refuses (`located`), so what is looked
at here, and in which order, follows the service.
"""

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from broker.core.pattern.errors import InvalidEventPattern
from broker.core.pattern.language import (
    Address,
    Alternative,
    AnythingBut,
    Cidr,
    EqualsIgnoreCase,
    Exact,
    Exists,
    NumericRange,
    Prefix,
    PrefixIgnoreCase,
    Suffix,
    SuffixIgnoreCase,
    Wildcard,
)
from broker.core.pattern.located import Located, Members, NumberText
from broker.core.pattern.values import Literal, Number, Verbatim, address, number

__all__ = ["RULES", "Dialect", "alternative", "refuse", "require"]

_ONE_KEY = "Only one key allowed in match expression"
_TOO_MANY = "Too many elements in numeric expression"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one service knows of the language."""

    operators: frozenset[str]
    anything_but: frozenset[str]  # what `anything-but` takes inside an object
    operands_nest: bool  # prefix, suffix and anything-but's operators take more than a string
    number_max: float | None = None  # of numbers that are compared, either sign


RULES = Dialect(
    frozenset(
        "exactly prefix suffix equals-ignore-case wildcard numeric anything-but exists cidr".split()
    ),
    frozenset("equals-ignore-case prefix suffix wildcard".split()),
    operands_nest=True,
)


def alternative(node: Located, dialect: Dialect) -> Alternative:
    """The alternative that an element of a field's array says. Raises: InvalidEventPattern."""
    match node.value:
        case Members():
            return _expression(node, dialect)
        case str() as text:
            spelled = address(text)
            return Exact(text) if spelled is None else Address(text, *spelled)
        case NumberText(text):
            return Exact(number(text))
        case True:
            return Exact(Literal.TRUE)
        case False:
            return Exact(Literal.FALSE)
        case None:
            return Exact(Literal.NULL)
        case _:
            refuse("Match value must be String, number, true, false, or null", node.begun)


def _expression(node: Located, dialect: Dialect) -> Alternative:
    require(bool(node.value), "Match expression name not found", node.ended)
    operator, operand = node.value[0]
    if operator not in dialect.operators:
        refuse(f"Unrecognized match type {operator}", operand.begun)
    second_key = _ONE_KEY
    expression: Alternative
    match operator:
        case "exactly":
            expression = Exact(_string(operand, "exact match pattern must be a string"))
        case "prefix" if dialect.operands_nest and isinstance(operand.value, Members):
            expression = PrefixIgnoreCase(_folded_part("Prefix", operand))
        case "prefix":
            expression = Prefix(_string(operand, "prefix match pattern must be a string"))
        case "suffix" if dialect.operands_nest and isinstance(operand.value, Members):
            expression = SuffixIgnoreCase(_folded_part("Suffix", operand))
        case "suffix":
            expression = Suffix(_string(operand, "suffix match pattern must be a string"))
        case "equals-ignore-case":
            text = _string(operand, "equals-ignore-case match pattern must be a string")
            expression = EqualsIgnoreCase(text)
        case "wildcard":
            expression = _wildcard(operand)
        case "numeric":
            expression = _numeric(operand, dialect)
            second_key = _TOO_MANY
        case "anything-but":
            expression = _anything_but(operand, dialect)
            if dialect.operands_nest or not isinstance(operand.value, Members):
                second_key = _TOO_MANY
        case "exists":
            reason = "exists match pattern must be either true or false."
            require(isinstance(operand.value, bool), reason, operand.begun)
            expression = Exists(operand.value)
        case "cidr":
            # The engine's own text does say prefix.
            expression = _cidr(_string(operand, "prefix match pattern must be a string"))
        case _:
            raise AssertionError(f"an operator of the dialect, but not of the language: {operator}")
    _only_key(node, second_key)
    return expression


def _folded_part(name: str, node: Located) -> str:
    require(bool(node.value), f"{name} expression name not found", node.ended)
    operator, operand = node.value[0]
    if operator != "equals-ignore-case":
        refuse(f"Unsupported {name.lower()} pattern: {operator}", operand.begun)
    text = _string(operand, "equals-ignore-case match pattern must be a string")
    _only_key(node, _ONE_KEY)
    return text


def _wildcard(node: Located) -> Wildcard:
    text = _string(node, "wildcard match pattern must be a string")
    pieces = [""]
    position = 0
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        if character == "*":
            if following == "*":
                at = _quoted(text, position)
                refuse(f"Consecutive wildcard characters at pos {at}", node.ended)
            pieces.append("")
        elif character == "\\":
            if following not in ("*", "\\"):
                refuse(f"Invalid escape character at pos {_quoted(text, position)}", node.ended)
            pieces[-1] += following
            position += 1
        else:
            pieces[-1] += character
        position += 1
    return Wildcard(text, tuple(pieces))


def _quoted(text: str, position: int) -> int:
    """The position as the engine counts it: in UTF-8 bytes, behind the opening quote."""
    return 1 + len(text[:position].encode("utf-8", "surrogatepass"))


def _numeric(node: Located, dialect: Dialect) -> Exact | NumericRange:
    terms = node.value
    if not isinstance(terms, list):
        refuse("Value of numeric must be an array.", node.begun)
    operator = terms[0].value if terms else None
    if not isinstance(operator, str):
        refuse(f"Invalid member in numeric match: {_token(node, 0)}", _at(node, 0))
    # The engine reads on before it looks at the operator, and to the end before it compares.
    if operator not in ("=", "<", "<=", ">", ">="):
        refuse(f"Unrecognized numeric range operator: {operator}", _at(node, 1))
    name = "equals" if operator == "=" else operator
    bound_text = _number_text(node, 1, f"Value of {name} must be numeric")
    if operator in ("=", "<", "<="):
        require(len(terms) == 2, _TOO_MANY, _at(node, 2))
    if operator == "=":
        return Exact(_comparable(bound_text, node.ended, dialect))
    if len(terms) == 2:
        bound = _comparable(bound_text, node.ended, dialect)
        if operator.startswith("<"):
            return NumericRange(None, False, bound, operator == "<")
        return NumericRange(bound, operator == ">", None, False)
    closing = terms[2].value
    if not isinstance(closing, str):
        refuse(f"Bad value in numeric range: {_token(node, 2)}", _at(node, 2))
    if closing not in ("<", "<="):
        refuse(f"Bad numeric range operator: {closing}", terms[2].ended)
    top_text = _number_text(node, 3, f"Value of {closing} must be numeric")
    require(len(terms) == 4, "Too many terms in numeric range expression", _at(node, 4))
    bottom = _comparable(bound_text, node.ended, dialect)
    top = _comparable(top_text, node.ended, dialect)
    require(bottom < top, "Bottom must be less than top", node.ended)
    return NumericRange(bottom, operator == ">", top, closing == "<")


def _anything_but(node: Located, dialect: Dialect) -> AnythingBut:
    match node.value:
        case Members():
            return _anything_but_operator(node, dialect)
        case str() as text:
            return AnythingBut((Exact(text),))
        case NumberText(text):
            return AnythingBut((Exact(_comparable(text, node.ended, dialect)),))
        case list():
            return _anything_but_list(node, dialect)
        case _:
            reason = "Value of anything-but must be an array or single string/number value."
            refuse(reason, node.begun)


def _anything_but_list(node: Located, dialect: Dialect) -> AnythingBut:
    excluded: list[Exact] = []
    for element in node.value:
        match element.value:
            case str() as text:
                excluded.append(Exact(text))
            case NumberText(text):
                excluded.append(Exact(_comparable(text, element.ended, dialect)))
            case _:
                reason = "Inside anything but list, start|null|boolean is not supported."
                refuse(reason, element.begun)
    kinds = {isinstance(each.value, str) for each in excluded}
    require(
        len(kinds) == 1,
        "Inside anything but list, either all values are number or string, "
        "mixed type is not supported",
        node.ended,
    )
    return AnythingBut(tuple(excluded))


def _anything_but_operator(node: Located, dialect: Dialect) -> AnythingBut:
    require(bool(node.value), "Anything-But expression name not found", node.ended)
    operator, operand = node.value[0]
    if operator not in dialect.anything_but:
        refuse(f"Unsupported anything-but pattern: {operator}", operand.begun)
    if not dialect.operands_nest:
        assert operator == "prefix"
        text = _string(operand, "prefix match pattern must be a string")
        require(bool(text), "Null prefix not allowed", operand.ended)
        _only_key(node, _ONE_KEY)
        return AnythingBut((Prefix(text),))
    if not isinstance(operand.value, str | NumberText | list):
        reason = "Value of anything-but must be an array or single string/number value."
        refuse(reason, operand.begun)
    operands = operand.value if isinstance(operand.value, list) else [operand]
    # The engine crashes on an empty list.
    require(bool(operands), "Empty arrays are not allowed", operand.ended)
    excluded = tuple(_excluded(operator, each) for each in operands)
    _only_key(node, _TOO_MANY)
    return AnythingBut(excluded)


def _excluded(operator: str, operand: Located) -> Prefix | Suffix | EqualsIgnoreCase | Wildcard:
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
    require(bool(text), "Null prefix/suffix not allowed", operand.ended)
    return Prefix(text) if operator == "prefix" else Suffix(text)


def _cidr(text: str) -> Cidr:
    # What is wrong with an address is not the reader's refusal, so it has no place.
    # The engine splits as Java does, which drops empty parts at the end: "10.0.0.0/8/" passes.
    parts = text.rstrip("/").split("/")
    require(len(parts) == 2, "Malformed CIDR, one '/' required", None)
    ip, mask = parts
    if not re.fullmatch("[+-]?[0-9]{1,10}", mask):
        refuse("Malformed CIDR, mask bits must be an integer", None)
    mask_bits = int(mask)
    require(mask_bits >= 0, "Malformed CIDR, mask bits must not be negative", None)
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]*", ip):
        refuse(f"Nonstandard IP address: {ip}", None)
    spelled = address(ip)
    if spelled is None:
        refuse(f"Invalid IP address: {ip}", None)
    version, packed = spelled
    bits = 32 if version == 4 else 128
    require(mask_bits < bits, f"IPv{version} mask bits must be < {bits}", None)
    host = (1 << (bits - mask_bits)) - 1
    return Cidr(text, version, packed & ~host, packed | host)


def _comparable(text: str, at: int, dialect: Dialect) -> Number:
    value = number(text)
    if isinstance(value, Verbatim):
        refuse(f"Cannot compare number : {text}", at)
    limit = dialect.number_max
    if limit is not None and not -limit <= value <= limit:
        spelled = f"{limit:.1E}".replace("E+0", "E")  # as Java does
        refuse(f"Value must be between -{spelled} and {spelled}, inclusive", at)
    return value


def _number_text(node: Located, position: int, reason: str) -> str:
    element = node.value[position].value if position < len(node.value) else None
    if not isinstance(element, NumberText):
        refuse(reason, _at(node, position))
    return element.text


def _at(node: Located, position: int) -> int:
    """Where the reader stands when it has asked for this element, or found the array's end."""
    at: int = node.value[position].begun if position < len(node.value) else node.ended
    return at


def _token(node: Located, position: int) -> str:
    """The element as the engine's refusals quote it: its first token."""
    if position >= len(node.value):
        return "]"
    match node.value[position].value:
        case Members():
            return "{"
        case list():
            return "["
        case NumberText(text):
            return text
        case literal:
            return json.dumps(literal)


def _string(node: Located, reason: str) -> str:
    if not isinstance(node.value, str):
        refuse(reason, node.begun)
    return node.value


def _only_key(node: Located, reason: str) -> None:
    if len(node.value) > 1:
        refuse(reason, node.value[1][1].begun)


def require(holds: bool, reason: str, at: int | None) -> None:
    """Refuse the pattern unless the condition holds."""
    if not holds:
        refuse(reason, at)


def refuse(reason: str, at: int | None) -> NoReturn:
    """Refuse the pattern, the reader standing `at` this offset. Raises: InvalidEventPattern."""
    raise InvalidEventPattern(reason, at)
