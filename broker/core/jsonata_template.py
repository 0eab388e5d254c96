"""input templates that are JSONata: `{% … %}`, as state machines write it

An expression runs while an event is routed, so it is held short: it has a time and a depth, and
what could take long or much memory in one step is refused when the target is made. The library is
optional: the extra `jsonata`.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.input_template import TransformationFailed

__all__ = ["compile_jsonata", "jsonata_text"]

TIME_MS, DEPTH = 50, 100
RANGE_MAX = 10_000
# Functions that run other texts, or make a long one of little.
REFUSED = ("eval", "pad")


def jsonata_text(template: str) -> str | None:
    """The expression in a template that is JSONata; None for any other template."""
    text = template.strip()
    return text[2:-2] if text.startswith("{%") and text.endswith("%}") and len(text) >= 4 else None


@lru_cache(maxsize=1_000)
def compile_jsonata(text: str) -> Callable[[Any], str]:
    """What makes the JSON text of an event; it raises TransformationFailed.

    Raises: InvalidParameter, for an expression that isn't understood or could take long;
    NotSupported, without the library.
    """
    try:
        from jsonata import Jsonata
        from jsonata.jexception import JException
    except ImportError:
        raise NotSupported(
            "JSONata is not supported by this broker: it isn't installed (the extra `jsonata`)."
        ) from None
    try:
        expression = Jsonata(text)
    except (JException, RecursionError) as error:
        raise InvalidParameter(f"The JSONata is not valid: {error}.") from None
    for symbol in _symbols(expression.ast, set()):
        _check(symbol)

    def make(event: Any) -> str:
        frame = expression.create_frame()
        frame.set_runtime_bounds(TIME_MS, DEPTH)
        try:
            value = expression.evaluate(event, frame)
            if value is None:
                raise TransformationFailed("The JSONata makes nothing of the event.")
            return msgspec.json.encode(value).decode()
        except TransformationFailed:
            raise
        except Exception as error:  # whatever an expression does is its target's affair
            raise TransformationFailed(f"The JSONata failed: {error}") from None

    return make


def _symbols(node: Any, seen: set[int]) -> Iterator[Any]:
    """All nodes of a syntax tree."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, list | tuple):
        for each in node:
            yield from _symbols(each, seen)
    elif type(node).__module__ == "jsonata.parser" and hasattr(node, "type"):
        yield node
        for each in vars(node).values():
            yield from _symbols(each, seen)


def _check(symbol: Any) -> None:
    if symbol.type == "regex":
        raise InvalidParameter("JSONata with regular expressions is not supported by this broker.")
    if symbol.type == "variable" and symbol.value in REFUSED:
        raise InvalidParameter(f"${symbol.value} of JSONata is not supported by this broker.")
    if symbol.type == "binary" and symbol.value == "..":
        ends = symbol.lhs, symbol.rhs
        plain = all(each.type == "number" for each in ends)
        if not plain or ends[1].value - ends[0].value > RANGE_MAX:
            raise InvalidParameter(
                f"A range in JSONata goes from a number to one at most {RANGE_MAX} further."
            )
