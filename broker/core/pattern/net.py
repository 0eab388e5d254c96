"""a net of branches: an event is led by its values to the few that it may match

Each branch waits under the value of its next exact field: with others in a bucket until they are
many, then in a net in turn. Branches that have no exact field left wait by what else they want. An
event visits only what its own values lead to, so few branches are tested that don't match.
"""

from collections.abc import Iterator

from broker.core.pattern.branch import CompiledBranch
from broker.core.pattern.bucket import Bucket
from broker.core.pattern.event import Leaves
from broker.core.pattern.predicate import Lead
from broker.core.pattern.residuals import Residuals
from broker.core.pattern.values import EXACT_INTEGER_MAX
from broker.core.pattern.visit import ABSENT, Visit, step

__all__ = ["Net"]

BUCKET = 8  # branches that are tested one by one, before they are told apart by their values
FEW = 32  # without an exact field, that are tested one by one: to look them up would cost as much


class Net:
    """A net, and all below it; `depth` is how many exact fields have led to it."""

    __slots__ = ("_children", "_counts", "_depth", "_paths", "_residuals", "_rest")

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        # In one table for all paths: an event that has a dozen values looks in one place.
        self._children: dict[Lead, Net | Bucket] = {}
        self._paths: dict[str | None, dict[str, str]] = {}  # of children, by object and key
        self._counts: dict[str, int] = {}  # of children, by path
        self._rest: Bucket | None = None  # branches that have no exact field left
        self._residuals: Residuals | None = None  # instead, if many have other fields

    def __len__(self) -> int:
        """0 if nothing waits, neither here nor below; the number says nothing else."""
        return bool(self._rest) + len(self._children) + (self._residuals is not None)

    def branches(self) -> Iterator[CompiledBranch]:
        """All that wait here or below; one that waits under several values comes several times."""
        if self._rest is not None:
            yield from self._rest.branches()
        if self._residuals is not None:
            yield from self._residuals.branches()
        for child in self._children.values():
            yield from child.branches()

    def add(self, branch: CompiledBranch) -> None:
        """Let a branch wait here or below. Costs what its fields cost, and at times a split."""
        depth = self._depth
        if depth < len(branch.exact):
            for lead in branch.exact[depth].leads:
                self._add_below(lead, branch)
        elif self._residuals is not None and branch.residual:
            self._residuals.add(branch)
        else:
            if self._rest is None:
                self._rest = Bucket()
            self._rest.add(branch, branch.tests(depth))
            if self._rest.tested > FEW:
                self._residuals = Residuals(self._rest.take_tested())
                self._rest = self._rest if len(self._rest) else None

    def remove(self, branch: CompiledBranch) -> None:
        """Take a branch out that is here or below, and what is empty after it."""
        depth = self._depth
        if depth < len(branch.exact):
            for lead in branch.exact[depth].leads:
                child = self._children[lead]
                child.remove(branch)
                if not len(child):
                    del self._children[lead]
                    self._forget(lead[0])
        elif self._residuals is not None and branch.residual:
            self._residuals.remove(branch)
            if not len(self._residuals):
                self._residuals = None
        else:
            assert self._rest is not None
            self._rest.remove(branch)
            if not len(self._rest):
                self._rest = None

    def collect(self, visit: Visit) -> None:
        """Add the rules whose branches match."""
        if self._rest is not None:
            self._rest.collect(visit)
        if self._residuals is not None:
            self._residuals.collect(visit)
        if visit.whole is not None:
            self._collect_by_leaves(visit.whole, visit)
            return
        children = self._children
        for parent, paths in self._paths.items():
            there = visit[parent]
            if len(paths) > len(there):
                paths = {key: paths[key] for key in there if key in paths}
            for key, path in paths.items():
                # What is simple is looked up as it is: to make a leaf of it would cost more.
                value = there.get(key, ABSENT)
                if type(value) is str or (
                    type(value) is int and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX
                ):
                    child = children.get((path, value))
                    if child is not None:
                        child.collect(visit)
                elif value is not ABSENT:
                    self._collect_at(path, visit)

    def _collect_by_leaves(self, leaves: Leaves, visit: Visit) -> None:
        counts = self._counts
        for path in counts if len(counts) <= len(leaves) else leaves:
            if path in counts:
                self._collect_at(path, visit)

    def _collect_at(self, path: str, visit: Visit) -> None:
        for value in {value for value, _ in visit.leaves(path)}:
            child = self._children.get((path, value))
            if child is not None:
                child.collect(visit)

    def _add_below(self, lead: Lead, branch: CompiledBranch) -> None:
        depth = self._depth + 1
        child = self._children.get(lead)
        if child is None:
            child = self._children[lead] = Bucket()
            self._name(lead[0])
        if isinstance(child, Net):
            child.add(branch)
            return
        child.add(branch, branch.tests(depth))
        if len(child) > BUCKET:
            net = Net(depth)
            for each in child.branches():
                net.add(each)
            self._children[lead] = net

    def _name(self, path: str) -> None:
        count = self._counts[path] = self._counts.get(path, 0) + 1
        if count == 1:
            parent, key = step(path)
            self._paths.setdefault(parent, {})[key] = path

    def _forget(self, path: str) -> None:
        self._counts[path] -= 1
        if not self._counts[path]:
            del self._counts[path]
            parent, key = step(path)
            del self._paths[parent][key]
            if not self._paths[parent]:
                del self._paths[parent]
