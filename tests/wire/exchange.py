"""one request and what must be answered to it, in the words of the service's model

`${name}` in a text stands for what an earlier exchange has kept.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import jmespath

_KEPT = re.compile(r"\$\{(\w+)\}")


class _Anything:
    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "ANY"


ANY: Any = _Anything()  # a member that must be there, whatever its value


@dataclass(frozen=True)
class Error:
    """An error as the service has it."""

    shape: str
    message: str
    code: str = ""  # Query's, if not the shape's name
    query_message: str = ""  # Query's, if not the same

    @property
    def query_code(self) -> str:
        return self.code or self.shape


@dataclass(frozen=True)
class Exchange:
    """A request, and either all members of its answer or its refusal."""

    action: str
    request: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    refusal: Error | None = None
    keep: dict[str, str] = field(default_factory=dict)  # by name, a JMESPath into the answer
    eventually: bool = False  # asked again until it is answered so


def refused(action: str, error: Error, **request: Any) -> Exchange:
    """A request that is answered so."""
    return Exchange(action, request, refusal=error)


def invalid(message: str) -> Error:
    """What EventBridge's services call a request that can't be."""
    return Error("ValidationException", message)


def unsupported(member: str) -> Error:
    """A member that the service has and this broker doesn't."""
    return invalid(f"{member} is not supported by this broker.")


def filled(value: Any, kept: dict[str, str]) -> Any:
    """The value with what was kept in its place."""
    if isinstance(value, str):
        return _KEPT.sub(lambda match: kept[match[1]], value)
    if isinstance(value, dict):
        return {filled(key, kept): filled(each, kept) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, kept) for each in value]
    return value


def keep(exchange: Exchange, answer: dict[str, Any], kept: dict[str, str]) -> None:
    """Note what later exchanges need of this one's answer."""
    for name, path in exchange.keep.items():
        kept[name] = jmespath.search(path, answer)
