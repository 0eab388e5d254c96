"""branches with no exact field left to lead to them, waiting by what else they want

Each waits by one of its fields, the one that is rarest by its kind: a range of numbers or addresses
among intervals; a prefix or suffix, and a wildcard by one of these or by two of its letters, under
the text; a text whose case doesn't matter under the folded text. What can't be looked up waits with
all that want the very same of that field, to be tested once for them together; and what accepts an
event that has none of its fields is tested with every event.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from broker.core.pattern.branch import CompiledBranch
from broker.core.pattern.bucket import Bucket
from broker.core.pattern.field_tests import Tests, holds, tests_of
from broker.core.pattern.intervals import Ends, Intervals
from broker.core.pattern.language import (
    Alternative,
    Cidr,
    EqualsIgnoreCase,
    Field,
    NumericRange,
    Prefix,
    Suffix,
    Wildcard,
)
from broker.core.pattern.predicate import FieldPredicate, closed_ends
from broker.core.pattern.values import address
from broker.core.pattern.visit import Visit

__all__ = ["Residuals"]

_order = attrgetter("order")

Key = tuple[str, Any]
"""Where among the branches of one path a branch waits: a kind, and what is looked up."""


@dataclass(slots=True)
class _Ranges:
    """Branches by the interval that a number, or an address, has to lie in."""

    complete: Intervals[CompiledBranch] = field(default_factory=Intervals)  # that match if it does
    tested: Intervals[tuple[Tests, CompiledBranch]] = field(default_factory=Intervals)
    numbers: dict[CompiledBranch, int] = field(default_factory=dict)  # among one or the other

    def add(self, branch: CompiledBranch, ends: Ends, rest: Tests) -> None:
        """Let a branch wait here, that has these tests besides."""
        self.numbers[branch] = (
            self.tested.add(ends, (rest, branch)) if rest else self.complete.add(ends, branch)
        )

    def remove(self, branch: CompiledBranch, ends: Ends) -> None:
        """Take a branch out that is here."""
        intervals = self.tested if len(branch.residual) > 1 else self.complete
        intervals.remove(ends, self.numbers.pop(branch))

    def collect(self, point: float, visit: Visit) -> None:
        """Add the rules whose interval has this point in it, and whose branches match."""
        nested = visit.nested
        matching = self.complete.at(point)
        if nested:
            matching = [b for b in matching if not b.spans(nested) or b.consistent(visit)]
        matching += [
            branch
            for tests, branch in self.tested.at(point)
            if (
                branch.consistent(visit) if nested and branch.spans(nested) else holds(tests, visit)
            )
        ]
        visit.found.update(map(_order, matching))


@dataclass(slots=True)
class _AtPath:
    """The branches that wait by one path."""

    texts: dict[str, dict[int, dict[str, Bucket]]] = field(default_factory=dict)  # kind, length
    ranges: dict[str, _Ranges] = field(default_factory=dict)  # kind
    same: dict[tuple[Alternative, ...], "_Same"] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.texts or self.ranges or self.same)


@dataclass(slots=True)
class _Same:
    """Branches that want the very same of a field."""

    wanted: FieldPredicate
    bucket: Bucket = field(default_factory=Bucket)


class Residuals:
    """Branches by one of their residual fields."""

    __slots__ = ("_always", "_paths", "_size")

    def __init__(self, branches: Iterable[CompiledBranch]) -> None:
        self._paths: dict[str, _AtPath] = {}
        self._always = Bucket()
        self._size = 0
        for each in branches:
            self.add(each)

    def __len__(self) -> int:
        return self._size

    def branches(self) -> Iterator[CompiledBranch]:
        """All of them."""
        for at in self._paths.values():
            for ranges in at.ranges.values():
                yield from ranges.numbers
            texts = [b for t in at.texts.values() for u in t.values() for b in u.values()]
            for bucket in (*texts, *(each.bucket for each in at.same.values())):
                yield from bucket.branches()
        yield from self._always.branches()

    def add(self, branch: CompiledBranch) -> None:
        """Let a branch wait here."""
        self._size += 1
        driver, key = _driver(branch)
        if driver is None:  # it has no such field, or none that must be there
            self._always.add(branch, tests_of(branch.residual))
            return
        at = self._paths.setdefault(driver.path, _AtPath())
        # What leads to it by a whole text or interval needs no second test.
        rest = tests_of(each for each in branch.residual if each is not driver)
        if key is None:
            same = at.same.get(driver.field.alternatives)
            if same is None:
                same = at.same[driver.field.alternatives] = _Same(driver)
            same.bucket.add(branch, rest)
            return
        kind, what = key
        if kind in _INTERVALS:
            if kind not in at.ranges:
                at.ranges[kind] = _Ranges()
            at.ranges[kind].add(branch, what, rest)
            return
        whole = isinstance(driver.field.alternatives[0], Prefix | Suffix)
        of_kind = at.texts.setdefault(kind, {}).setdefault(_length(kind, what), {})
        tests = rest if whole else tests_of(branch.residual)
        of_kind.setdefault(what, Bucket()).add(branch, tests)

    def remove(self, branch: CompiledBranch) -> None:
        """Take a branch out that is here."""
        self._size -= 1
        driver, key = _driver(branch)
        if driver is None:
            self._always.remove(branch)
            return
        at = self._paths[driver.path]
        if key is None:
            same = at.same[driver.field.alternatives]
            same.bucket.remove(branch)
            if not len(same.bucket):
                del at.same[driver.field.alternatives]
        elif key[0] in _INTERVALS:
            at.ranges[key[0]].remove(branch, key[1])
            if not at.ranges[key[0]].numbers:
                del at.ranges[key[0]]
        else:
            kind, what = key
            length = _length(kind, what)
            of_kind = at.texts[kind]
            of_kind[length][what].remove(branch)
            if not len(of_kind[length][what]):
                del of_kind[length][what]
            if not of_kind[length]:
                del of_kind[length]
            if not of_kind:
                del at.texts[kind]
        if not at:
            del self._paths[driver.path]

    def collect(self, visit: Visit) -> None:
        """Add the rules whose branches match."""
        paths = self._paths
        for path, at in paths.items():
            here = visit.leaves(path)
            if not here:
                continue
            for same in at.same.values():
                accepts = same.wanted.accepts
                for value, _ in here:
                    if accepts(value):
                        same.bucket.collect(visit)
                        break
            if at.ranges or at.texts:
                for value, _ in here:
                    _look_up(at, value, visit)
        if len(self._always):
            self._always.collect(visit)


_RANGE, _V4, _V6 = "range", "4", "6"
_PREFIX, _SUFFIX, _FOLDED, _PAIR = "prefix", "suffix", "folded", "pair"
_INTERVALS = (_RANGE, _V4, _V6)


def _length(kind: str, text: str) -> int:
    """By what texts of a kind are looked up together: their length; of others it is all the same"""
    return len(text) if kind in (_PREFIX, _SUFFIX) else 0


def _look_up(at: _AtPath, value: Any, visit: Visit) -> None:
    if type(value) is str:
        if at.texts:
            _look_up_text(at.texts, value, visit)
        if _V4 in at.ranges or _V6 in at.ranges:
            spelled = address(value)
            if spelled is not None and (addresses := at.ranges.get(str(spelled[0]))):
                addresses.collect(spelled[1], visit)
    elif (type(value) is int or type(value) is float) and (numbers := at.ranges.get(_RANGE)):
        numbers.collect(value, visit)


def _look_up_text(texts: dict[str, dict[int, dict[str, Bucket]]], value: str, visit: Visit) -> None:
    for kind, by_length in texts.items():
        if kind == _PREFIX:
            for length, waiting in by_length.items():
                if (bucket := waiting.get(value[:length])) is not None:
                    bucket.collect(visit)
        elif kind == _SUFFIX:
            for length, waiting in by_length.items():
                if (bucket := waiting.get(value[-length:])) is not None:
                    bucket.collect(visit)
        elif kind == _FOLDED:
            if (bucket := by_length[0].get(value.casefold())) is not None:
                bucket.collect(visit)
        else:
            waiting = by_length[0]
            for pair in waiting if len(waiting) < len(value) else _pairs(value):
                if pair in value and (bucket := waiting.get(pair)) is not None:
                    bucket.collect(visit)


def _pairs(value: str) -> set[str]:
    return {value[n : n + 2] for n in range(len(value) - 1)}


def _driver(branch: CompiledBranch) -> tuple[FieldPredicate | None, Key | None]:
    """The field by which a branch waits, and where; the same whenever it is asked."""
    best: tuple[int, FieldPredicate, Key | None] | None = None
    for each in branch.residual:
        if each.accepts_absence:
            continue
        key = _key(each.field)
        rank = _RANKS.index(key[0]) if key is not None else len(_RANKS)
        if best is None or rank < best[0]:
            best = rank, each, key
    return (best[1], best[2]) if best is not None else (None, None)


_RANKS = (_FOLDED, _PREFIX, _SUFFIX, _V4, _V6, _PAIR, _RANGE)


def _key(field: Field) -> Key | None:
    if len(field.alternatives) != 1:
        return None
    match field.alternatives[0]:
        case NumericRange():
            return _RANGE, closed_ends(field.alternatives[0])
        case Cidr(version=version, first=first, last=last):
            return str(version), (first, last)
        case Prefix(text) if text:
            return _PREFIX, text
        case Suffix(text) if text:
            return _SUFFIX, text
        case EqualsIgnoreCase(text) if _folds(text):
            return _FOLDED, text.casefold()
        case Wildcard(pieces=pieces):
            return _of_wildcard(pieces)
    return None


def _of_wildcard(pieces: tuple[str, ...]) -> Key | None:
    """By its beginning, its end, or two letters that stand together in it."""
    if pieces[0]:
        return _PREFIX, pieces[0]
    if pieces[-1]:
        return _SUFFIX, pieces[-1]
    longest = max(pieces, key=len)
    return (_PAIR, longest[:2]) if len(longest) > 1 else None


def _folds(text: str) -> bool:
    """Whether every spelling that the text accepts has one and the same folded form."""
    return all(
        each.upper().casefold() == each.lower().casefold() == each.casefold() for each in text
    )
