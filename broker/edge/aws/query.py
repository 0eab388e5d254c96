"""the Query protocol: form parameters to members and members to XML, led by the members' types

A member that Query names otherwise than JSON says so: `query_names` of its Members class maps the
wire name to Query's (`Attributes` is `Attribute.N…` in SQS), and `query_keys` to what it calls the
keys of a flattened map, if not `Name` (`Tag.N.Key`).
"""

import base64
import re
import types
from functools import cache
from typing import Any, Union, get_args, get_origin
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec
from msgspec.structs import fields

from broker.core.errors import InvalidParameter
from broker.edge.aws.service import Members, Service

Tree = dict[str, Any]
PARAMETERS_MAX = 10_000
_NUMBER = re.compile(r"[0-9]{1,9}")


def parse_form(body: bytes, query: bytes) -> dict[str, str]:
    """The parameters of a request, from its query string and its form."""
    parameters: dict[str, str] = {}
    for part in (query, body):
        if part:
            try:
                parameters.update(
                    parse_qsl(
                        part.decode(),
                        keep_blank_values=True,
                        max_num_fields=PARAMETERS_MAX,
                        errors="strict",
                    )
                )
            except (ValueError, UnicodeDecodeError) as error:
                raise InvalidParameter(f"The request's parameters can't be read: {error}") from None
    return parameters


def decode(service: Service, kind: type[Members], parameters: dict[str, str]) -> Members:
    """The members that the parameters hold. Raises: msgspec.ValidationError."""
    tree: Tree = {}
    for name, value in parameters.items():
        node = tree
        *parents, leaf = name.split(".")
        for parent in parents:
            child = node.setdefault(parent, {})
            node = child if isinstance(child, dict) else node.setdefault(parent + ".", {})
        node.setdefault(leaf, value)
    return msgspec.convert(_plain(service, kind, tree), kind, strict=False)


def _plain(service: Service, kind: Any, node: Any) -> Any:
    """The node as the JSON protocol would have it."""
    if kind is str:
        return node
    kind = _without_none(kind)
    origin = get_origin(kind)
    if origin is list:
        (item,) = get_args(kind)
        return [_plain(service, item, child) for child in _numbered(service, node, "member")]
    if origin is dict:
        _, item = get_args(kind)
        pairs = _numbered(service, node, "entry")
        if service.flattened and isinstance(node, dict) and _key(node):
            pairs.append(node)  # SQS takes `Attribute.Name=…&Attribute.Value=…` for a map of one
        return {_key(pair): _plain(service, item, _value(pair)) for pair in pairs}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if not isinstance(node, dict):
            return node
        return {
            name: _plain(service, type_, node[query_name])
            for name, query_name, type_ in _members(kind)
            if query_name in node
        }
    return node


def _numbered(service: Service, node: Any, wrapper: str) -> list[Any]:
    if not isinstance(node, dict):
        # SQS takes `AttributeName=All` for a list of one; an empty list is written as `Tags=`.
        return [node] if node and service.flattened else []
    if not service.flattened:
        node = node.get(wrapper, {})
        if not isinstance(node, dict):
            return []
    return [node[n] for n in sorted((n for n in node if _NUMBER.fullmatch(n)), key=int)]


def _key(pair: Any) -> str:
    for name in ("Name", "key", "Key"):
        if isinstance(pair, dict) and name in pair:
            return str(pair[name])
    return ""


def _value(pair: Tree) -> Any:
    for name in ("Value", "value"):
        if isinstance(pair, dict) and name in pair:
            return pair[name]
    return ""


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


@cache
def _members(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Each member's name, its name in Query, and its type; looking them up takes long."""
    names = _query_names(kind)
    return tuple((f.encode_name, names[f.encode_name], f.type) for f in fields(kind))


@cache
def _query_names(kind: type[msgspec.Struct]) -> dict[str, str]:
    special: dict[str, str] = getattr(kind, "query_names", {})
    return {f.encode_name: special.get(f.encode_name, f.encode_name) for f in fields(kind)}


# Members to XML


def encode(service: Service, action: str, response: Members | None, request_id: str) -> bytes:
    """The response document of an action."""
    result = ""
    if response is not None:
        inner = "".join(_members_xml(service, response))
        result = f"<{action}Result>{inner}</{action}Result>"
    return (
        f'<?xml version="1.0"?><{action}Response xmlns="{service.xmlns}">{result}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        f"</{action}Response>"
    ).encode()


def encode_error(
    service: Service, code: str, message: str, request_id: str, *, sender: bool
) -> bytes:
    """The error document."""
    fault = "Sender" if sender else "Receiver"
    detail = "<Detail/>" if service.error_detail else ""
    return (
        f'<?xml version="1.0"?><ErrorResponse xmlns="{service.xmlns}"><Error>'
        f"<Type>{fault}</Type><Code>{escape(code)}</Code><Message>{_text(message)}</Message>"
        f"{detail}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _members_xml(service: Service, members: msgspec.Struct) -> list[str]:
    keys: dict[str, str] = getattr(type(members), "query_keys", {})
    parts: list[str] = []
    for attribute, name, query_name in _attributes(type(members)):
        value = getattr(members, attribute)
        if value is not None and value is not msgspec.UNSET:
            parts.append(_xml(service, query_name, value, keys.get(name, "Name")))
    return parts


@cache
def _attributes(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, str], ...]:
    """Each member's attribute, its name, and its name in Query."""
    names = _query_names(kind)
    return tuple((f.name, f.encode_name, names[f.encode_name]) for f in fields(kind))


def _xml(service: Service, name: str, value: Any, key: str = "Name") -> str:
    if isinstance(value, list):
        items = [_xml(service, name if service.flattened else "member", item) for item in value]
        return "".join(items) if service.flattened else f"<{name}>{''.join(items)}</{name}>"
    if isinstance(value, dict):
        if service.flattened:
            return "".join(
                f"<{name}>{_xml(service, key, k)}{_xml(service, 'Value', v)}</{name}>"
                for k, v in value.items()
            )
        entries = (
            f"<entry>{_xml(service, 'key', k)}{_xml(service, 'value', v)}</entry>"
            for k, v in value.items()
        )
        return f"<{name}>{''.join(entries)}</{name}>"
    if isinstance(value, msgspec.Struct):
        return f"<{name}>{''.join(_members_xml(service, value))}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{'true' if value else 'false'}</{name}>"
    if isinstance(value, bytes):
        return f"<{name}>{base64.b64encode(value).decode()}</{name}>"
    return f"<{name}>{_text(str(value))}</{name}>"


def _text(text: str) -> str:
    # A literal carriage return would come out of an XML parser as a line feed.
    return escape(text, {"\r": "&#13;", '"': "&quot;"})
