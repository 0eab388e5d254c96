"""intervals, found by a number that lies in them

In blocks by lower end, each with the highest upper end in it: a search looks at no block whose
intervals all end before the number, or begin behind it. A change touches one block.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import compress, islice, repeat
from operator import le
from typing import Generic, TypeVar

__all__ = ["Ends", "Intervals"]

T = TypeVar("T")

BLOCK = 64  # intervals; one that grows to twice as many is split

Ends = tuple[float, float]

_Place = tuple[float, float]
"""The lower end, and the number by which a value is removed: no two are the same."""


class _Block(Generic[T]):
    """Intervals in the order of their lower ends; their parts apart, to be gone through fast."""

    __slots__ = ("highest", "places", "uppers", "values")

    def __init__(self, places: list[_Place], uppers: list[float], values: list[T]) -> None:
        self.places = places
        self.uppers = uppers
        self.values = values
        self.highest = max(uppers)

    def split(self) -> "list[_Block[T]]":
        """Two, of half the intervals each."""
        half = len(self.places) // 2
        return [
            _Block(self.places[each], self.uppers[each], self.values[each])
            for each in (slice(half), slice(half, None))
        ]


class Intervals(Generic[T]):
    """Values by closed intervals, of which several may be the same."""

    __slots__ = ("_blocks", "_first", "_next", "_size")

    def __init__(self) -> None:
        self._blocks: list[_Block[T]] = []
        self._first: list[_Place] = []  # of each block
        self._next = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, ends: Ends, value: T) -> int:
        """Store a value; the number by which it is removed."""
        number, self._next = self._next, self._next + 1
        self._size += 1
        lower, upper = ends
        place = (lower, number)
        if not self._blocks:
            self._blocks.append(_Block([place], [upper], [value]))
            self._first.append(place)
            return number
        at = max(bisect_right(self._first, place) - 1, 0)
        block = self._blocks[at]
        within = bisect_left(block.places, place)
        block.places.insert(within, place)
        block.uppers.insert(within, upper)
        block.values.insert(within, value)
        block.highest = max(block.highest, upper)
        self._first[at] = block.places[0]
        if len(block.places) >= 2 * BLOCK:
            halves = block.split()
            self._blocks[at : at + 1] = halves
            self._first[at : at + 1] = [each.places[0] for each in halves]
        return number

    def remove(self, ends: Ends, number: int) -> None:
        """Forget a value that is there."""
        self._size -= 1
        place = (ends[0], number)
        at = bisect_right(self._first, place) - 1
        block = self._blocks[at]
        within = bisect_left(block.places, place)
        del block.places[within], block.uppers[within], block.values[within]
        if not block.places:
            del self._blocks[at]
            del self._first[at]
            return
        block.highest = max(block.uppers)
        self._first[at] = block.places[0]

    def at(self, point: float) -> list[T]:
        """The values whose interval has the point in it."""
        found: list[T] = []
        last = bisect_right(self._first, (point, math.inf)) - 1
        for block in self._blocks[: last + 1]:
            if block.highest < point:
                continue
            reach: Iterable[bool] = map(le, repeat(point), block.uppers)
            if block is self._blocks[last]:  # some of it may begin behind the point
                begun = bisect_right(block.places, (point, math.inf))
                reach = islice(reach, begun)
            found.extend(compress(block.values, reach))
        return found
