"""leaf values as patterns compare them: strings, comparable numbers, literals, addresses

Three traps of Python's own comparison are closed here, once. `True == 1`, and both hash alike, so
the JSON literals are members of `Literal`. A number compares as a number only if its text says
exactly what a double's shortest text says; any other (`9007199254740993`, `1e400`) is `Verbatim`,
equal to the same text and to nothing else. A string that spells an IP address is equal, for
patterns that name one, to every other spelling of it.
"""

import ipaddress
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache

__all__ = [
    "EXACT_INTEGER_MAX",
    "Literal",
    "Number",
    "Value",
    "Verbatim",
    "address",
    "canonical",
    "number",
]


class Literal(Enum):
    """One of JSON's three literals."""

    TRUE = "true"
    FALSE = "false"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A number that no double says exactly: equal by its text only, in no range at all."""

    text: str


Number = int | float
Value = str | Number | Verbatim | Literal

EXACT_INTEGER_MAX = 2**53  # beyond it doubles skip integers
_SHORT_TEXT_MAX = 15  # any decimal of 15 significant digits survives the way through a double
_INTEGER_BITS_MAX = 4096  # longer ones have no decimal text in Python without raising its guard

_V4_LENGTH_MAX = 15
_ADDRESS_LENGTH_MAX = 39  # of an IPv6 address, written out
_V6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")


def number(text: str) -> Number | Verbatim:
    """The number that JSON text says: comparable if a double says the same, else verbatim."""
    as_double = float(text)
    if len(text) <= _SHORT_TEXT_MAX and "e" not in text and "E" not in text:
        return as_double
    if not math.isfinite(as_double):
        return Verbatim(text)
    if as_double == 0:
        mantissa = re.split("[eE]", text, maxsplit=1)[0]
        return Verbatim(text) if mantissa.strip("-0.") else 0.0
    return as_double if Decimal(text) == Decimal(repr(as_double)) else Verbatim(text)


def canonical(value: object) -> Value:
    """The leaf value behind what a JSON parser gave.

    A parser that kept no text has rounded its floats already; what it rounded compares as rounded.
    Raises: TypeError for what is no JSON leaf.
    """
    if value is None:
        return Literal.NULL
    if isinstance(value, bool):
        return Literal.TRUE if value else Literal.FALSE
    if isinstance(value, str | Verbatim):
        return value
    if isinstance(value, int):
        if -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX:
            return value
        too_long = value.bit_length() > _INTEGER_BITS_MAX
        return Verbatim(hex(value)) if too_long else number(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else Verbatim(repr(value))
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def address(text: str) -> tuple[int, int] | None:
    """The IP version and the address as an integer, or None if the text spells no address.

    Leading zeros are decimal, a mapped address (`::ffff:a00:1`) is the IPv4 address it maps, and
    an IPv6 address with a dotted tail is no address, as in the service's engine.
    """
    if len(text) > _ADDRESS_LENGTH_MAX or ("." not in text and ":" not in text):
        return None
    return _address(text)


@lru_cache(maxsize=1_024)  # several rules ask it of one value
def _address(text: str) -> tuple[int, int] | None:
    octets = text.split(".")
    if len(octets) == 4:
        # What `int` takes besides, as signs and underscores, isn't made of digits only.
        digits = "".join(octets)
        if len(text) > _V4_LENGTH_MAX or not (digits.isascii() and digits.isdecimal()):
            return None
        try:
            return 4, int.from_bytes(bytes(map(int, octets)))
        except ValueError:  # one is missing, or beyond 255
            return None
    if ":" in text and _V6.fullmatch(text):
        try:
            v6 = ipaddress.IPv6Address(text)
        except ValueError:
            return None
        return (4, int(v6.ipv4_mapped)) if v6.ipv4_mapped is not None else (6, int(v6))
    return None
