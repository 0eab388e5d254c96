"""the JSON paths by which a rule's target picks a part of the event

A small part of JSONPath, exactly: `$`, members (`.name`, `['any name']`), indices (`[0]`, from the
end `[-1]`) and `[*]` for all elements. What selects by a condition or at any depth is refused.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

__all__ = ["MISSING", "EventPath", "InvalidEventPath", "compile_path"]

MISSING: Final = object()
"""What a path finds where there is nothing."""

EventPath = Callable[[Any], Any]
"""From an event to the value at the path, or MISSING."""

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]*'"\s()?@,:]+)|\[(?P<index>-?[0-9]{1,9})\]|(?P<all>\[\*\]|\.\*)"""
    r"""|\['(?P<single>[^'\\]+)'\]|\["(?P<double>[^"\\]+)"\]"""
)
_Step = str | int | None  # a member, an index, all elements


class InvalidEventPath(Exception):
    """A text is no path, or none that is supported; says why."""


@lru_cache(maxsize=10_000)
def compile_path(text: str) -> EventPath:
    """Raises: InvalidEventPath."""
    if not text.startswith("$"):
        raise InvalidEventPath(f"the JSON path {text!r} doesn't begin with $")
    steps: list[_Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise InvalidEventPath(f"the JSON path {text!r} is not understood at {text[at:]!r}")
        if found["all"]:
            steps.append(None)
        elif found["index"] is not None:
            steps.append(int(found["index"]))
        else:
            steps.append(found["name"] or found["single"] or found["double"])
        at = found.end()
    return lambda event: _follow(event, steps)


def _follow(value: Any, steps: list[_Step]) -> Any:
    for number, step in enumerate(steps):
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        elif step is None:
            if isinstance(value, dict):
                value = list(value.values())
            if not isinstance(value, list):
                return MISSING
            found = (_follow(each, steps[number + 1 :]) for each in value)
            return [each for each in found if each is not MISSING]
        else:
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return MISSING
            value = value[step]
    return value
