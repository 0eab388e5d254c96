"""the paths that rules name, and an event's leaves at just these

A trie by path segment. An event key may hold dots, so one key may walk several segments: there is
no escaping of a dot, and `{"a.b": 1}` and `{"a": {"b": 1}}` have the same leaf. What no rule names
is never entered, so the cost follows the keys on the way to named paths, not the event.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from broker.core.pattern.event import Leaves, Membership, RepeatedKeys, members
from broker.core.pattern.values import EXACT_INTEGER_MAX, canonical
from broker.core.pattern.visit import step

__all__ = ["Paths"]


class _Node:
    __slots__ = ("children", "is_named", "path")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.path = ""
        self.is_named = False  # else it only leads to others


class Paths:
    """The named paths, each counted as often as it was named."""

    __slots__ = ("_root", "_uses", "through")

    def __init__(self) -> None:
        self._root = _Node()
        self._uses: dict[str, int] = {}
        self.through: dict[str | None, int] = {}  # objects that paths lead through to one within

    def name(self, path: str) -> None:
        """Count one more use of the path."""
        uses = self._uses[path] = self._uses.get(path, 0) + 1
        if uses > 1:
            return
        node = self._root
        for segment in path.split("."):
            node = node.children.setdefault(segment, _Node())
        node.path = path
        node.is_named = True
        for above in _through(path):
            self.through[above] = self.through.get(above, 0) + 1

    def forget(self, path: str) -> None:
        """Count one use less of a path that was named."""
        self._uses[path] -= 1
        if self._uses[path]:
            return
        del self._uses[path]
        for above in _through(path):
            self.through[above] -= 1
            if not self.through[above]:
                del self.through[above]
        node = self._root
        way: list[tuple[_Node, str]] = []
        for segment in path.split("."):
            way.append((node, segment))
            node = node.children[segment]
        node.is_named = False
        for parent, segment in reversed(way):
            child = parent.children[segment]
            if child.is_named or child.children:
                return
            del parent.children[segment]

    def named(self) -> set[str]:
        """Every path that is in use."""
        return set(self._uses)

    def leaves(self, event: dict[str, Any] | RepeatedKeys) -> tuple[Leaves, set[str]]:
        """The event's leaves by named path, and the paths of those that lie in arrays of objects.

        The leaves are those that `flatten` gives, in another order.
        """
        leaves = Leaves()
        nested: set[str] = set()
        arrays = 0
        inside: Iterable[tuple[str, Any]]
        waiting: list[tuple[_Node, Any, Membership]] = [(self._root, event, ())]
        while waiting:
            node, container, membership = waiting.pop()
            if type(container) is list:
                array, arrays = arrays, arrays + 1
                for index, value in enumerate(container):
                    if isinstance(value, dict | RepeatedKeys | list):
                        waiting.append((node, value, (*membership, (array, index))))
                    elif node.is_named:
                        leaves.setdefault(node.path, []).append((canonical(value), membership))
                        if membership:
                            nested.add(node.path)
                continue
            children = node.children
            inside = container.items() if type(container) is dict else members(container)
            for key, value in inside:
                child = children.get(key)
                if child is None and "." in key:
                    child = _walk(node, key)
                if child is None:
                    continue
                kind = type(value)
                if kind is str:
                    if not child.is_named:
                        continue
                elif kind is dict or kind is list or kind is RepeatedKeys:
                    waiting.append((child, value, membership))
                    continue
                elif not child.is_named:
                    continue
                elif kind is not int or not -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX:
                    value = canonical(value)
                path = child.path
                if path in leaves:
                    leaves[path].append((value, membership))
                else:
                    leaves[path] = [(value, membership)]
                if membership:
                    nested.add(path)
        return leaves, nested


def _through(path: str) -> Iterator[str | None]:
    """The objects above the one that the path's end lies in; None is the event."""
    above, _ = step(path)
    while above is not None:
        above, _ = step(above)
        yield above


def _walk(node: _Node, key: str) -> _Node | None:
    """The node that a key with dots leads to."""
    found: _Node | None = node
    for segment in key.split("."):
        found = found.children.get(segment) if found is not None else None
        if found is None:
            return None
    return found
