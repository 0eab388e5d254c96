"""clients of every kind behind one face: an action of SQS or SNS in, its answer out"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from xml.etree import ElementTree

import botocore.session
import httpx
from botocore.exceptions import ClientError
from botocore.model import Shape

from tests.daemon import Daemon
from tests.wire import node

SERVICES = ("sqs", "sns", "events", "scheduler", "pipes", "lambda")
MODELS = {name: botocore.session.get_session().get_service_model(name) for name in SERVICES}


PACKAGES = {  # of the JavaScript SDK
    "sqs": "SQS",
    "sns": "SNS",
    "events": "EventBridge",
    "scheduler": "Scheduler",
    "pipes": "Pipes",
    "lambda": "Lambda",
}


class Refusal(Exception):
    """An error, as its code and its message; `shape` where the client tells it apart."""

    def __init__(self, code: str, message: str, shape: str = "") -> None:
        super().__init__(code, message)
        self.shape = shape


class ServiceClient(Protocol):
    def call(self, action: str, **members: Any) -> dict[str, Any]:
        """What the action answers, as the service's model has it. Raises: Refusal."""

    def close(self) -> None: ...


class Boto3Client:
    """boto3, which speaks JSON where the service does."""

    def __init__(self, broker: Daemon, service: str = "sqs") -> None:
        self._client = broker.client(service)

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        try:
            answer = getattr(self._client, "_".join(words(action)))(**members)
        except ClientError as error:
            found: Any = error.response["Error"]
            shape = found.get("QueryErrorCode", "")
            raise Refusal(found["Code"], found["Message"], shape) from None
        del answer["ResponseMetadata"]
        return dict(answer)

    def close(self) -> None:
        self._client.close()


class JavaScriptClient:
    """The AWS SDK for JavaScript v3, in one process."""

    def __init__(self, broker: Daemon, service: str = "sqs") -> None:
        self._process = node.start(
            broker, "actions.js", {"SERVICE": PACKAGES[service]}, stdin=subprocess.PIPE
        )

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([action, members], default=text_of_bytes) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline(), object_hook=with_bytes)
        if "code" in answer:
            raise Refusal(answer["code"], answer["message"])
        return dict(answer["answer"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=60) == 0


class CliClient:
    """The AWS CLI, in one process, with its arguments as people write them."""

    _RENAMED = {"Endpoint": "notification-endpoint"}  # or it would stand for --endpoint-url

    def __init__(self, broker: Daemon, service: str = "sqs") -> None:
        self._command = ("--endpoint-url", broker.url, service)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.wire.aws_cli"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                "PATH": os.environ["PATH"],
                "AWS_ACCESS_KEY_ID": "000000000000",
                "AWS_SECRET_ACCESS_KEY": "any",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_CONFIG_FILE": str(Path(__file__).with_name("aws_cli.ini")),
            },
        )

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        arguments = [*self._command, "-".join(words(action)), *self._options(members)]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        if code != 0:
            found = re.search(r"An error occurred \((.*)\) when calling .* operation: (.*)", err)
            assert found, err
            raise Refusal(*found.groups())
        return json.loads(out, object_hook=with_bytes) if out else {}

    def _options(self, members: dict[str, Any]) -> Iterator[str]:
        for name, value in members.items():
            if isinstance(value, bool):
                yield f"--{'' if value else 'no-'}{'-'.join(words(name))}"
                continue
            yield "--" + self._RENAMED.get(name, "-".join(words(name)))
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                yield from value
            elif isinstance(value, str | int):
                yield str(value)
            else:  # version 1 takes the bytes themselves
                yield json.dumps(value, default=bytes.decode)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=60) == 0


class QueryClient:
    """Forms in, XML out, by GET or by POST; written after the reference, not after the broker."""

    def __init__(self, broker: Daemon, method: str, service: str = "sqs") -> None:
        self._http = httpx.Client(base_url=broker.url)
        self._method = method
        self._dialect = DIALECTS[service]

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        dialect = self._dialect
        operation = dialect.model.operation_model(action)
        form = {"Action": action, "Version": dialect.model.api_version}
        form.update(dialect.form(action, operation.input_shape, members))
        place = "params" if self._method == "GET" else "data"
        answer = self._http.request(self._method, "/", **{place: form})
        root = ElementTree.fromstring(answer.content)
        xmlns = dialect.xmlns
        if answer.status_code != 200:
            (error,) = root.iter(f"{xmlns}Error")
            code, message = (error.findtext(xmlns + name) or "" for name in ("Code", "Message"))
            raise Refusal(code, message)
        result = root.find(f"{xmlns}{action}Result")
        shape = operation.output_shape
        if shape is None or not shape.members:
            # SNS has an empty result where the model has an empty structure.
            assert (result is None) == (shape is None), "an action without output has no result"
            return {}
        assert result is not None
        return dict(dialect.value(action, shape, result))

    def close(self) -> None:
        self._http.close()


