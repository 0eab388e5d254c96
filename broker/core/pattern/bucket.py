"""branches that wait in one place, and what an event that comes by finds there"""

from dataclasses import dataclass

from broker.core.pattern.branch import CompiledBranch, Leaves, Tests, holds

__all__ = ["Bucket", "Visit"]


@dataclass(slots=True)
class Visit:
    """An event on its way through the net."""

    leaves: Leaves
    nested: set[str]  # paths of leaves in arrays of objects: see `consistency`
    found: set[int]  # orders of the rules that match


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
        nested, found, leaves = visit.nested, visit.found, visit.leaves
        if nested:
            self._collect_nested(visit)
            return
        found.update(self.complete)
        # `holds`, written out: most of what an event costs among many rules is here.
        for order, tests in self.tested.values():
            for path, accepts, accepts_absence in tests:
                here = leaves.get(path)
                if here is None:
                    if accepts_absence:
                        continue
                    break
                for value, _ in here:
                    if accepts(value):
                        break
                else:
                    break
            else:
                found.add(order)

    def _collect_nested(self, visit: Visit) -> None:
        nested, found, leaves = visit.nested, visit.found, visit.leaves
        for order, branch in self.complete.items():
            if not branch.spans(nested) or branch.consistent(leaves):
                found.add(order)
        for branch, (order, tests) in self.tested.items():
            if order not in found and (
                branch.consistent(leaves) if branch.spans(nested) else holds(tests, leaves)
            ):
                found.add(order)
