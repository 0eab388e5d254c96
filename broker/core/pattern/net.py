"""a net of branches: an event is led by its values to the few that it may match

A node holds branches in a bucket until they are many. Then each goes on under the value of its next
exact field, and those that have none left wait by what else they want. An event visits only the
children that its own values name, so a branch is tested only if all its exact fields agree.
"""

from collections.abc import Iterator

from broker.core.pattern.branch import CompiledBranch
from broker.core.pattern.bucket import Bucket, Visit
from broker.core.pattern.event import Leaf
from broker.core.pattern.residuals import Residuals
from broker.core.pattern.values import Value

__all__ = ["Net"]

BUCKET = 8  # branches that are tested one by one, before they are told apart by their values


class Net:
    """A node with all below it; the root is the whole net. `depth` is how far down it lies."""

    __slots__ = ("_bucket", "_residuals", "_split", "_tables")

    def __init__(self) -> None:
        self._bucket = Bucket()
        self._split = False
        self._tables: dict[str, dict[Value, Net]] = {}
        self._residuals: Residuals | None = None

    def __bool__(self) -> bool:
        return bool(len(self._bucket) or self._tables or self._residuals is not None)

    def branches(self) -> Iterator[CompiledBranch]:
        """All that wait here or below; one that waits under several values comes several times."""
        yield from self._bucket.complete.values()
        yield from self._bucket.tested
        if self._residuals is not None:
            yield from self._residuals.branches()
        for table in self._tables.values():
            for child in table.values():
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
            table = self._tables[field.path]
            for value in field.values or ():
                table[value].remove(branch, depth + 1)
                if not table[value]:
                    del table[value]
            if not table:
                del self._tables[field.path]

    def collect(self, visit: Visit) -> None:
        """Add the rules whose branches match."""
        if len(self._bucket):
            self._bucket.collect(visit)
        if self._residuals is not None:
            self._residuals.collect(visit)
        leaves, tables = visit.leaves, self._tables
        if len(tables) <= len(leaves):
            for path, table in tables.items():
                if path in leaves:
                    _go_on(table, leaves[path], visit)
        else:
            for path, here in leaves.items():
                if path in tables:
                    _go_on(tables[path], here, visit)

    def _place(self, branch: CompiledBranch, depth: int) -> None:
        if depth < len(branch.exact):
            field = branch.exact[depth]
            table = self._tables.setdefault(field.path, {})
            for value in field.values or ():
                child = table.get(value)
                if child is None:
                    child = table[value] = Net()
                child.add(branch, depth + 1)
        elif branch.residual:
            if self._residuals is None:
                self._residuals = Residuals()
            self._residuals.add(branch)
        else:
            self._bucket.add(branch, ())


def _go_on(table: dict[Value, Net], here: list[Leaf], visit: Visit) -> None:
    if len(here) == 1:
        child = table.get(here[0][0])
        if child is not None:
            child.collect(visit)
        return
    for value in {value for value, _ in here}:
        child = table.get(value)
        if child is not None:
            child.collect(visit)
