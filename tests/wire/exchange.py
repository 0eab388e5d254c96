"""one request and what must be answered to it, made of a broker over SQS's two protocols

An exchange says it in the words of the service's model; `Json` sends it through an unmodified
boto3, `Query` as a form that is built here, after the reference of the protocol and not after the
broker. `${name}` in a text stands for what an earlier exchange has kept.
"""

import base64
import re
from dataclasses import dataclass, field
from typing import Any, Protocol
from xml.etree import ElementTree

import botocore.session
import httpx
import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape

MODEL = botocore.session.get_session().get_service_model("sqs")
_KEPT = re.compile(r"\$\{(\w+)\}")


class _Anything:
    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "ANY"


ANY: Any = _Anything()  # a member that must be there, whatever its value


@dataclass(frozen=True)
class Refusal:
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
    refusal: Refusal | None = None
    keep: dict[str, str] = field(default_factory=dict)  # by name, a JMESPath into the answer
    eventually: bool = False  # asked again until it is answered so


class Client(Protocol):
    """Speaks one protocol."""

    def call(self, action: str, request: dict[str, Any]) -> "dict[str, Any] | Refusal":
        """The answer's members, without empty lists, or the refusal."""


def filled(value: Any, kept: dict[str, str]) -> Any:
    """The value with what was kept in its place."""
    if isinstance(value, str):
        return _KEPT.sub(lambda match: kept[match[1]], value)
    if isinstance(value, dict):
        return {filled(key, kept): filled(each, kept) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, kept) for each in value]
    return value


def expected(exchange: Exchange, kept: dict[str, str]) -> "dict[str, Any] | Refusal":
    """What must be answered."""
    if exchange.refusal is None:
        return dict(filled(exchange.answer, kept))
    refusal = exchange.refusal
    return Refusal(
        refusal.shape, filled(refusal.message, kept), refusal.query_code, refusal.query_message
    )


def keep(exchange: Exchange, answer: Any, kept: dict[str, str]) -> None:
    """Note what later exchanges need of this one's answer."""
    for name, path in exchange.keep.items():
        kept[name] = jmespath.search(path, answer)


class Json:
    """An unmodified boto3."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def call(self, action: str, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        try:
            answer = getattr(self._client, xform_name(action))(**request)
        except ClientError as error:
            found: Any = error.response["Error"]
            return Refusal(found.get("QueryErrorCode", ""), found["Message"], found["Code"])
        answer.pop("ResponseMetadata")
        return {name: value for name, value in answer.items() if value != []}


_QUERY_NAMES = {
    "AWSAccountIds": "AWSAccountId",
    "Actions": "ActionName",
    "AttributeNames": "AttributeName",
    "Attributes": "Attribute",
    "BinaryListValues": "BinaryListValue",
    "Entries": "{action}RequestEntry",
    "Failed": "BatchResultErrorEntry",
    "MessageAttributeNames": "MessageAttributeName",
    "MessageAttributes": "MessageAttribute",
    "MessageSystemAttributeNames": "MessageSystemAttributeName",
    "MessageSystemAttributes": "MessageSystemAttribute",
    "Messages": "Message",
    "QueueUrls": "QueueUrl",
    "Results": "ListMessageMoveTasksResultEntry",
    "StringListValues": "StringListValue",
    "Successful": "{action}ResultEntry",
    "TagKeys": "TagKey",
    "Tags": "Tag",
    "queueUrls": "QueueUrl",
    "tags": "Tag",
}
_XMLNS = "{http://queue.amazonaws.com/doc/2012-11-05/}"


class Query:
    """Forms in, XML out."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def call(self, action: str, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        form = {"Action": action, "Version": "2012-11-05"}
        for name, value in request.items():
            _to_form(action, name, value, "", form)
        answer = self._http.post(self._url, data=form)
        root = ElementTree.fromstring(answer.content)
        if answer.status_code >= 300:
            error = root.find(f"{_XMLNS}Error")
            assert error is not None
            texts = {child.tag.removeprefix(_XMLNS): child.text or "" for child in error}
            return Refusal("", texts["Message"], texts["Code"])
        result = root.find(f"{_XMLNS}{action}Result")
        shape = MODEL.operation_model(action).output_shape
        if shape is None or not shape.members:
            assert result is None, "an action without output has no result"
            return {}
        assert result is not None
        return dict(_from_xml(action, shape, result))


def _query_name(action: str, name: str) -> str:
    return _QUERY_NAMES.get(name, name).format(action=action)


def _to_form(action: str, name: str, value: Any, prefix: str, form: dict[str, str]) -> None:
    at = prefix + _query_name(action, name)
    if isinstance(value, dict):
        key = "Key" if name in ("tags", "Tags") else "Name"
        for number, (each, inner) in enumerate(value.items(), 1):
            form[f"{at}.{number}.{key}"] = each
            if isinstance(inner, dict):
                for member, content in inner.items():
                    _to_form(action, member, content, f"{at}.{number}.Value.", form)
            else:
                form[f"{at}.{number}.Value"] = inner
    elif isinstance(value, list):
        for number, each in enumerate(value, 1):
            if isinstance(each, dict):
                for member, content in each.items():
                    _to_form(action, member, content, f"{at}.{number}.", form)
            else:
                form[f"{at}.{number}"] = _plain(each)
    else:
        form[at] = _plain(value)


def _plain(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _from_xml(action: str, shape: Shape, node: ElementTree.Element) -> Any:
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            nodes = node.findall(_XMLNS + _query_name(action, name))
            if not nodes:
                continue
            if member.type_name == "list":
                found[name] = [_from_xml(action, member.member, each) for each in nodes]
            elif member.type_name == "map":
                found[name] = dict(_pair(action, name, member, each) for each in nodes)
            else:
                (one,) = nodes
                found[name] = _from_xml(action, member, one)
        known = {_XMLNS + _query_name(action, name) for name in shape.members}
        assert {child.tag for child in node} <= known, "no element that the model doesn't have"
        return found
    text = node.text or ""
    if shape.type_name == "blob":
        return base64.b64decode(text)
    if shape.type_name in ("integer", "long"):
        return int(text)
    return text == "true" if shape.type_name == "boolean" else text


def _pair(action: str, name: str, shape: Shape, node: ElementTree.Element) -> tuple[str, Any]:
    key = node.find(_XMLNS + ("Key" if name == "Tags" else "Name"))
    value = node.find(_XMLNS + "Value")
    assert key is not None
    assert value is not None
    return key.text or "", _from_xml(action, shape.value, value)
