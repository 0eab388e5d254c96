"""a field's alternatives as one function of a leaf value

What is equal to something is looked up in a set; the rest is asked one after the other.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache
from operator import eq, ne
from typing import Any

from msgspec import Struct

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
    Prefix,
    PrefixIgnoreCase,
    Suffix,
    SuffixIgnoreCase,
    Wildcard,
)
from broker.core.pattern.values import Value, address

__all__ = [
    "FieldPredicate",
    "Lead",
    "Predicate",
    "TextQuestion",
    "closed_ends",
    "compile_field",
    "no_text",
]

SPELLING_MAX = 3  # characters, of one whose case is changed

Predicate = Callable[[Value], bool]

TextQuestion = Callable[[str, Any], bool]
"""Of a text, and an operand."""

Lead = tuple[str, Value]
"""A path, and a value to be there."""


class FieldPredicate(Struct, frozen=True, eq=False):
    """One field, ready to be asked about leaves; each is equal to itself only."""

    field: Field
    path: str
    accepts: Predicate
    accepts_absence: bool
    leads: tuple[Lead, ...]  # if the field holds for exactly these; else none
    # What it comes to for the simplest leaves: see `field_tests.Test`.
    asks_text: TextQuestion
    operand: Any
    upper: Any


@lru_cache(maxsize=20_000)
def compile_field(field: Field) -> FieldPredicate:
    """The field as a predicate; many rules ask for the same source, and share it."""
    values = frozenset(each.value for each in field.alternatives if isinstance(each, Exact))
    others = [
        _predicate(each) for each in field.alternatives if not isinstance(each, Exact | Exists)
    ]
    if Exists(True) in field.alternatives:
        others.append(_anything)
    absence = Exists(False) in field.alternatives
    drives = bool(values) and not others and not absence
    accepts = _any_of(values, others)
    leads = tuple((field.path, each) for each in values) if drives else ()
    return FieldPredicate(field, field.path, accepts, absence, leads, *_asks_text(field, accepts))


def no_text(value: str, operand: Any) -> bool:
    """No text will do: a number is wanted."""
    return False


def _asks_text(field: Field, accepts: Predicate) -> tuple[TextQuestion, Any, Any]:
    if len(field.alternatives) == 1:
        match field.alternatives[0]:
            case NumericRange():
                lower, upper = closed_ends(field.alternatives[0])
                return no_text, _whole(lower), _whole(upper)
            case AnythingBut((Exact(str(text)),)):
                return ne, text, None
            case Exists(True):
                return _any_text, None, None
            case Exact(str(text)):
                return eq, text, None
        question = _text_question(field.alternatives[0])
        if question is not None:
            return *question, None
    return _accepted, accepts, None


def _text_question(alternative: Alternative) -> tuple[TextQuestion, Any] | None:
    """What a text is asked by an alternative that is for texts only, and with what."""
    match alternative:
        case Prefix(text):
            return str.startswith, text
        case Suffix(text):
            return str.endswith, text
        case EqualsIgnoreCase(text) if text.isascii():
            return _equals_folded, text.lower()
        case EqualsIgnoreCase(text):
            return _found_by, re.compile(_folded(text)).fullmatch
        case PrefixIgnoreCase(text):
            return _found_by, re.compile(_folded(text)).match
        case SuffixIgnoreCase(text):
            reach = SPELLING_MAX * len(text)
            return _ends_folded, (reach, re.compile(_folded(text, backwards=True)).match)
        case Wildcard(pieces=(only,)):
            return eq, only
        case Wildcard(pieces=(first, *middle, last)):
            return _fits, (first, middle, last)
        case Address(version=version, packed=packed):
            return _lies_in, (version, packed, packed)
        case Cidr(version=version, first=lowest, last=highest):
            return _lies_in, (version, lowest, highest)
    return None


def _accepted(value: str, accepts: Predicate) -> bool:
    return accepts(value)


def _any_text(value: str, operand: None) -> bool:
    return True


def _equals_folded(value: str, lower: str) -> bool:
    """Whether it is this ASCII text but for the case; some letters beyond ASCII have such forms."""
    return value.lower() == lower and value.isascii()


def _found_by(value: str, match: Callable[[str], re.Match[str] | None]) -> bool:
    return match(value) is not None


def _ends_folded(value: str, suffix: tuple[int, Callable[[str], re.Match[str] | None]]) -> bool:
    # Read from its end: to look for the beginning of the suffix would cost each place as much.
    reach, match = suffix
    return match(value[-reach:][::-1]) is not None


def _fits(value: str, pieces: tuple[str, list[str], str]) -> bool:
    first, middle, last = pieces
    if not (value.startswith(first) and value.endswith(last)):
        return False
    # The leftmost place for each piece leaves the most room for the next.
    at, end = len(first), len(value) - len(last)
    for piece in middle:
        at = value.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return at <= end


def _lies_in(value: str, network: tuple[int, int, int]) -> bool:
    version, first, last = network
    spelled = address(value)
    return spelled is not None and spelled[0] == version and first <= spelled[1] <= last


def closed_ends(wanted: NumericRange) -> tuple[float, float]:
    """The range with both its ends in it: beside an open end lies the next double."""
    lower, upper = -math.inf, math.inf
    if wanted.bottom is not None:
        lower = float(wanted.bottom)
        lower = math.nextafter(lower, math.inf) if wanted.open_bottom else lower
    if wanted.top is not None:
        upper = float(wanted.top)
        upper = math.nextafter(upper, -math.inf) if wanted.open_top else upper
    return lower, upper


def _whole(end: float) -> float:
    """The same number, as an integer if it is one: most are compared with integers."""
    return int(end) if end.is_integer() else end


def _any_of(values: frozenset[Value], others: list[Predicate]) -> Predicate:
    if not others:
        return values.__contains__
    if len(others) == 1 and not values:
        return others[0]
    predicates = tuple(others)

    def accepts(value: Value) -> bool:
        return value in values or any(predicate(value) for predicate in predicates)

    return accepts


def _anything(value: Value) -> bool:
    return True


def _predicate(alternative: Alternative) -> Predicate:
    match alternative:
        case Exact(wanted):
            return lambda value: value == wanted
        case Exists(present):
            return lambda value: present
        case NumericRange():
            return _numeric(alternative)
        case AnythingBut(excluded):
            values = frozenset(each.value for each in excluded if isinstance(each, Exact))
            others = [_predicate(each) for each in excluded if not isinstance(each, Exact)]
            excludes = _any_of(values, others)
            return lambda value: not excludes(value)
    question = _text_question(alternative)
    assert question is not None
    asks, operand = question
    return lambda value: type(value) is str and asks(value, operand)


def _folded(text: str, *, backwards: bool = False) -> str:
    """An expression for the text in which each character may change its case.

    No two spellings of a character begin or end alike, so it never backtracks.
    """
    spellings = [dict.fromkeys((each, each.upper(), each.lower())) for each in text]
    if backwards:
        spellings = [{each[::-1]: None for each in some} for some in reversed(spellings)]
    return "".join(f"(?:{'|'.join(re.escape(each) for each in some)})" for some in spellings)


def _numeric(wanted: NumericRange) -> Predicate:
    # As defaults its ends lie together; as variables of a closure each would lie for itself, and
    # among many rules every look at one more place in memory is felt.
    def accepts(
        value: Value,
        bottom: float = float("-inf") if wanted.bottom is None else wanted.bottom,
        top: float = float("inf") if wanted.top is None else wanted.top,
        open_bottom: bool = wanted.open_bottom,
        open_top: bool = wanted.open_top,
    ) -> bool:
        if type(value) is not int and type(value) is not float:
            return False
        above = bottom < value if open_bottom else bottom <= value
        return above and (value < top if open_top else value <= top)

    return accepts
