"""a net of branches: an event is led by its values to the few that it may match

A node holds branches in a bucket until they are many. Then each goes on under the value of its next
exact field, and those that have none left wait by what else they want. An event visits only the
children that its own values name, so a branch is tested only if all its exact fields agree.
"""

from collections.abc import Iterator

from broker.core.pattern.branch import CompiledBranch
from broker.core.pattern.bucket import Bucket
from broker.core.pattern.leaves import Visit, step
from broker.core.pattern.residuals import Residuals
from broker.core.pattern.values import EXACT_INTEGER_MAX, Value

__all__ = ["Net"]

BUCKET = 8  # branches that are tested one by one, before they are told apart by their values


class Net:
    """A node with all below it; the root is the whole net. `depth` is how far down it lies."""

    __slots__ = ("_bucket", "_residuals", "_split", "_tables")

    def __init__(self) -> None:
        self._bucket = Bucket()
        self._split = False
        self._tables: dict[str | None, dict[str, _Table]] = {}  # by object and key, as `step` says
        self._residuals: Residuals | None = None

    def __bool__(self) -> bool:
        return bool(len(self._bucket) or self._tables or self._residuals is not None)

    def branches(self) -> Iterator[CompiledBranch]:
        """All that wait here or below; one that waits under several values comes several times."""
        yield from self._bucket.complete.values()
        yield from self._bucket.tested
        if self._residuals is not None:
            yield from self._residuals.branches()
        for keyed in self._tables.values():
            for table in keyed.values():
                for child in table.children.values():
                    yield from child.branches()

    def add(self, branch: CompiledBranch, depth: int = 0) -> None:
        """Let a branch wait here or below. Costs what its fields cost, and at times a split."""
        if self._split:
            self._place(branch, depth)
            return
        self._bucket.add(branch, branch.tests(depth))
        if len(self._bucket) > BUCKET:
            waited = [*self._bucket.complete.values(), *self._bucket.tested]
            self._bucket = Bucket()
            self._split = True
            for each in waited:
                self._place(each, depth)

    def remove(self, branch: CompiledBranch, depth: int = 0) -> None:
        """Take a branch out that is here or below, and what is empty after it."""
        if branch in self._bucket:
            self._bucket.remove(branch)
        elif depth == len(branch.exact):
            assert self._residuals is not None
            self._residuals.remove(branch)
            if not len(self._residuals):
                self._residuals = None
        else:
            field = branch.exact[depth]
            parent, key = step(field.path)
            keyed = self._tables[parent]
            children = keyed[key].children
            for value in field.values or ():
                children[value].remove(branch, depth + 1)
                if not children[value]:
                    del children[value]
            if not children:
                del keyed[key]
            if not keyed:
                del self._tables[parent]

    def collect(self, visit: Visit) -> None:
        """Add the rules whose branches match."""
        bucket = self._bucket
        if bucket.tested or bucket.complete:
            bucket.collect(visit)
        if self._residuals is not None:
            self._residuals.collect(visit)
        objects = visit.objects
        if objects is None:
            for parent, keyed in self._tables.items():
                _by_leaves(parent, keyed, visit)
            return
        for parent, keyed in self._tables.items():
            there = objects[parent]
            if len(keyed) > len(there):
                keyed = {key: keyed[key] for key in there if key in keyed}
            for key, table in keyed.items():
                if key not in there:
                    continue
                # What is simple is looked up as it is: to make a leaf of it would cost more.
                value = there[key]
                kind = type(value)
                if kind is str or (
                    kind is int and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX
                ):
                    child = table.children.get(value)
                    if child is not None:
                        child.collect(visit)
                else:
                    _by_leaf(table, visit)

    def _place(self, branch: CompiledBranch, depth: int) -> None:
        if depth < len(branch.exact):
            field = branch.exact[depth]
            parent, key = step(field.path)
            keyed = self._tables.setdefault(parent, {})
            table = keyed.get(key)
            if table is None:
                table = keyed[key] = _Table(field.path)
            for value in field.values or ():
                child = table.children.get(value)
                if child is None:
                    child = table.children[value] = Net()
                child.add(branch, depth + 1)
        elif branch.residual:
            if self._residuals is None:
                self._residuals = Residuals()
            self._residuals.add(branch)
        else:
            self._bucket.add(branch, ())


class _Table:
    """Where branches go on by what they want at one path."""

    __slots__ = ("children", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.children: dict[Value, Net] = {}


def _by_leaves(parent: str | None, keyed: dict[str, _Table], visit: Visit) -> None:
    if len(keyed) <= len(visit):
        for table in keyed.values():
            _by_leaf(table, visit)
    else:
        for path in visit:
            above, key = step(path)
            if above == parent and key in keyed:
                _by_leaf(keyed[key], visit)


def _by_leaf(table: _Table, visit: Visit) -> None:
    here = visit[table.path]
    if here is None:
        return
    for value in {value for value, _ in here}:
        child = table.children.get(value)
        if child is not None:
            child.collect(visit)
