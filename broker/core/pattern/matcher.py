"""which rules of a set match an event"""

from collections.abc import Hashable, Iterable
from operator import itemgetter
from typing import Any, Generic, TypeVar

from broker.core.pattern.branch import SOURCE, CompiledBranch
from broker.core.pattern.event import RepeatedKeys
from broker.core.pattern.language import Pattern
from broker.core.pattern.net import ByValue, Net, collect_at, place, take
from broker.core.pattern.paths import Paths
from broker.core.pattern.predicate import FieldPredicate, Lead, compile_field
from broker.core.pattern.visit import NotPlain, PlainVisit, Visit, WholeVisit

__all__ = ["Matcher"]

K = TypeVar("K", bound=Hashable)


class Matcher(Generic[K]):
    """A set of rules, each a key and a pattern, in the order in which they were added.

    Nothing here waits or awaits: on one event loop, every `matching` sees all of a change or none.
    """

    __slots__ = ("_by_source", "_keys", "_next", "_others", "_paths", "_rules", "_uses")

    def __init__(self, rules: Iterable[tuple[K, Pattern]] = ()) -> None:
        self._rules: dict[K, tuple[CompiledBranch, ...]] = {}
        self._keys: dict[int, K] = {}  # by order
        self._next = 0
        self._paths = Paths()
        self._by_source: ByValue = {}  # those that want a certain one: nearly all
        self._others: Net | None = None
        self._uses: dict[Lead, int] = {}  # branches that name a value at a path
        for key, pattern in rules:
            self.add(key, pattern)

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, key: object) -> bool:
        return key in self._rules

    def add(self, key: K, pattern: Pattern) -> None:
        """Let the rule take part; a rule of that key is replaced and keeps its place in the order.

        Costs what the pattern's fields cost, however many rules there are.
        """
        replaced = self._rules.get(key)
        if replaced is None:
            order, self._next = self._next, self._next + 1
            self._keys[order] = key
        else:
            order = replaced[0].order
            self._withdraw(replaced)
        compiled = tuple(
            [
                self._compile(order, tuple([compile_field(each) for each in branch]))
                for branch in pattern.branches
            ]
        )
        self._rules[key] = compiled
        for branch in compiled:
            self._place(branch)

    def remove(self, key: K) -> None:
        """Let the rule take part no longer. Raises: KeyError if there is no such rule."""
        branches = self._rules.pop(key)
        del self._keys[branches[0].order]
        self._withdraw(branches)

    def matching(self, event: dict[str, Any] | RepeatedKeys) -> list[K]:
        """The keys of the rules that match the event, in the order in which they were added.

        `event` is what a JSON parser or `parse_event` gave; it is only read.
        """
        visit: Visit
        others = self._others
        try:
            if type(event) is not dict:
                raise NotPlain
            source = event.get(SOURCE)
            if type(source) is str:  # as nearly always
                led = self._by_source.get(source)
                if led is None and others is None:
                    return []
                visit = PlainVisit(event, self._paths.root)
                if led is not None:
                    led.collect(visit)
            else:
                visit = PlainVisit(event, self._paths.root)
                if self._by_source:
                    collect_at(SOURCE, self._by_source, visit)
            if others is not None:
                others.collect(visit)
        except NotPlain:
            visit = WholeVisit(*self._paths.leaves(event))
            collect_at(SOURCE, self._by_source, visit)
            if others is not None:
                others.collect(visit)
        found = visit.found
        if len(found) > 1:  # at times thousands: all by one call
            return list(itemgetter(*sorted(found))(self._keys))
        return [self._keys[order] for order in found]

    def check_invariants(self) -> None:
        """Assert that nothing is kept for rules that are not there."""
        named = {each.path for rule in self._rules.values() for b in rule for each in b.fields}
        assert sorted(self._keys.values(), key=repr) == sorted(self._rules, key=repr)
        assert {path for path, _ in self._uses} <= named
        assert self._paths.named() == named
        there = {branch for branches in self._rules.values() for branch in branches}
        starts = [*self._by_source.values(), *([self._others] if self._others is not None else [])]
        assert {branch for start in starts for branch in start.branches()} == there

    def _compile(self, order: int, fields: tuple[FieldPredicate, ...]) -> CompiledBranch:
        crowds: dict[FieldPredicate, int] = {}
        for each in fields:
            self._paths.name(each.path)
            if not each.leads:
                continue
            crowds[each] = 0
            for lead in each.leads:
                count = self._uses[lead] = self._uses.get(lead, 0) + 1
                crowds[each] += count
        return CompiledBranch(order, fields, crowds, max(len(self._rules), 1))

    def _place(self, branch: CompiledBranch) -> None:
        if branch.is_led_by(SOURCE):
            for _, source in branch.exact[0].leads:
                place(self._by_source, source, branch, 1)
            return
        if self._others is None:
            self._others = Net()
        self._others.add(branch)

    def _take(self, branch: CompiledBranch) -> None:
        if branch.is_led_by(SOURCE):
            for _, source in branch.exact[0].leads:
                take(self._by_source, source, branch)
            return
        assert self._others is not None
        self._others.remove(branch)
        if not len(self._others):
            self._others = None

    def _withdraw(self, branches: tuple[CompiledBranch, ...]) -> None:
        for branch in branches:
            self._take(branch)
            for each in branch.fields:
                self._paths.forget(each.path)
                for lead in each.leads:
                    self._uses[lead] -= 1
                    if not self._uses[lead]:
                        del self._uses[lead]
