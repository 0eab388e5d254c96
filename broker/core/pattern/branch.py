"""one branch of a rule, ready to be held against events"""

from collections.abc import Set

from broker.core.pattern.consistency import array_consistent
from broker.core.pattern.field_tests import Tests, tests_of
from broker.core.pattern.predicate import FieldPredicate
from broker.core.pattern.visit import Visit

__all__ = ["SOURCE", "CompiledBranch"]

EXACT_FIELDS_MAX = 32  # that lead to a branch: it lies as many nets deep
EXACT_PLACES_MAX = 16  # in which one branch may wait, for its exact fields' values together
SOURCE = "source"


class CompiledBranch:
    """A branch; its fields that must equal something are led to by their values, one by one."""

    __slots__ = ("exact", "fields", "order", "residual")

    def __init__(
        self, order: int, fields: tuple[FieldPredicate, ...], crowds: dict[FieldPredicate, int]
    ) -> None:
        """`crowds` says of exact fields how many branches name their values: the fewer, the first.

        The source comes first all the same: nearly every rule and every event has one.
        """
        self.order = order
        self.fields = fields  # in path order
        exact = sorted(crowds, key=lambda each: (each.path != SOURCE, crowds[each]))
        places = 1
        leading: list[FieldPredicate] = []
        for each in exact:
            if len(leading) < EXACT_FIELDS_MAX and places * len(each.leads) <= EXACT_PLACES_MAX:
                places *= len(each.leads)
                leading.append(each)
        self.exact = tuple(leading)
        # Equality first: it is the cheapest test and the one that fails most often.
        rest = [each for each in fields if each not in leading]
        self.residual = tuple(sorted(rest, key=lambda each: not each.leads))

    def is_led_by(self, path: str) -> bool:
        """Whether its first exact field is the one there."""
        return bool(self.exact) and self.exact[0].path == path

    def tests(self, depth: int) -> Tests:
        """What is to be tested once the first `depth` exact fields are known to hold."""
        return tests_of((*self.exact[depth:], *self.residual))

    def spans(self, nested: Set[str]) -> bool:
        """Whether several of its fields may lie in arrays of objects, which must then agree."""
        found = 0
        for each in self.fields:
            found += each.path in nested
        return found > 1

    def consistent(self, visit: Visit) -> bool:
        """Whether an event matches that has arrays of objects in several of its fields."""
        assert visit.whole is not None
        return array_consistent(self.fields, visit.whole)
