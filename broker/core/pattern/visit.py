"""an event on its way through a net of rules: what the rules ask for, found when they ask

Nearly every event is plain: no key in it holds a dot or is repeated, no array holds an object or an
array. Then a path leads to one place in one object, and what no rule on the event's way asks for is
never looked at. Any other event is taken apart as a whole beforehand: see `Paths.leaves`.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Set
from functools import lru_cache
from typing import Any

from broker.core.pattern.event import Leaf, Leaves, RepeatedKeys
from broker.core.pattern.paths import PathNode
from broker.core.pattern.values import EXACT_INTEGER_MAX, canonical

__all__ = ["ABSENT", "NotPlain", "PlainVisit", "Visit", "WholeVisit", "path_of", "step"]

ABSENT = object()  # in place of a value

# Keys seen lately, none of which holds a dot: to look for them is less work. Long ones aren't kept,
# nor those of objects that have very many.
_KEYS: set[str] = set()
_KEYS_MAX, _KEY_CHARS_MAX, _OBJECT_KEYS_MAX = 2_000, 64, 200


class NotPlain(Exception):
    """The event isn't plain where it was looked at."""


@lru_cache(maxsize=4_096)
def step(path: str) -> tuple[str | None, str]:
    """The last step to a path: the path of the object it lies in (None: the event), and its key."""
    parent, dot, key = path.rpartition(".")
    return sys.intern(parent) if dot else None, key


def path_of(parent: str | None, key: str) -> str:
    """The path whose last step this is."""
    return key if parent is None else f"{parent}.{key}"


class Visit(dict[str | None, dict[str, Any]], ABC):
    """An event's objects by path, as far as they were entered, and the rules it has found.

    At None is the event itself; an object that is absent is an empty one. A value that isn't a
    scalar is compared by its `leaves`.
    """

    __slots__ = ("found", "whole")

    found: set[int]  # orders of the rules that match
    whole: Leaves | None  # all its leaves, if it isn't plain
    nested: Set[str] = frozenset()  # paths of leaves in arrays of objects: see `consistency`

    @abstractmethod
    def leaves(self, path: str) -> list[Leaf]:
        """The leaves at a path."""


class PlainVisit(Visit):
    """A plain event's, as far as it shows. Raises: NotPlain, as soon as it isn't.

    `named` is the root of the paths that rules name: where none leads through an object to one
    within it, it doesn't matter that a key holds a dot.
    """

    __slots__ = ("_leaves", "_named", "_objects")

    def __init__(self, event: dict[str, Any], named: PathNode) -> None:
        self[None] = event
        self.found = set()
        self.whole = None
        self._leaves: dict[str, list[Leaf]] | None = None
        self._objects: list[str | None] | None = None
        self._named = named
        if named.through and not _KEYS.issuperset(event):
            _learn(event)
        # Nearly every rule asks for something in there.
        detail, within = event.get("detail"), named.children.get("detail")
        if type(detail) is dict and within is not None and not within.through:
            self["detail"] = detail

    def __missing__(self, path: str | None) -> dict[str, Any]:
        assert path is not None
        found = self[None]
        node: PathNode | None = self._named
        for segment in path.split("."):
            value = found.get(segment)
            if type(value) is not dict:
                if type(value) is RepeatedKeys or (type(value) is list and value):
                    raise NotPlain
                found = {}
                break
            found = value
            node = node.children.get(segment) if node is not None else None
            if node is not None and node.through and not _KEYS.issuperset(found):
                _learn(found)
        self[path] = found
        return found

    def objects(self) -> list[str | None]:
        """The paths of all objects that paths of rules lead into, as far as the event has them."""
        if self._objects is None:
            found: list[str | None] = []
            waiting: list[tuple[str | None, PathNode]] = [(None, self._named)]
            while waiting:
                path, node = waiting.pop()
                found.append(path)
                if not node.through:
                    continue
                there = self[path]
                for key in node.children if len(node.children) < len(there) else there:
                    child = node.children.get(key)
                    if child is not None and child.children and key in there:
                        waiting.append((path_of(path, key), child))
            self._objects = found
        return self._objects

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

    __slots__ = ("_leaves", "nested")

    def __init__(self, leaves: Leaves, nested: Set[str]) -> None:
        self.found = set()
        self.whole = self._leaves = leaves
        self.nested = nested

    def __missing__(self, path: str | None) -> dict[str, Any]:
        return _ASK

    def leaves(self, path: str) -> list[Leaf]:
        return self._leaves[path]


class _Ask(dict[str, Any]):
    def get(self, key: str, default: object = None) -> Any:
        return self


_ASK = _Ask()


def _learn(keys: dict[str, Any]) -> None:
    """Remember that these keys hold no dot. Raises: NotPlain, if one of them does."""
    if "." in "".join(keys):
        raise NotPlain
    if len(keys) > _OBJECT_KEYS_MAX:
        return
    if len(_KEYS) + len(keys) > _KEYS_MAX:
        _KEYS.clear()
    _KEYS.update(key for key in keys if len(key) <= _KEY_CHARS_MAX)


def _elements(values: list[Any]) -> list[Leaf]:
    for each in values:
        if isinstance(each, dict | list | RepeatedKeys):
            raise NotPlain
    return [(canonical(each), ()) for each in values]
