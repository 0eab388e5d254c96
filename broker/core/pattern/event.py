"""an event as patterns see it: its leaves by dotted path, each with its place in arrays

An object adds its key to the path; an array adds nothing, at any depth. A leaf that lies in an
object within an array remembers which element of which array that was, so that two fields of one
rule cannot match in different elements of the same array. Objects and empty arrays are no leaves.

Walks keep their own stack: an event may nest deeper than Python recurses.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from broker.core.pattern.errors import InvalidEvent
from broker.core.pattern.values import Value, canonical, number

__all__ = [
    "Leaf",
    "Leaves",
    "Membership",
    "RepeatedKeys",
    "flatten",
    "members",
    "merged",
    "parse_event",
    "parse_value",
]

Membership = tuple[tuple[int, int], ...]
"""(array, index) of every array that the leaf's objects lie in; an array is a number per event."""

Leaf = tuple[Value, Membership]


class Leaves(dict[str, list[Leaf]]):
    """All leaves by path; none at any other path."""

    def __missing__(self, path: str) -> list[Leaf]:
        return []


@dataclass(frozen=True, slots=True)
class RepeatedKeys:
    """An object that names a key more than once: in an event, every value counts."""

    pairs: tuple[tuple[str, Any], ...]


def parse_event(text: str) -> dict[str, Any] | RepeatedKeys:
    """The event behind JSON text, with repeated keys and the exact text of long numbers kept.

    What a plain JSON parser gives can be matched too; it only knows the last of repeated keys and
    rounds long numbers. Raises: InvalidEvent, also if it nests too deeply to be parsed.
    """
    parsed = parse_value(text)
    if not isinstance(parsed, dict | RepeatedKeys):
        raise InvalidEvent()
    return parsed


def parse_value(text: str) -> Any:
    """Any JSON value, read as `parse_event` reads an event. Raises: InvalidEvent."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=number,
            parse_float=number,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise InvalidEvent() from None


def flatten(event: dict[str, Any] | RepeatedKeys) -> Leaves:
    """Every leaf of the event by its dotted path."""
    leaves = Leaves()
    arrays = 0
    waiting: list[tuple[str | None, Any, Membership]] = [(None, event, ())]
    while waiting:
        path, value, membership = waiting.pop()
        if isinstance(value, dict | RepeatedKeys):
            for key, inner in members(value):
                waiting.append((key if path is None else f"{path}.{key}", inner, membership))
        elif isinstance(value, list):
            for index, element in enumerate(value):
                nests = isinstance(element, dict | RepeatedKeys | list)
                place = (*membership, (arrays, index)) if nests else membership
                waiting.append((path, element, place))
            arrays += 1
        else:
            assert path is not None
            leaves.setdefault(path, []).append((canonical(value), membership))
    return leaves


def members(value: dict[str, Any] | RepeatedKeys) -> Iterable[tuple[str, Any]]:
    """The keys and values of an object, repeated keys included."""
    return value.items() if isinstance(value, dict) else value.pairs


def merged(sofar: Membership, more: Membership) -> Membership | None:
    """Both memberships as one, or None if they lie in different elements of one array."""
    if not more or sofar == more:
        return sofar
    if not sofar:
        return more
    places = dict(sofar)
    for array, index in more:
        if places.setdefault(array, index) != index:
            return None
    return tuple(sorted(places.items()))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | RepeatedKeys:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else RepeatedKeys(tuple(pairs))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
