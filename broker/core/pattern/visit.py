"""an event on its way through a net of rules: what the rules ask for, found when they ask

Nearly every event is plain: no key in it holds a dot, no array an object. Then a path leads to one
place in one object, and what no rule on the event's way asks for is never looked at. Any other
event is taken apart as a whole beforehand: see `Paths.leaves`.
"""

from collections.abc import Container, Iterable, Set
from functools import lru_cache
from typing import Any

from broker.core.pattern.event import Leaf, Leaves, RepeatedKeys
from broker.core.pattern.values import EXACT_INTEGER_MAX, canonical

__all__ = ["ABSENT", "NotPlain", "PlainVisit", "Visit", "WholeVisit", "step"]

ABSENT = object()  # in place of a value

_KEYS_MAX = 2_000
_KEYS: set[str] = set()  # seen lately, none of which holds a dot: to ask for them is less work


class NotPlain(Exception):
    """The event isn't plain where it was looked at."""


@lru_cache(maxsize=4_096)
def step(path: str) -> tuple[str | None, str]:
    """The last step to a path: the path of the object it lies in (None: the event), and its key."""
    parent, dot, key = path.rpartition(".")
    return parent if dot else None, key


class Visit(dict[str | None, dict[str, Any]]):
    """An event's objects by path, as far as they were entered, and the rules it has found.

    At None is the event itself; an object that is absent is an empty one. A value there that is
    neither a text nor a plain integer is compared by its `leaves`.
    """

    __slots__ = ("found",)

    found: set[int]  # orders of the rules that match
    whole: Leaves | None = None  # all its leaves, if it isn't plain
    nested: Set[str] = frozenset()  # paths of leaves in arrays of objects: see `consistency`

    def leaves(self, path: str) -> list[Leaf]:
        """The leaves at a path."""
        raise NotImplementedError


class PlainVisit(Visit):
    """A plain event's, as far as it shows. Raises: NotPlain, as soon as it isn't.

    `through` has the path of each object (None: the event) that some rule's path leads through to
    an object within it: only there does a key that holds a dot matter.
    """

    __slots__ = ("_leaves", "_through")

    def __init__(self, event: dict[str, Any], through: Container[str | None]) -> None:
        self[None] = event
        self.found = set()
        self._leaves: dict[str, list[Leaf]] | None = None
        self._through = through
        if None in through and not _KEYS.issuperset(event):
            _learn(event)

    def __missing__(self, path: str | None) -> dict[str, Any]:
        assert path is not None
        found = self[None]
        sofar = None
        for segment in path.split("."):
            sofar = segment if sofar is None else f"{sofar}.{segment}"
            value = found.get(segment)
            if type(value) is not dict:
                if type(value) is RepeatedKeys or (type(value) is list and value):
                    raise NotPlain
                found = {}
                break
            found = value
            if sofar in self._through and not _KEYS.issuperset(found):
                _learn(found)
        self[path] = found
        return found

    def leaves(self, path: str) -> list[Leaf]:
        known = self._leaves
        if known is None:
            known = self._leaves = {}
        elif path in known:
            return known[path]
        parent, key = step(path)
        value = self[parent].get(key, ABSENT)
        kind = type(value)
        found: list[Leaf]
        if kind is str or (kind is int and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX):
            found = [(value, ())]
        elif value is ABSENT or kind is dict:
            found = []
        elif kind is list:
            found = _elements(value)
        elif kind is RepeatedKeys:
            raise NotPlain
        else:
            found = [(canonical(value), ())]
        known[path] = found
        return found


class WholeVisit(Visit):
    """Any event's, all of whose leaves are known: whatever is looked up, they are to be asked."""

    __slots__ = ("nested", "whole")

    whole: Leaves

    def __init__(self, leaves: Leaves, nested: Set[str]) -> None:
        self.whole = leaves
        self.nested = nested
        self.found = set()

    def __missing__(self, path: str | None) -> dict[str, Any]:
        return _ASK

    def leaves(self, path: str) -> list[Leaf]:
        return self.whole[path]


class _Ask(dict[str, Any]):
    def get(self, key: str, default: object = None) -> Any:
        return self


_ASK = _Ask()


def _learn(keys: Iterable[str]) -> None:
    """Remember that these keys hold no dot. Raises: NotPlain, if one of them does."""
    if "." in "".join(keys):
        raise NotPlain
    if len(_KEYS) > _KEYS_MAX:
        _KEYS.clear()
    _KEYS.update(keys)


def _elements(values: list[Any]) -> list[Leaf]:
    for each in values:
        if isinstance(each, dict | list | RepeatedKeys):
            raise NotPlain
    return [(canonical(each), ()) for each in values]
