"""why an event does not match a pattern, clause by clause"""

from dataclasses import dataclass
from typing import Any

from broker.core.pattern.consistency import array_consistent
from broker.core.pattern.event import Leaves, RepeatedKeys, flatten
from broker.core.pattern.language import Branch, Field, Pattern, spelled
from broker.core.pattern.predicate import FieldPredicate, compile_field
from broker.core.pattern.values import Value

__all__ = ["FailedClause", "explain"]


@dataclass(frozen=True, slots=True)
class FailedClause:
    """One field of one branch that kept an event from matching."""

    branch: int  # 0, unless the pattern has $or
    path: str
    wanted: tuple[str, ...]  # the alternatives, as JSON text
    found: tuple[Value, ...]  # the event's values there; none: the field is absent
    in_other_elements: bool = False  # each field alone holds, but not in the same array elements


def explain(pattern: Pattern, event: dict[str, Any] | RepeatedKeys) -> tuple[FailedClause, ...]:
    """The clauses that failed, of every branch; empty if the event matches."""
    leaves = flatten(event)
    failed: list[FailedClause] = []
    for number, branch in enumerate(pattern.branches):
        failures = _failures(number, branch, leaves)
        if not failures:
            return ()
        failed += failures
    return tuple(failed)


def _failures(number: int, branch: Branch, leaves: Leaves) -> list[FailedClause]:
    predicates = [compile_field(each) for each in branch]
    if array_consistent(predicates, leaves):
        return []
    alone = [each for each in predicates if not _holds_alone(each, leaves)]
    if alone:
        return [_clause(number, each.field, leaves) for each in alone]
    first = next(
        count
        for count in range(1, len(branch) + 1)
        if not array_consistent(predicates[:count], leaves)
    )
    return [_clause(number, branch[first - 1], leaves, in_other_elements=True)]


def _holds_alone(field: FieldPredicate, leaves: Leaves) -> bool:
    here = leaves[field.path]
    return any(field.accepts(value) for value, _ in here) if here else field.accepts_absence


def _clause(
    number: int, field: Field, leaves: Leaves, *, in_other_elements: bool = False
) -> FailedClause:
    wanted = tuple(spelled(each) for each in field.alternatives)
    found = tuple(value for value, _ in leaves[field.path])
    return FailedClause(number, field.path, wanted, found, in_other_elements)
