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
_USUAL = {SOURCE: 0, "detail-type": 2, "account": 3}  # in this order, the others after them
RARE = 0.5  # branches of one source that are expected to want a value: it comes before those


class CompiledBranch:
    """A branch; its fields that must equal something are led to by their values, one by one."""

    __slots__ = ("exact", "fields", "order", "residual")

    def __init__(
        self,
        order: int,
        fields: tuple[FieldPredicate, ...],
        crowds: dict[FieldPredicate, int],
        everyone: int,
    ) -> None:
        """`crowds` says of exact fields how many branches name their values, of `everyone`.

        What most patterns have comes first: it tells most branches apart at once. A value that
        hardly another branch of the same source wants tells more: it comes right after the source,
        so that all detail types of a source are looked up together.
        """
        self.order = order
        self.fields = fields  # in path order
        of_source = [crowds[each] for each in crowds if each.path == SOURCE]
        share = min(1.0, of_source[0] / everyone) if of_source else 1.0

        def rank(each: FieldPredicate) -> tuple[int, int]:
            crowd = crowds[each]
            usual = _USUAL.get(each.path, 4)
            return (1 if usual and crowd * share < RARE else usual), crowd

        exact = sorted(crowds, key=rank)
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