class Flattened:
    """SQS's way: `Attribute.1.Name`, entries under names of their own."""

    model = MODELS["sqs"]
    xmlns = "{http://queue.amazonaws.com/doc/2012-11-05/}"

    def form(
        self, action: str, shape: Shape | None, members: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        """A request's parameters."""
        return _form(action, members)

    def value(self, action: str, shape: Shape, element: ElementTree.Element) -> Any:
        """What an element says, as the model has it."""
        return _value(action, shape, element)


class Wrapped:
    """SNS's way: `Tags.member.1.Key`, `Attributes.entry.1.key`."""

    model = MODELS["sns"]
    xmlns = "{http://sns.amazonaws.com/doc/2010-03-31/}"

    def form(
        self, action: str, shape: Shape | None, members: dict[str, Any], prefix: str = ""
    ) -> Iterator[tuple[str, str]]:
        """A request's parameters."""
        assert shape is not None
        for member, value in members.items():
            yield from self._parameters(action, shape.members[member], f"{prefix}{member}", value)

    def _parameters(
        self, action: str, shape: Shape, name: str, value: Any
    ) -> Iterator[tuple[str, str]]:
        if shape.type_name == "structure":
            yield from self.form(action, shape, value, f"{name}.")
        elif shape.type_name == "list":
            for n, item in enumerate(value, 1):
                yield from self._parameters(action, shape.member, f"{name}.member.{n}", item)
        elif shape.type_name == "map":
            key, inner = _entry_names(shape)
            for n, (entry, item) in enumerate(value.items(), 1):
                yield f"{name}.entry.{n}.{key}", entry
                yield from self._parameters(action, shape.value, f"{name}.entry.{n}.{inner}", item)
        elif isinstance(value, bool):
            yield name, "true" if value else "false"
        else:
            yield name, text_of_bytes(value) if isinstance(value, bytes) else str(value)

    def value(self, action: str, shape: Shape, element: ElementTree.Element) -> Any:
        """What an element says, as the model has it."""
        xmlns = self.xmlns
        if shape.type_name == "structure":
            known = {xmlns + member for member in shape.members}
            assert {child.tag for child in element} <= known, "nothing that the model doesn't have"
            return {
                member: self.value(action, inner, found)
                for member, inner in shape.members.items()
                if (found := element.find(xmlns + member)) is not None
            }
        if shape.type_name == "list":
            assert {child.tag for child in element} <= {f"{xmlns}member"}
            return [self.value(action, shape.member, each) for each in element]
        if shape.type_name == "map":
            key, inner = _entry_names(shape)
            return {
                each.findtext(xmlns + key): self.value(
                    action, shape.value, _only(each.findall(xmlns + inner))
                )
                for each in element
            }
        return _scalar(shape, element)


def _entry_names(shape: Shape) -> tuple[str, str]:
    """What the key and the value of a map's entry are called."""
    key = shape.key.serialization.get("name", "key")
    return key, shape.value.serialization.get("name", "value")


def _only(elements: list[ElementTree.Element]) -> ElementTree.Element:
    (element,) = elements
    return element


DIALECTS: dict[str, Flattened | Wrapped] = {"sqs": Flattened(), "sns": Wrapped()}

# What Query calls lists and maps: the singular of one entry, mostly.
_NAMES = {
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


def _name(action: str, member: str) -> str:
    return _NAMES.get(member, member).format(action=action)


def _form(action: str, members: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for member, value in members.items():
        name = prefix + _name(action, member)
        if isinstance(value, dict):
            key = "Key" if member in ("tags", "Tags") else "Name"
            for n, (entry, item) in enumerate(value.items(), 1):
                yield f"{name}.{n}.{key}", entry
                yield from _item(action, f"{name}.{n}.Value", item)
        elif isinstance(value, list):
            for n, item in enumerate(value, 1):
                yield from _item(action, f"{name}.{n}", item)
        else:
            yield from _item(action, name, value)


def _item(action: str, name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield from _form(action, value, f"{name}.")
    else:
        yield name, text_of_bytes(value) if isinstance(value, bytes) else str(value)


def _value(action: str, shape: Shape, element: ElementTree.Element) -> Any:
    """What an element says, as the model has it."""
    if shape.type_name == "structure":
        known = {Flattened.xmlns + _name(action, member) for member in shape.members}
        assert {child.tag for child in element} <= known, "nothing that the model doesn't have"
        found = {}
        for member, inner in shape.members.items():
            elements = element.findall(Flattened.xmlns + _name(action, member))
            if inner.type_name == "list" and elements:
                found[member] = [_value(action, inner.member, each) for each in elements]
            elif inner.type_name == "map" and elements:
                key = Flattened.xmlns + ("Key" if member == "Tags" else "Name")
                found[member] = {
                    each.findtext(key): _value(
                        action, inner.value, each.find(f"{Flattened.xmlns}Value")
                    )
                    for each in elements
                }
            elif elements:
                (one,) = elements
                found[member] = _value(action, inner, one)
        return found
    return _scalar(shape, element)


def _scalar(shape: Shape, element: ElementTree.Element) -> Any:
    text = element.text or ""
    if shape.type_name == "blob":
        return base64.b64decode(text)
    if shape.type_name in ("integer", "long"):
        return int(text)
    return text == "true" if shape.type_name == "boolean" else text


def words(name: str) -> list[str]:
    """`GetQueueUrl` in lower case: get, queue, url."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]


def text_of_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def with_bytes(found: dict[str, Any]) -> dict[str, Any]:
    if "BinaryValue" in found:
        found["BinaryValue"] = base64.b64decode(found["BinaryValue"])
    return found
