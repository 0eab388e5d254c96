"""the fields of a branch as tests of an event: most of what an event costs among many rules

What is simple, a text or a plain integer in a plain event, is compared where it lies; other scalars
are made comparable first, and of arrays the leaves are asked. A test is a tuple of what it needs,
not a function that holds it: among many rules every look at one more place in memory is felt.
"""

from collections.abc import Iterable
from typing import Any

from broker.core.pattern.predicate import FieldPredicate, TextQuestion, no_text
from broker.core.pattern.values import EXACT_INTEGER_MAX, canonical
from broker.core.pattern.visit import ABSENT, Visit, step

__all__ = ["Test", "Tests", "accepts_other", "holds", "tests_of"]

_SCALARS = frozenset({bool, int, float, type(None)})

Test = tuple[str | None, str, TextQuestion, Any, Any, FieldPredicate]
"""Where the value lies: the path of its object, and its key. What a text is asked, and with what.
If that is `no_text`, an integer has to lie between these two. The field, for any other value."""

Tests = tuple[Test, ...]
"""Of several fields, all of which have to hold."""


def tests_of(fields: Iterable[FieldPredicate]) -> Tests:
    """Each field's test, in this order."""
    return tuple(
        [(*step(each.path), each.asks_text, each.operand, each.upper, each) for each in fields]
    )


def holds(tests: Tests, visit: Visit) -> bool:
    """Whether the event has what all of these fields want."""
    for parent, key, asks_text, operand, upper, field in tests:
        value = visit[parent].get(key, ABSENT)
        if type(value) is str:
            if asks_text(value, operand):
                continue
        elif value is ABSENT:
            if field.accepts_absence:
                continue
        elif (
            asks_text is no_text
            and type(value) is int
            and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX
        ):
            if operand <= value <= upper:
                continue
        elif accepts_other(field, value, visit):
            continue
        return False
    return True


def accepts_other(field: FieldPredicate, value: Any, visit: Visit) -> bool:
    """Whether a field wants what isn't as simple as that."""
    if type(value) in _SCALARS:
        return field.accepts(canonical(value))
    here = visit.leaves(field.path)
    if not here:
        return field.accepts_absence
    return any(field.accepts(each) for each, _ in here)
