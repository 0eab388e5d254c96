"""an event's leaves at the paths that rules name, found when they are asked for

Nearly every event is plain: no key in it holds a dot, no array an object. Then a path leads to one
place, and what no rule on the event's way asks for is never looked at. Any other event is taken
apart as a whole beforehand: see `Paths.leaves`.
"""

from functools import lru_cache
from typing import Any

from broker.core.pattern.event import Leaf, RepeatedKeys
from broker.core.pattern.values import EXACT_INTEGER_MAX, canonical

__all__ = ["Leaves", "NotPlain", "PlainVisit", "Visit", "plain_visit", "step", "whole_visit"]


class NotPlain(Exception):
    """The event isn't plain where it was looked at."""


@lru_cache(maxsize=4_096)
def step(path: str) -> tuple[str | None, str]:
    """The last step to a path: the path of the object it lies in (None: the event), and its key."""
    parent, dot, key = path.rpartition(".")
    return parent if dot else None, key


class Leaves(dict[str, "list[Leaf] | None"]):
    """All leaves by path; None at any other path."""

    def __missing__(self, path: str) -> list[Leaf] | None:
        return None


class Objects(dict[str | None, dict[str, Any]]):
    """The objects of a plain event by path, as far as they were entered; empty ones if absent.

    At None is the event itself.
    """

    def __missing__(self, path: str | None) -> dict[str, Any]:
        assert path is not None
        found = self[None]
        for segment in path.split("."):
            value = found.get(segment)
            if type(value) is not dict:
                if type(value) is RepeatedKeys or (type(value) is list and value):
                    raise NotPlain
                found = {}
                break
            found = value
            if "." in "".join(found):
                raise NotPlain
        self[path] = found
        return found


class Visit(Leaves):
    """An event on its way through the net: its leaves, and what it has found."""

    __slots__ = ("found", "nested", "objects")

    found: set[int]  # orders of the rules that match
    nested: set[str]  # paths of leaves in arrays of objects: see `consistency`
    objects: Objects | None  # of a plain event


class PlainVisit(Visit):
    """A plain event's: it has the leaves that were asked for. Raises: NotPlain, when asked."""

    __slots__ = ()

    objects: Objects

    def __missing__(self, path: str) -> list[Leaf] | None:
        parent, key = step(path)
        value = self.objects[parent].get(key, _ABSENT)
        kind = type(value)
        found: list[Leaf] | None
        if kind is str or (kind is int and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX):
            found = [(value, ())]
        elif value is _ABSENT or kind is dict:
            found = None
        elif kind is list:
            found = _elements(value)
        elif kind is RepeatedKeys:
            raise NotPlain
        else:
            found = [(canonical(value), ())]
        self[path] = found
        return found


_NONE: set[str] = set()


def plain_visit(event: dict[str, Any]) -> PlainVisit:
    """Raises: NotPlain."""
    if "." in "".join(event):
        raise NotPlain
    visit = PlainVisit()
    visit.objects = objects = Objects()
    objects[None] = event
    visit.nested = _NONE
    visit.found = set()
    return visit


def whole_visit(leaves: dict[str, list[Leaf]], nested: set[str]) -> Visit:
    """Any event's, all of whose leaves are known."""
    visit = Visit(leaves)
    visit.objects = None
    visit.nested = nested
    visit.found = set()
    return visit


_ABSENT = object()


def _elements(values: list[Any]) -> list[Leaf] | None:
    for each in values:
        if isinstance(each, dict | list | RepeatedKeys):
            raise NotPlain
    return [(canonical(each), ()) for each in values] or None
