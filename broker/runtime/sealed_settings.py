"""secrets in the settings of functions, sealed where these are stored

Which they are, an invoker says by its `settings_type`: what is typed `Secret` there. A sealed one
stands in its place as `{"$sealed": token}`.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from broker.plugin import Settings
from broker.runtime.secret_box import SecretBox

__all__ = ["sealed", "unsealed"]

_SEALED = "$sealed"


def sealed(settings: Settings, kind: Any, box: Callable[[], SecretBox]) -> dict[str, Any]:
    """The settings as they may be stored; what is sealed already stays as it is."""

    def seal(secret: Any) -> Any:
        if isinstance(secret, str):
            return {_SEALED: box().seal(secret.encode()).decode()}
        return secret

    return _changed(settings, kind, seal)


def unsealed(settings: Settings, kind: Any, box: Callable[[], SecretBox]) -> dict[str, Any]:
    """The settings as they were given. Raises: Unreadable."""

    def unseal(secret: Any) -> Any:
        if isinstance(secret, Mapping) and secret.keys() == {_SEALED}:
            return box().unseal(secret[_SEALED].encode()).decode()
        return secret

    return _changed(settings, kind, unseal)


def _changed(settings: Settings, kind: Any, change: Callable[[Any], Any]) -> dict[str, Any]:
    described = _with_secrets(kind)
    if described is None:
        return dict(settings)
    changed: dict[str, Any] = _walk(dict(settings), described, change)
    return changed


@lru_cache(maxsize=256)
def _with_secrets(kind: Any) -> inspect.Type | None:
    """What the type is made of, if there are secrets in it, and if an invoker has said any."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return None
    described = inspect.type_info(kind)
    return described if _has_secrets(described) else None


def _has_secrets(kind: inspect.Type) -> bool:
    waiting, seen = [kind], set()
    while waiting:
        kind = waiting.pop()
        if _is_secret(kind):
            return True
        if isinstance(kind, inspect.UnionType):
            waiting += kind.types
        elif isinstance(kind, inspect.StructType):
            if kind.cls not in seen:  # it may hold others of its own
                seen.add(kind.cls)
                waiting += [field.type for field in kind.fields]
        else:
            inner = (getattr(kind, name, None) for name in ("type", "item_type", "value_type"))
            waiting += [each for each in inner if each is not None]
    return False


def _walk(value: Any, kind: inspect.Type, change: Callable[[Any], Any]) -> Any:
    """The value, with all changed that its type calls secret; of a wrong type it is as it was."""
    if _is_secret(kind):
        return change(value)
    if isinstance(kind, inspect.Metadata):
        return _walk(value, kind.type, change)
    if isinstance(kind, inspect.UnionType):
        return _walk_union(value, kind, change)
    if isinstance(value, dict):
        if isinstance(kind, inspect.StructType):
            kinds = {field.encode_name: field.type for field in kind.fields}
            return {
                key: _walk(each, kinds[key], change) if key in kinds else each
                for key, each in value.items()
            }
        if isinstance(kind, inspect.DictType):
            return {key: _walk(each, kind.value_type, change) for key, each in value.items()}
    if isinstance(value, list) and isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [_walk(each, kind.item_type, change) for each in value]
    return value


def _walk_union(value: Any, kind: inspect.UnionType, change: Callable[[Any], Any]) -> Any:
    if not isinstance(value, dict):
        return change(value) if any(map(_is_secret, kind.types)) else value
    if value.keys() == {_SEALED} and any(map(_is_secret, kind.types)):
        return change(value)
    for each in kind.types:
        if isinstance(each, inspect.StructType) and (
            each.tag_field is None or value.get(each.tag_field) == each.tag
        ):
            return _walk(value, each, change)
    return value


def _is_secret(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.Metadata) and bool((kind.extra or {}).get("secret"))
