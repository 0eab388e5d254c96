"""which rules of a set match an event

Each branch of a rule waits in one place. If it has a field that must equal one of some values, it
waits under these values of that field; of several such fields the one whose values the fewest other
branches name. Else it waits for any leaf at a path that it needs, and a branch that needs none (all
of its fields accept absence) is asked about every event. An event is walked once; it asks only the
branches that wait where it has leaves.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from broker.core.pattern.consistency import array_consistent
from broker.core.pattern.event import Leaf, RepeatedKeys
from broker.core.pattern.language import Pattern
from broker.core.pattern.paths import Paths
from broker.core.pattern.predicate import FieldPredicate, Predicate, compile_field
from broker.core.pattern.values import Value

__all__ = ["Matcher"]

K = TypeVar("K", bound=Hashable)


class _Compiled:
    """One branch of a rule, ready to be asked."""

    __slots__ = ("driver", "fields", "order", "paths", "placed", "rest")

    def __init__(self, order: int, fields: tuple[FieldPredicate, ...]) -> None:
        self.order = order
        self.fields = fields  # in path order
        self.paths = frozenset(each.path for each in fields)
        self.placed = False
        self.driver: FieldPredicate | None = None
        self.rest: tuple[tuple[str, Predicate, bool], ...] = ()

    def drive_by(self, driver: FieldPredicate | None) -> None:
        """Wait at this field: if it drives by its values, they need no second test."""
        self.placed = True
        self.driver = driver
        # Equality is the cheapest test and the one that fails most often.
        cheapest_first = sorted(self.fields, key=lambda each: each.values is None)
        self.rest = tuple(
            (each.path, each.accepts, each.accepts_absence)
            for each in cheapest_first
            if each is not driver or each.values is None
        )

    def holds(self, leaves: dict[str, list[Leaf]], nested: set[str]) -> bool:
        """Whether an event that reached this branch matches it."""
        if nested and len(self.paths & nested) > 1:
            return array_consistent(self.fields, leaves)
        for path, accepts, accepts_absence in self.rest:
            here = leaves.get(path)
            if here is None:
                if accepts_absence:
                    continue
                return False
            for value, _ in here:
                if accepts(value):
                    break
            else:
                return False
        return True


@dataclass(slots=True)
class _Waiting:
    """The branches that wait at one path."""

    by_value: dict[Value, list[_Compiled]] = field(default_factory=dict)
    for_any: list[_Compiled] = field(default_factory=list)


def _selected(by_value: dict[Value, list[_Compiled]], here: list[Leaf]) -> Iterable[_Compiled]:
    """The branches that wait for one of these leaves, each once."""
    if len(here) == 1:
        return by_value.get(here[0][0], ())
    values = {value for value, _ in here}
    return {branch for value in values for branch in by_value.get(value, ())}


class Matcher(Generic[K]):
    """A set of rules, each a key and a pattern, in the order in which they were added.

    Nothing here waits or awaits: on one event loop, every `matching` sees all of a change or none.
    Who needs the set as it was before a change takes a `copy` first.
    """

    __slots__ = ("_always", "_keys", "_next", "_paths", "_rules", "_uses", "_waiting")

    def __init__(self, rules: Iterable[tuple[K, Pattern]] = ()) -> None:
        self._rules: dict[K, tuple[_Compiled, ...]] = {}
        self._keys: dict[int, K] = {}  # by order
        self._next = 0
        self._paths = Paths()
        self._waiting: dict[str, _Waiting] = {}
        self._always: list[_Compiled] = []
        self._uses: dict[tuple[str, Value], int] = {}  # branches that name a value at a path
        for key, pattern in rules:
            self._compile(key, pattern)
        # Only now is it known which values are rare.
        for branches in self._rules.values():
            self._place(branches)

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, key: object) -> bool:
        return key in self._rules

    def add(self, key: K, pattern: Pattern) -> None:
        """Let the rule take part; a rule of that key is replaced and keeps its place in the order.

        Costs what the pattern's fields cost, however many rules there are.
        """
        self._place(self._compile(key, pattern))

    def remove(self, key: K) -> None:
        """Let the rule take part no longer.

        Costs what the pattern's fields cost, and a look through the branches that wait at the same
        value. Raises: KeyError if there is no such rule.
        """
        branches = self._rules.pop(key)
        del self._keys[branches[0].order]
        self._withdraw(branches)

    def copy(self) -> "Matcher[K]":
        """The same rules, to be changed apart. Costs as much as placing every rule."""
        twin: Matcher[K] = Matcher()
        twin._next = self._next
        twin._keys = dict(self._keys)
        for key, branches in self._rules.items():
            twin._rules[key] = tuple(_Compiled(each.order, each.fields) for each in branches)
            twin._count(twin._rules[key])
        for branches in twin._rules.values():
            twin._place(branches)
        return twin

    def matching(self, event: dict[str, Any] | RepeatedKeys) -> list[K]:
        """The keys of the rules that match the event, in the order in which they were added.

        `event` is what a JSON parser or `parse_event` gave; it is only read.
        """
        leaves, nested = self._paths.leaves(event)
        found: set[int] = set()
        for path, here in leaves.items():
            waiting = self._waiting.get(path)
            if waiting is None:
                continue
            if waiting.by_value:
                for branch in _selected(waiting.by_value, here):
                    if branch.order not in found and branch.holds(leaves, nested):
                        found.add(branch.order)
            for branch in waiting.for_any:
                if branch.order not in found and branch.holds(leaves, nested):
                    found.add(branch.order)
        for branch in self._always:
            if branch.order not in found and branch.holds(leaves, nested):
                found.add(branch.order)
        return [self._keys[order] for order in sorted(found)]

    def check_invariants(self) -> None:
        """Assert that nothing is kept for rules that are not there."""
        named = {each.path for rule in self._rules.values() for b in rule for each in b.fields}
        waiting = [branch for branches in self._rules.values() for branch in branches]
        assert sorted(self._keys.values(), key=repr) == sorted(self._rules, key=repr)
        assert {path for path, _ in self._uses} <= named
        assert set(self._waiting) <= named
        assert all(branch in queue for branch in waiting for queue in self._queues(branch))
        assert self._paths.named() == named
        queues = [
            queue
            for each in self._waiting.values()
            for queue in (each.for_any, *each.by_value.values())
        ]
        assert {b for queue in (*queues, self._always) for b in queue} == set(waiting)

    def _compile(self, key: K, pattern: Pattern) -> tuple[_Compiled, ...]:
        replaced = self._rules.get(key)
        if replaced is None:
            order, self._next = self._next, self._next + 1
            self._keys[order] = key
        else:
            order = replaced[0].order
            self._withdraw(replaced)
        compiled = tuple(
            _Compiled(order, tuple(compile_field(each) for each in branch))
            for branch in pattern.branches
        )
        self._rules[key] = compiled
        self._count(compiled)
        return compiled

    def _count(self, branches: tuple[_Compiled, ...]) -> None:
        for branch in branches:
            for each in branch.fields:
                self._paths.name(each.path)
                for value in each.values or ():
                    use = (each.path, value)
                    self._uses[use] = self._uses.get(use, 0) + 1

    def _place(self, branches: tuple[_Compiled, ...]) -> None:
        for branch in branches:
            branch.drive_by(self._driver(branch))
            for queue in self._queues(branch):
                queue.append(branch)

    def _driver(self, branch: _Compiled) -> FieldPredicate | None:
        exact = [each for each in branch.fields if each.values is not None]
        if exact:
            return min(exact, key=self._crowd)
        return next((each for each in branch.fields if not each.accepts_absence), None)

    def _crowd(self, exact: FieldPredicate) -> int:
        return sum(self._uses[exact.path, value] for value in exact.values or ())

    def _queues(self, branch: _Compiled) -> list[list[_Compiled]]:
        """The lists in which the branch waits, or is to wait."""
        driver = branch.driver
        if driver is None:
            return [self._always]
        waiting = self._waiting.setdefault(driver.path, _Waiting())
        if driver.values is None:
            return [waiting.for_any]
        return [waiting.by_value.setdefault(value, []) for value in driver.values]

    def _withdraw(self, branches: tuple[_Compiled, ...]) -> None:
        for branch in branches:
            if not branch.placed:
                continue
            for queue in self._queues(branch):
                queue.remove(branch)
        for branch in branches:
            self._sweep(branch)
            for each in branch.fields:
                self._paths.forget(each.path)
                for value in each.values or ():
                    use = (each.path, value)
                    self._uses[use] -= 1
                    if not self._uses[use]:
                        del self._uses[use]

    def _sweep(self, branch: _Compiled) -> None:
        """Drop what nobody waits in any longer."""
        driver = branch.driver
        waiting = None if driver is None else self._waiting.get(driver.path)
        if driver is None or waiting is None:
            return
        for value in driver.values or ():
            if not waiting.by_value.get(value, True):
                del waiting.by_value[value]
        if not waiting.by_value and not waiting.for_any:
            del self._waiting[driver.path]
