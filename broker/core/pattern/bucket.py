"""branches that wait in one place, and what an event that comes by finds there"""

from broker.core.pattern.branch import CompiledBranch, Tests, holds
from broker.core.pattern.leaves import Visit
from broker.core.pattern.values import EXACT_INTEGER_MAX

__all__ = ["Bucket"]


class Bucket:
    """Branches by the rule's order: those that have come here match, or have tests left."""

    __slots__ = ("complete", "tested")

    def __init__(self) -> None:
        self.complete: dict[int, CompiledBranch] = {}
        # With the order beside the tests: a branch that fails them need not be looked at itself.
        self.tested: dict[CompiledBranch, tuple[int, Tests]] = {}

    def __len__(self) -> int:
        return len(self.complete) + len(self.tested)

    def __contains__(self, branch: CompiledBranch) -> bool:
        return branch in self.tested or self.complete.get(branch.order) is branch

    def add(self, branch: CompiledBranch, tests: Tests) -> None:
        """Let a branch wait here. Two of one rule: the second isn't kept by its order."""
        if tests or branch.order in self.complete:
            self.tested[branch] = branch.order, tests
        else:
            self.complete[branch.order] = branch

    def remove(self, branch: CompiledBranch) -> None:
        """Take a branch out that is here."""
        if self.tested.pop(branch, None) is None and self.complete.get(branch.order) is branch:
            del self.complete[branch.order]

    def collect(self, visit: Visit) -> None:
        """Add the rules whose branches match."""
        found, objects = visit.found, visit.objects
        if objects is None:
            self._collect_with_leaves(visit)
            return
        if self.complete:
            found.update(self.complete)
        # `holds` of a plain event, written out: most of what an event costs among many rules is
        # here. What is simple is tested as it is: to make a leaf of it would cost more.
        for order, tests in self.tested.values():
            for path, parent, key, accepts, accepts_absence in tests:
                there = objects[parent]
                if key in there:
                    value = there[key]
                    kind = type(value)
                    if kind is str or (
                        kind is int and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX
                    ):
                        if accepts(value):
                            continue
                        break
                    here = visit[path]
                    if here is not None:
                        for value, _ in here:
                            if accepts(value):
                                break
                        else:
                            break
                        continue
                if accepts_absence:
                    continue
                break
            else:
                found.add(order)

    def _collect_with_leaves(self, visit: Visit) -> None:
        nested, found = visit.nested, visit.found
        for order, branch in self.complete.items():
            if not branch.spans(nested) or branch.consistent(visit):
                found.add(order)
        for branch, (order, tests) in self.tested.items():
            if order not in found and (
                branch.consistent(visit) if branch.spans(nested) else holds(tests, visit)
            ):
                found.add(order)
