"""can all fields of a branch match without straying between elements of one array

Fields are taken in path order; a state is a choice of array elements that the fields so far allow.
Three things keep the number of states near the number of elements, where trying all leaves against
each other would multiply them: equal states are one state, an array that no later field lies in is
dropped from the state, and memberships stand in a tree that is entered only where a state agrees.
"""

from collections.abc import Iterable, Iterator, Sequence

from broker.core.pattern.event import Leaves, Membership
from broker.core.pattern.predicate import FieldPredicate

__all__ = ["array_consistent"]


class _Place:
    """Memberships that share their outer elements."""

    __slots__ = ("ends", "inner")

    def __init__(self) -> None:
        self.ends = False  # whether one of the memberships ends here
        self.inner: dict[int, dict[int, _Place]] = {}  # array, index


def array_consistent(fields: Sequence[FieldPredicate], leaves: Leaves) -> bool:
    """Whether the fields, in path order, all match, in the same elements of shared arrays.

    A field that accepts absence is judged after the fields before it have chosen their elements.
    """
    needed_later = _arrays_of_later_fields(fields, leaves)
    states: set[Membership] = {()}
    for field, needed in zip(fields, needed_later, strict=True):
        here = leaves[field.path]
        accepted = _tree(membership for value, membership in here if field.accepts(value))
        present = _tree(membership for _, membership in here) if field.accepts_absence else None
        reached: set[Membership] = set()
        for state in states:
            for added in _agreeing(accepted, dict(state)):
                joined = {**dict(state), **dict(added)}
                reached.add(_within(joined.items(), needed))
            if present is not None and next(_agreeing(present, dict(state)), None) is None:
                reached.add(_within(state, needed))
        if not reached:
            return False
        states = reached
    return True


def _arrays_of_later_fields(
    fields: Sequence[FieldPredicate], leaves: Leaves
) -> list[frozenset[int]]:
    """For each field, the arrays in which leaves of the fields behind it lie."""
    later: list[frozenset[int]] = []
    seen: frozenset[int] = frozenset()
    for field in reversed(fields):
        later.append(seen)
        here = leaves[field.path]
        seen |= {array for _, membership in here for array, _ in membership}
    return later[::-1]


def _tree(memberships: Iterable[Membership]) -> _Place:
    root = _Place()
    for membership in memberships:
        place = root
        for array, index in membership:
            place = place.inner.setdefault(array, {}).setdefault(index, _Place())
        place.ends = True
    return root


def _agreeing(root: _Place, chosen: dict[int, int]) -> Iterator[Membership]:
    """The memberships of the tree that lie in the chosen elements, wherever one is chosen."""
    waiting: list[tuple[_Place, Membership]] = [(root, ())]
    while waiting:
        place, membership = waiting.pop()
        if place.ends:
            yield membership
        for array, elements in place.inner.items():
            if (index := chosen.get(array)) is None:
                waiting += [(into, (*membership, (array, i))) for i, into in elements.items()]
            elif (into_chosen := elements.get(index)) is not None:
                waiting.append((into_chosen, (*membership, (array, index))))


def _within(places: Iterable[tuple[int, int]], arrays: frozenset[int]) -> Membership:
    return tuple(sorted(place for place in places if place[0] in arrays))
