"""branches that wait in one place, and what an event that comes by finds there"""

from collections.abc import Iterator
from operator import eq
from typing import Any

from broker.core.pattern.branch import CompiledBranch
from broker.core.pattern.field_tests import Tests, accepts_other, holds
from broker.core.pattern.predicate import FieldPredicate, TextQuestion, no_text
from broker.core.pattern.values import EXACT_INTEGER_MAX
from broker.core.pattern.visit import ABSENT, Visit

__all__ = ["Bucket"]

_Waiting = tuple[str | None, str, TextQuestion, Any, Any, tuple[FieldPredicate, Tests, int]]
"""A branch's first test laid open, but for the field; then what is rarely looked at: that field,
the other tests, and the order of the rule."""

# Most buckets have only one kind: what the other doesn't need isn't made, nor looked at.
_NONE_COMPLETE: dict[CompiledBranch, int] = {}
_NONE_TESTED: dict[CompiledBranch, _Waiting] = {}


class Bucket:
    """Branches that match if they have come here, and others that have tests left."""

    __slots__ = ("_complete", "_tested")

    def __init__(self) -> None:
        self._complete = _NONE_COMPLETE  # with the order of the rule
        self._tested = _NONE_TESTED

    def __len__(self) -> int:
        return len(self._complete) + len(self._tested)

    @property
    def tested(self) -> int:
        """How many have tests left."""
        return len(self._tested)

    def branches(self) -> Iterator[CompiledBranch]:
        """All that wait here."""
        yield from self._complete
        yield from self._tested

    def add(self, branch: CompiledBranch, tests: Tests) -> None:
        """Let a branch wait here."""
        if tests:
            if self._tested is _NONE_TESTED:
                self._tested = {}
            *test, field = tests[0]
            self._tested[branch] = (*test, (field, tests[1:], branch.order))
        else:
            if self._complete is _NONE_COMPLETE:
                self._complete = {}
            self._complete[branch] = branch.order

    def remove(self, branch: CompiledBranch) -> None:
        """Take a branch out that is here."""
        if self._tested.pop(branch, None) is None:
            del self._complete[branch]

    def collect(self, visit: Visit) -> None:
        """Add the rules whose branches match."""
        if visit.whole is not None and visit.nested:
            self._collect_consistent(visit)
            return
        if self._complete:
            visit.found.update(self._complete.values())
        # The first test as `holds` has it: with many rules most of the time is spent here, and
        # a test that lies in the branch's own place is one place less to look at.
        entered: Any = ABSENT
        for parent, key, asks_text, operand, upper, more in self._tested.values():
            if parent is not entered:
                entered, get = parent, visit[parent].get
            value = get(key, ABSENT)
            if type(value) is str:
                if asks_text is eq:  # most do: it needs no call
                    if value != operand:
                        continue
                elif not asks_text(value, operand):
                    continue
            elif value is ABSENT:
                if not more[0].accepts_absence:
                    continue
            elif (
                asks_text is no_text
                and type(value) is int
                and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX
            ):
                if not operand <= value <= upper:
                    continue
            elif not accepts_other(more[0], value, visit):
                continue
            _, rest, order = more
            if not rest or holds(rest, visit):
                visit.found.add(order)

    def _collect_consistent(self, visit: Visit) -> None:
        nested, found = visit.nested, visit.found
        for branch, order in self._complete.items():
            if not branch.spans(nested) or branch.consistent(visit):
                found.add(order)
        for branch, (*test, (field, rest, order)) in self._tested.items():
            if order not in found and (
                branch.consistent(visit)
                if branch.spans(nested)
                else holds(((*test, field), *rest), visit)
            ):
                found.add(order)
