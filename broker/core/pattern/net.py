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

__all__ = ["Led", "Net"]

BUCKET = 8  # branches that are tested one by one, before they are told apart by their values
MANY = 16  # paths in one object: if it has fewer keys, these lead to its values
FEW = 32  # without an exact field, that are tested one by one: to look them up would cost as much


class Led(dict[Lead, "Net | Bucket"]):
    """Branches by the value at a path that leads to them.

    One table for all paths: an event that has a dozen values looks in one place.
    """

    __slots__ = ()

    def branches(self) -> Iterator[CompiledBranch]:
        """All that wait here or below; one that waits under several values comes several times."""
        for child in self.values():
            yield from child.branches()

    def place(self, branch: CompiledBranch, lead: Lead, depth: int) -> None:
        """Let a branch wait under a value; `depth` is how many of its exact fields hold then."""
        child = self.get(lead)
        if child is None:
            child = self[lead] = Bucket()
        if isinstance(child, Net):
            child.add(branch)
            return
        child.add(branch, branch.tests(depth))
        if len(child) > BUCKET:
            net = Net(depth)
            for each in child.branches():
                net.add(each)
            self[lead] = net

    def take(self, branch: CompiledBranch, lead: Lead) -> None:
        """Take a branch out that waits under this value."""
        child = self[lead]
        child.remove(branch)
        if not len(child):
            del self[lead]

    def collect_at(self, path: str, visit: Visit) -> None:
        """Add the rules that wait under one of the event's values there, and match."""
        for value in {value for value, _ in visit.leaves(path)}:
            child = self.get((path, value))
            if child is not None:
                child.collect(visit)


class Net:
    """A net, and all below it; `depth` is how many exact fields have led to it."""

    __slots__ = ("_counts", "_depth", "_led", "_paths", "_rest")

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._led = Led()
        self._paths: dict[str | None, dict[str, str]] = {}  # that lead on, by object and key
        self._counts: dict[str, int] = {}  # of values that lead on, by path
        # Branches that have no exact field left: if many have others, by these.
        self._rest: Bucket | Residuals | None = None

    def __len__(self) -> int:
        """0 if nothing waits, neither here nor below; the number says nothing else."""
        return len(self._led) + (self._rest is not None)

    def branches(self) -> Iterator[CompiledBranch]:
        """All that wait here or below; one that waits under several values comes several times."""
        if self._rest is not None:
            yield from self._rest.branches()
        yield from self._led.branches()

    def add(self, branch: CompiledBranch) -> None:
        """Let a branch wait here or below. Costs what its fields cost, and at times a split."""
        depth = self._depth
        if depth < len(branch.exact):
            for lead in branch.exact[depth].leads:
                if lead not in self._led:
                    self._name(lead[0])
                self._led.place(branch, lead, depth + 1)
        elif isinstance(self._rest, Residuals):
            self._rest.add(branch)
        else:
            if self._rest is None:
                self._rest = Bucket()
            self._rest.add(branch, branch.tests(depth))
            if self._rest.tested > FEW:
                self._rest = Residuals(self._rest.branches())

    def remove(self, branch: CompiledBranch) -> None:
        """Take a branch out that is here or below, and what is empty after it."""
        depth = self._depth
        if depth < len(branch.exact):
            for lead in branch.exact[depth].leads:
                self._led.take(branch, lead)
                if lead not in self._led:
                    self._forget(lead[0])
        else:
            assert self._rest is not None
            self._rest.remove(branch)
            if not len(self._rest):
                self._rest = None

    def collect(self, visit: Visit) -> None:
        """Add the rules whose branches match."""
        if self._rest is not None:
            self._rest.collect(visit)
        if visit.whole is not None:
            self._collect_by_leaves(visit.whole, visit)
            return
        led = self._led
        for parent, paths in self._paths.items():
            there = visit[parent]
            if len(paths) > MANY and len(paths) > len(there):
                paths = {key: paths[key] for key in there if key in paths}
            get = there.get
            for key, path in paths.items():
                # What is simple is looked up as it is: to make a leaf of it would cost more.
                value = get(key, ABSENT)
                if type(value) is str or (
                    type(value) is int and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX
                ):
                    child = led.get((path, value))
                    if child is not None:
                        child.collect(visit)
                elif value is not ABSENT:
                    led.collect_at(path, visit)

    def _collect_by_leaves(self, leaves: Leaves, visit: Visit) -> None:
        counts = self._counts
        for path in counts if len(counts) <= len(leaves) else leaves:
            if path in counts:
                self._led.collect_at(path, visit)

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
