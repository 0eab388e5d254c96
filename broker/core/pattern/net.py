"""a net of branches: an event is led by its values to the few that it may match

Each branch waits under the value of its next exact field: with others in a bucket until they are
many, then in a net in turn. Branches that have no exact field left wait by what else they want. An
event visits only what its own values lead to, so few branches are tested that don't match.
"""

from collections.abc import Iterator

from broker.core.pattern.branch import CompiledBranch
from broker.core.pattern.bucket import Bucket
from broker.core.pattern.event import Leaves
from broker.core.pattern.residuals import Residuals
from broker.core.pattern.values import EXACT_INTEGER_MAX, Value
from broker.core.pattern.visit import ABSENT, PlainVisit, Visit, path_of, step

__all__ = ["ByValue", "Net", "collect_at", "place", "take"]

BUCKET = 8  # branches that are tested one by one, before they are told apart by their values
SEVERAL = 8  # objects that lead on: those that the event has are looked for first
MANY = 16  # fields of one object: if it has fewer keys, these lead to its values
FEW = 32  # without an exact field, that are tested one by one: to look them up would cost as much

ByValue = dict[Value, "Net | Bucket"]
"""Branches by the value that leads to them, at one path."""


def place(by_value: ByValue, value: Value, branch: CompiledBranch, depth: int) -> None:
    """Let a branch wait under a value; `depth` is how many of its exact fields hold then."""
    child = by_value.get(value)
    if child is None:
        child = by_value[value] = Bucket()
    if isinstance(child, Net):
        child.add(branch)
        return
    child.add(branch, branch.tests(depth))
    if len(child) > BUCKET:
        net = by_value[value] = Net(depth)
        for each in child.branches():
            net.add(each)


def take(by_value: ByValue, value: Value, branch: CompiledBranch) -> None:
    """Take a branch out that waits under this value."""
    child = by_value[value]
    child.remove(branch)
    if not len(child):
        del by_value[value]


def collect_at(path: str, by_value: ByValue, visit: Visit) -> None:
    """Add the rules that wait under one of the event's values there, and match."""
    for value in {value for value, _ in visit.leaves(path)}:
        if value in by_value:
            by_value[value].collect(visit)


class Net:
    """A net, and all below it; `depth` is how many exact fields have led to it."""

    __slots__ = ("_depth", "_objects", "_rest")

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        # What leads on: by the path of the object it lies in (None: the event), and its key.
        self._objects: dict[str | None, dict[str, ByValue]] = {}
        # Branches that have no exact field left: if many have others, by these.
        self._rest: Bucket | Residuals | None = None

    def __len__(self) -> int:
        """0 if nothing waits, neither here nor below; the number says nothing else."""
        return len(self._objects) + (self._rest is not None)

    def branches(self) -> Iterator[CompiledBranch]:
        """All that wait here or below; one that waits under several values comes several times."""
        if self._rest is not None:
            yield from self._rest.branches()
        for fields in self._objects.values():
            for by_value in fields.values():
                for child in by_value.values():
                    yield from child.branches()

    def add(self, branch: CompiledBranch) -> None:
        """Let a branch wait here or below. Costs what its fields cost, and at times a split."""
        depth = self._depth
        if depth < len(branch.exact):
            for path, value in branch.exact[depth].leads:
                parent, key = step(path)
                by_value = self._objects.setdefault(parent, {}).setdefault(key, {})
                place(by_value, value, branch, depth + 1)
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
            for path, value in branch.exact[depth].leads:
                parent, key = step(path)
                fields = self._objects[parent]
                take(fields[key], value, branch)
                if not fields[key]:
                    del fields[key]
                    if not fields:
                        del self._objects[parent]
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
        objects = self._objects
        if len(objects) > SEVERAL:
            assert isinstance(visit, PlainVisit)
            objects = {each: objects[each] for each in visit.objects() if each in objects}
        for parent, fields in objects.items():
            there = visit[parent]
            if len(fields) > MANY and len(fields) > len(there):
                fields = {key: fields[key] for key in there if key in fields}
            get = there.get
            for key, by_value in fields.items():
                # What is simple is looked up as it is: to make a leaf of it would cost more.
                value = get(key, ABSENT)
                if type(value) is str or (
                    type(value) is int and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX
                ):
                    if value in by_value:
                        by_value[value].collect(visit)
                elif value is not ABSENT:
                    collect_at(path_of(parent, key), by_value, visit)

    def _collect_by_leaves(self, leaves: Leaves, visit: Visit) -> None:
        if sum(map(len, self._objects.values())) <= len(leaves):
            for parent, fields in self._objects.items():
                for key, by_value in fields.items():
                    collect_at(path_of(parent, key), by_value, visit)
            return
        for path in leaves:
            parent, key = step(path)
            fields = self._objects.get(parent, {})
            if key in fields:
                collect_at(path, fields[key], visit)
