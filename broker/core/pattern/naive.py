"""does one event match one pattern: the plain evaluator, written straight from the language

It stays as the oracle that judges the matcher, so it shares no shortcut with it: it flattens the
whole event, tries every leaf, and backtracks.
"""

from typing import Any

from broker.core.pattern.event import Leaf, Membership, RepeatedKeys, flatten, merged
from broker.core.pattern.language import (
    Address,
    Alternative,
    AnythingBut,
    Branch,
    Cidr,
    EqualsIgnoreCase,
    Exact,
    Exists,
    NumericRange,
    Pattern,
    Prefix,
    PrefixIgnoreCase,
    Suffix,
    SuffixIgnoreCase,
    Wildcard,
)
from broker.core.pattern.values import Value, address

__all__ = ["matches", "satisfies"]


def matches(pattern: Pattern, event: dict[str, Any] | RepeatedKeys) -> bool:
    """Whether the event matches the pattern.

    The cost grows with the product of the leaves that each field satisfies, and of texts: for tests
    and benchmarks, not for what somebody sends.
    """
    leaves = flatten(event)
    return any(_matches_from(branch, 0, (), leaves) for branch in pattern.branches)


def _matches_from(
    branch: Branch, position: int, sofar: Membership, leaves: dict[str, list[Leaf]]
) -> bool:
    """Whether the fields from `position` on match, given the array elements chosen before."""
    if position == len(branch):
        return True
    field = branch[position]
    reachable = [
        (value, membership)
        for value, own in leaves.get(field.path, [])
        if (membership := merged(sofar, own)) is not None
    ]
    if (
        not reachable
        and Exists(False) in field.alternatives
        and _matches_from(branch, position + 1, sofar, leaves)
    ):
        return True
    return any(
        any(satisfies(value, alternative) for alternative in field.alternatives)
        and _matches_from(branch, position + 1, membership, leaves)
        for value, membership in reachable
    )


def satisfies(value: Value, alternative: Alternative) -> bool:
    """Whether a leaf that is there satisfies one alternative."""
    match alternative:
        case Exact(wanted):
            return value == wanted
        case Exists(present):
            return present
        case AnythingBut(excluded):
            return not any(satisfies(value, each) for each in excluded)
        case NumericRange(bottom, open_bottom, top, open_top):
            return (
                isinstance(value, int | float)
                and (bottom is None or (value > bottom if open_bottom else value >= bottom))
                and (top is None or (value < top if open_top else value <= top))
            )
    if not isinstance(value, str):
        return False
    match alternative:
        case Prefix(text):
            return value.startswith(text)
        case Suffix(text):
            return value.endswith(text)
        case EqualsIgnoreCase(text):
            return len(value) in _folded_ends(text, value, 0)
        case PrefixIgnoreCase(text):
            return bool(_folded_ends(text, value, 0))
        case SuffixIgnoreCase(text):
            # No spelling has more than three characters.
            starts = range(max(len(value) - 3 * len(text), 0), len(value) + 1)
            return any(len(value) in _folded_ends(text, value, start) for start in starts)
        case Wildcard(pieces=pieces):
            return _wildcard(pieces, value)
        case Address(version=version, packed=packed):
            return address(value) == (version, packed)
        case Cidr(version=version, first=first, last=last):
            spelled = address(value)
            return spelled is not None and spelled[0] == version and first <= spelled[1] <= last


def _folded_ends(text: str, value: str, start: int) -> set[int]:
    """Where in `value` a text that begins at `start` and ignores case can end."""
    ends = {start}
    for character in text:
        spellings = {character, character.upper(), character.lower()}
        ends = {
            end + len(spelling)
            for end in ends
            for spelling in spellings
            if value.startswith(spelling, end)
        }
    return ends


def _wildcard(pieces: tuple[str, ...], value: str) -> bool:
    if len(pieces) == 1:
        return value == pieces[0]
    ends = {len(pieces[0])} if value.startswith(pieces[0]) else set()
    for piece in pieces[1:]:
        ends = {
            at + len(piece)
            for at in range(min(ends, default=len(value) + 1), len(value) + 1)
            if value.startswith(piece, at)
        }
    return len(value) in ends
