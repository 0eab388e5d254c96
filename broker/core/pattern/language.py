"""a parsed pattern: branches of fields, fields of alternatives, one type per operator

Fields of a branch AND together, alternatives of a field OR together, branches (one, unless the
pattern has `$or`) OR together. Source: event-ruler, the engine behind EventBridge.
"""

import json
from typing import Any

from msgspec import Struct

from broker.core.pattern.values import Literal, Number, Value, Verbatim

__all__ = [
    "Address",
    "Alternative",
    "AnythingBut",
    "Branch",
    "Cidr",
    "EqualsIgnoreCase",
    "Exact",
    "Exists",
    "Field",
    "NumericRange",
    "Pattern",
    "Prefix",
    "PrefixIgnoreCase",
    "Suffix",
    "SuffixIgnoreCase",
    "Wildcard",
    "plain",
    "spelled",
]


class Exact(Struct, frozen=True, gc=False):
    """A string, number or literal equal to this one."""

    value: Value


class Address(Struct, frozen=True, gc=False):
    """A string that spells the same IP address as this one."""

    text: str
    version: int  # 4 or 6
    packed: int


class Prefix(Struct, frozen=True, gc=False):
    """A string that starts with this one."""

    text: str


class Suffix(Struct, frozen=True, gc=False):
    """A string that ends with this one."""

    text: str


class EqualsIgnoreCase(Struct, frozen=True, gc=False):
    """A string each of whose characters is the pattern's, its upper case or its lower case."""

    text: str


class PrefixIgnoreCase(Struct, frozen=True, gc=False):
    """A string that starts as `EqualsIgnoreCase` would have it."""

    text: str


class SuffixIgnoreCase(Struct, frozen=True, gc=False):
    """A string that ends as `EqualsIgnoreCase` would have it."""

    text: str


class Wildcard(Struct, frozen=True, gc=False):
    """A string made of these pieces, in order, with any run of characters between two of them."""

    text: str  # as written, with its escapes
    pieces: tuple[str, ...]  # one more than there are asterisks; unescaped


class NumericRange(Struct, frozen=True, gc=False):
    """A comparable number within these bounds; None is no bound."""

    bottom: Number | None
    open_bottom: bool
    top: Number | None
    open_top: bool


class Cidr(Struct, frozen=True, gc=False):
    """A string that spells an address of this version, first and last included."""

    text: str
    version: int
    first: int
    last: int


class Exists(Struct, frozen=True, gc=False):
    """A leaf that is there, or one that is not."""

    present: bool


class AnythingBut(Struct, frozen=True, gc=False):
    """A leaf that is there and is none of these."""

    excluded: tuple[Exact | Prefix | Suffix | EqualsIgnoreCase | Wildcard, ...]


Alternative = (
    Exact
    | Address
    | Prefix
    | Suffix
    | EqualsIgnoreCase
    | PrefixIgnoreCase
    | SuffixIgnoreCase
    | Wildcard
    | NumericRange
    | Cidr
    | Exists
    | AnythingBut
)


class Field(Struct, frozen=True, gc=False):
    """What the leaf at one dotted path may be."""

    path: str
    alternatives: tuple[Alternative, ...]  # never empty


Branch = tuple[Field, ...]
"""The fields of one way to match, at least one, in the order in which they are evaluated."""


class Pattern(Struct, frozen=True, gc=False):
    """The ways in which an event may match, at least one."""

    branches: tuple[Branch, ...]


def spelled(alternative: Alternative) -> str:
    """The alternative as JSON text, as a pattern would say it."""
    return json.dumps(_written(alternative), ensure_ascii=False, separators=(",", ":"))


def _written(alternative: Alternative) -> Any:
    match alternative:
        case Exact(value):
            return plain(value)
        case Address(text=text):
            return text
        case Prefix(text):
            return {"prefix": text}
        case Suffix(text):
            return {"suffix": text}
        case EqualsIgnoreCase(text):
            return {"equals-ignore-case": text}
        case PrefixIgnoreCase(text):
            return {"prefix": {"equals-ignore-case": text}}
        case SuffixIgnoreCase(text):
            return {"suffix": {"equals-ignore-case": text}}
        case Wildcard(text=text):
            return {"wildcard": text}
        case Cidr(text=text):
            return {"cidr": text}
        case Exists(present):
            return {"exists": present}
        case NumericRange(bottom, open_bottom, top, open_top):
            lower = [] if bottom is None else [">" if open_bottom else ">=", plain(bottom)]
            upper = [] if top is None else ["<" if open_top else "<=", plain(top)]
            return {"numeric": lower + upper}
        case AnythingBut(excluded):
            return {"anything-but": _written_excluded(excluded)}


def _written_excluded(excluded: tuple[Alternative, ...]) -> Any:
    written = [_written(alternative) for alternative in excluded]
    if not isinstance(written[0], dict):
        return written[0] if len(written) == 1 else written
    (operator,) = written[0]
    operands = [each[operator] for each in written]
    return {operator: operands[0] if len(operands) == 1 else operands}


def plain(value: Value) -> Any:
    """The value as JSON has it."""
    match value:
        case Literal():
            return {"true": True, "false": False, "null": None}[value.value]
        case Verbatim(text):
            return text  # a JSON writer would round it
        case float() if value.is_integer() and abs(value) <= 2**53:
            return int(value)
        case _:
            return value
