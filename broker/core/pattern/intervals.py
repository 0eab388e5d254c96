"""intervals, found by a number that lies in them

In blocks by lower end, each with the highest upper end in it: a search looks at no block whose
intervals all end before the number, or begin behind it. A change touches one block.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Intervals"]

T = TypeVar("T")

BLOCK = 64  # intervals; one that grows to twice as many is split

Ends = tuple[float, float]
_Place = tuple[float, int, float]  # lower end, number, upper end


class _Block:
    __slots__ = ("highest", "places")

    def __init__(self, places: list[_Place]) -> None:
        self.places = places  # sorted
        self.highest = max(upper for *_, upper in places)


class Intervals(Generic[T]):
    """Values by closed intervals, of which several may be the same."""

    __slots__ = ("_blocks", "_first", "_next", "_values")

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._first: list[tuple[float, int]] = []  # of each block: its first place, shortened
        self._values: dict[int, T] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._values)

    def add(self, ends: Ends, value: T) -> int:
        """Store a value; the number by which it is removed."""
        number, self._next = self._next, self._next + 1
        self._values[number] = value
        lower, upper = ends
        place = (lower, number, upper)
        if not self._blocks:
            self._blocks.append(_Block([place]))
            self._first.append((lower, number))
            return number
        at = max(bisect_right(self._first, (lower, number)) - 1, 0)
        block = self._blocks[at]
        insort(block.places, place)
        block.highest = max(block.highest, upper)
        self._first[at] = block.places[0][:2]
        if len(block.places) >= 2 * BLOCK:
            self._blocks[at : at + 1] = [_Block(block.places[:BLOCK]), _Block(block.places[BLOCK:])]
            self._first[at : at + 1] = [each.places[0][:2] for each in self._blocks[at : at + 2]]
        return number

    def remove(self, ends: Ends, number: int) -> None:
        """Forget a value that is there."""
        lower, upper = ends
        at = bisect_right(self._first, (lower, number)) - 1
        block = self._blocks[at]
        del block.places[bisect_left(block.places, (lower, number, upper))]
        del self._values[number]
        if not block.places:
            del self._blocks[at]
            del self._first[at]
            return
        block.highest = max(upper for *_, upper in block.places)
        self._first[at] = block.places[0][:2]

    def at(self, point: float) -> Iterator[T]:
        """The values whose interval has the point in it."""
        last = bisect_right(self._first, (point, math.inf))
        values = self._values
        for block in self._blocks[: max(last - 1, 0)]:
            if block.highest >= point:
                for _, number, upper in block.places:
                    if upper >= point:
                        yield values[number]
        for block in self._blocks[max(last - 1, 0) : last]:
            for lower, number, upper in block.places:
                if lower <= point <= upper:
                    yield values[number]
