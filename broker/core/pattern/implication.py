"""whether whatever matches one pattern matches another, as far as that shows clause by clause

A yes is certain. A no may be wrong: what follows only from several clauses together isn't seen.
"""

from broker.core.pattern.language import (
    Address,
    Alternative,
    AnythingBut,
    Branch,
    Cidr,
    Exact,
    Exists,
    Field,
    NumericRange,
    Pattern,
    Prefix,
    Suffix,
)
from broker.core.pattern.naive import satisfies

__all__ = ["implies"]


def implies(narrow: Pattern, wide: Pattern) -> bool:
    """Whether every event that matches `narrow` matches `wide`."""
    return all(any(_branch(each, other) for other in wide.branches) for each in narrow.branches)


def _branch(narrow: Branch, wide: Branch) -> bool:
    fields = {field.path: field for field in narrow}
    if not all(each.path in fields and _field(fields[each.path], each) for each in wide):
        return False
    # What is absent beside an element of an array may be there beside another: then all the
    # fields that choose the element have to be the same.
    absence = any(Exists(False) in each.alternatives for each in wide)
    return not absence or len(narrow) == len(wide)


def _field(narrow: Field, wide: Field) -> bool:
    return all(
        any(_alternative(each, other) for other in wide.alternatives)
        for each in narrow.alternatives
    )


def _alternative(narrow: Alternative, wide: Alternative) -> bool:
    if narrow == wide:
        return True
    match narrow, wide:
        case Exists(), _:
            return False
        case _, Exists(present):
            return present
        case Exact(value), _:
            return satisfies(value, wide)
        case Address(version=version, packed=packed), Address() as other:
            return (version, packed) == (other.version, other.packed)
        case Address(version=version, packed=packed), Cidr() as block:
            return version == block.version and block.first <= packed <= block.last
        case Cidr() as part, Cidr() as block:
            same = part.version == block.version
            return same and block.first <= part.first and part.last <= block.last
        case Prefix(text), Prefix(start):
            return text.startswith(start)
        case Suffix(text), Suffix(end):
            return text.endswith(end)
        case NumericRange() as part, NumericRange() as whole:
            return _within(part, whole)
        case AnythingBut(more), AnythingBut(fewer):
            return set(fewer) <= set(more)
    return False


def _within(part: NumericRange, whole: NumericRange) -> bool:
    if whole.bottom is not None and (
        part.bottom is None
        or part.bottom < whole.bottom
        or (part.bottom == whole.bottom and whole.open_bottom and not part.open_bottom)
    ):
        return False
    return whole.top is None or not (
        part.top is None
        or part.top > whole.top
        or (part.top == whole.top and whole.open_top and not part.open_top)
    )
