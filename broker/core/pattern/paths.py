"""the paths that rules name, and an event's leaves at just these

A trie by path segment. An event key may hold dots, so one key may walk several segments: there is
no escaping of a dot, and `{"a.b": 1}` and `{"a": {"b": 1}}` have the same leaf. What no rule names
is never entered, so the cost follows the keys on the way to named paths, not the event.
"""

from collections.abc import Iterable
from typing import Any

from broker.core.pattern.event import Leaves, Membership, RepeatedKeys, members
from broker.core.pattern.values import EXACT_INTEGER_MAX, canonical

__all__ = ["PathNode", "Paths"]


class PathNode:
    """Where one named path ends, or where some go on."""

    __slots__ = ("children", "is_named", "path", "through")

    def __init__(self) -> None:
        self.children: dict[str, PathNode] = {}
        self.through = 0  # how many of the children have children
        self.path = ""
        self.is_named = False  # else it only leads to others


class Paths:
    """The named paths, each counted as often as it was named."""

    __slots__ = ("_uses", "root")

    def __init__(self) -> None:
        self.root = PathNode()
        self._uses: dict[str, int] = {}

    def name(self, path: str) -> None:
        """Count one more use of the path."""
        uses = self._uses[path] = self._uses.get(path, 0) + 1
        if uses > 1:
            return
        node = self.root
        above: PathNode | None = None
        for segment in path.split("."):
            child = node.children.get(segment)
            if child is None:
                if above is not None and not node.children:
                    above.through += 1
                child = node.children[segment] = PathNode()
            above, node = node, child
        node.path = path
        node.is_named = True

    def forget(self, path: str) -> None:
        """Count one use less of a path that was named."""
        self._uses[path] -= 1
        if self._uses[path]:
            return
        del self._uses[path]
        node = self.root
        way: list[tuple[PathNode, str]] = []
        for segment in path.split("."):
            way.append((node, segment))
            node = node.children[segment]
        node.is_named = False
        while way:
            parent, segment = way.pop()
            child = parent.children[segment]
            if child.is_named or child.children:
                return
            del parent.children[segment]
            if way and not parent.children:
                way[-1][0].through -= 1

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
        waiting: list[tuple[PathNode, Any, Membership]] = [(self.root, event, ())]
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


def _walk(node: PathNode, key: str) -> PathNode | None:
    """The node that a key with dots leads to."""
    found: PathNode | None = node
    for segment in key.split("."):
        found = found.children.get(segment) if found is not None else None
        if found is None:
            return None
    return found
