"""the paths that rules name, and an event's leaves at just these

A trie by path segment. An event key may hold dots, so one key may walk several segments: there is
no escaping of a dot, and `{"a.b": 1}` and `{"a": {"b": 1}}` have the same leaf. What no rule names
is never entered, so the cost follows the keys on the way to named paths, not the event.
"""

from collections.abc import Iterable
from typing import Any

from broker.core.pattern.event import Leaf, Membership, RepeatedKeys, members
from broker.core.pattern.values import EXACT_INTEGER_MAX, canonical

__all__ = ["Paths"]


class _Node:
    __slots__ = ("children", "leading", "named", "path", "uses")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.path = ""
        self.uses = 0  # fields that name this path; 0: it only leads to others
        # The same for the common event, which asks for one or the other:
        self.named: dict[str, str] = {}  # paths of children that are named, by segment
        self.leading: dict[str, _Node] = {}  # children that lead to others


class Paths:
    """The named paths, each counted as often as it was named."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Node()

    def name(self, path: str) -> None:
        """Count one more use of the path."""
        node = self._root
        *leading, last = path.split(".")
        for segment in leading:
            node = node.leading.setdefault(segment, self._child(node, segment))
        named = self._child(node, last)
        named.path = node.named[last] = path
        named.uses += 1

    def forget(self, path: str) -> None:
        """Count one use less of a path that was named."""
        node = self._root
        way: list[tuple[_Node, str]] = []
        for segment in path.split("."):
            way.append((node, segment))
            node = node.children[segment]
        node.uses -= 1
        if not node.uses:
            parent, segment = way[-1]
            del parent.named[segment]
        for parent, segment in reversed(way):
            child = parent.children[segment]
            if not child.children:
                parent.leading.pop(segment, None)
            if child.uses or child.children:
                return
            del parent.children[segment]

    @staticmethod
    def _child(node: _Node, segment: str) -> _Node:
        child = node.children.get(segment)
        if child is None:
            child = node.children[segment] = _Node()
        return child

    def named(self) -> set[str]:
        """Every path that is in use."""
        waiting, found = [self._root], set()
        while waiting:
            node = waiting.pop()
            waiting += node.children.values()
            if node.uses:
                found.add(node.path)
        return found

    def leaves(
        self, event: dict[str, Any] | RepeatedKeys
    ) -> tuple[dict[str, list[Leaf]], set[str]]:
        """The event's leaves by named path, and the paths of those that lie in arrays of objects.

        The leaves are those that `flatten` gives, in another order.
        """
        if type(event) is dict:
            plain = self._plain_leaves(event)
            if plain is not None:
                return plain, set()
        leaves: dict[str, list[Leaf]] = {}
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
                    elif node.uses:
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
                    if not child.uses:
                        continue
                elif kind is dict or kind is list or kind is RepeatedKeys:
                    waiting.append((child, value, membership))
                    continue
                elif not child.uses:
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

    def _plain_leaves(self, event: dict[str, Any]) -> dict[str, list[Leaf]] | None:
        """The same for an event without dots in its keys and without objects in its arrays.

        Nearly every event is one: then each path comes once, and no leaf lies in an array of
        objects. None for any other, as soon as that is seen.
        """
        leaves: dict[str, list[Leaf]] = {}
        waiting: list[tuple[_Node, dict[str, Any]]] = [(self._root, event)]
        while waiting:
            node, container = waiting.pop()
            named, leading = node.named, node.leading
            for key, value in container.items():
                kind = type(value)
                if kind is dict:
                    child = leading.get(key)
                    if child is not None:
                        waiting.append((child, value))
                    elif "." in key:
                        return None
                    continue
                path = named.get(key)
                if path is None:
                    if kind is RepeatedKeys or "." in key:
                        return None
                    if kind is list and value and key in leading:
                        return None
                elif kind is str or (
                    kind is int and -EXACT_INTEGER_MAX <= value <= EXACT_INTEGER_MAX
                ):
                    leaves[path] = [(value, ())]
                elif kind is list:
                    if not value:
                        continue
                    for each in value:
                        if isinstance(each, dict | list | RepeatedKeys):
                            return None
                    leaves[path] = [(canonical(each), ()) for each in value]
                elif kind is RepeatedKeys:
                    return None
                else:
                    leaves[path] = [(canonical(value), ())]
        return leaves


def _walk(node: _Node, key: str) -> _Node | None:
    """The node that a key with dots leads to."""
    found: _Node | None = node
    for segment in key.split("."):
        found = found.children.get(segment) if found is not None else None
        if found is None:
            return None
    return found
