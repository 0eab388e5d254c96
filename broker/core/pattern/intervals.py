"""intervals, found by a number that lies in them

In blocks by lower end, each with the highest upper end in it: a search looks at no block whose
intervals all end before the number, or begin behind it. A change touches one block.
"""

import math
from bisect import bisect_left, bisect_right, insort
from typing import Generic, TypeVar

__all__ = ["Ends", "Intervals"]

T = TypeVar("T")

BLOCK = 64  # intervals; one that grows to twice as many is split

Ends = tuple[float, float]


class _Block(Generic[T]):
    __slots__ = ("highest", "places")

    def __init__(self, places: list[tuple[float, int, float, T]]) -> None:
        self.places = places  # lower end, number, upper end, value; sorted
        self.highest = max(upper for _, _, upper, _ in places)


class Intervals(Generic[T]):
    """Values by closed intervals, of which several may be the same."""

    __slots__ = ("_blocks", "_first", "_next", "_size")

    def __init__(self) -> None:
        self._blocks: list[_Block[T]] = []
        self._first: list[tuple[float, int]] = []  # of each block: its first place, shortened
        self._next = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, ends: Ends, value: T) -> int:
        """Store a value; the number by which it is removed."""
        number, self._next = self._next, self._next + 1
        self._size += 1
        lower, upper = ends
        place = (lower, number, upper, value)
        if not self._blocks:
            self._blocks.append(_Block([place]))
            self._first.append((lower, number))
            return number
        at = max(bisect_right(self._first, (lower, number)) - 1, 0)
        block = self._blocks[at]
        # Numbers differ, so that values are never compared.
        insort(block.places, place)
        block.highest = max(block.highest, upper)
        self._first[at] = block.places[0][:2]
        if len(block.places) >= 2 * BLOCK:
            self._blocks[at : at + 1] = [_Block(block.places[:BLOCK]), _Block(block.places[BLOCK:])]
            self._first[at : at + 1] = [each.places[0][:2] for each in self._blocks[at : at + 2]]
        return number

    def remove(self, ends: Ends, number: int) -> None:
        """Forget a value that is there."""
        self._size -= 1
        at = bisect_right(self._first, (ends[0], number)) - 1
        block = self._blocks[at]
        del block.places[bisect_left(block.places, (ends[0], number))]
        if not block.places:
            del self._blocks[at]
            del self._first[at]
            return
        block.highest = max(upper for _, _, upper, _ in block.places)
        self._first[at] = block.places[0][:2]

    def at(self, point: float) -> list[T]:
        """The values whose interval has the point in it."""
        last = bisect_right(self._first, (point, math.inf)) - 1
        if last < 0:
            return []
        found = [
            value
            for block in self._blocks[:last]
            if block.highest >= point
            for _, _, upper, value in block.places
            if upper >= point
        ]
        for lower, _, upper, value in self._blocks[last].places:
            if lower <= point <= upper:
                found.append(value)
        return found
