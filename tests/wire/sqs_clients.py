"""clients of SQS of every kind behind one face: an action with its members in, its answer out"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Protocol
from xml.etree import ElementTree

import httpx
from botocore.exceptions import ClientError

from tests.daemon import Daemon
from tests.wire import node

XMLNS = "{http://queue.amazonaws.com/doc/2012-11-05/}"


class Refusal(Exception):
    """An error, as its code and its message."""


class SqsClient(Protocol):
    def call(self, action: str, **members: Any) -> dict[str, Any]:
        """What the action answers, as the service's model has it. Raises: Refusal."""

    def close(self) -> None: ...


class Boto3Client:
    """boto3, which speaks JSON."""

    def __init__(self, broker: Daemon) -> None:
        self._sqs = broker.client("sqs")

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        try:
            answer = getattr(self._sqs, "_".join(words(action)))(**members)
        except ClientError as error:
            found = error.response["Error"]
            raise Refusal(found["Code"], found["Message"]) from None
        del answer["ResponseMetadata"]
        return dict(answer)

    def close(self) -> None:
        self._sqs.close()


class JavaScriptClient:
    """The AWS SDK for JavaScript v3, in one process."""

    def __init__(self, broker: Daemon) -> None:
        self._process = node.start(broker, "actions.js", stdin=subprocess.PIPE)

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
    """The AWS CLI, a process for each action, with its arguments as people write them."""

    def __init__(self, broker: Daemon) -> None:
        endpoint = ("--endpoint-url", broker.url)
        self._command = (sys.executable, "-m", "awscli", *endpoint, "sqs")

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        done = subprocess.run(
            [*self._command, "-".join(words(action)), *self._options(members)],
            capture_output=True,
            text=True,
            timeout=60,
            env={
                "PATH": os.environ["PATH"],
                "AWS_ACCESS_KEY_ID": "000000000000",
                "AWS_SECRET_ACCESS_KEY": "any",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
        )
        if done.returncode != 0:
            found = re.search(
                r"An error occurred \((.*)\) when calling .* operation: (.*)", done.stderr
            )
            assert found, done.stderr
            raise Refusal(*found.groups())
        return json.loads(done.stdout, object_hook=with_bytes) if done.stdout else {}

    def _options(self, members: dict[str, Any]) -> Iterator[str]:
        for name, value in members.items():
            yield "--" + "-".join(words(name))
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                yield from value
            elif isinstance(value, str | int):
                yield str(value)
            else:  # version 1 takes the bytes themselves
                yield json.dumps(value, default=bytes.decode)

    def close(self) -> None:
        pass


class QueryClient:
    """Forms in, XML out, by GET or by POST; written after the reference, not after the broker."""

    def __init__(self, broker: Daemon, method: str) -> None:
        self._http = httpx.Client(base_url=broker.url)
        self._method = method

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        form = {"Action": action, "Version": "2012-11-05", **dict(_form(action, members))}
        place = "params" if self._method == "GET" else "data"
        answer = self._http.request(self._method, "/", **{place: form})
        root = ElementTree.fromstring(answer.content)
        if answer.status_code != 200:
            (error,) = root.iter(f"{XMLNS}Error")
            raise Refusal(error.findtext(f"{XMLNS}Code"), error.findtext(f"{XMLNS}Message"))
        result = root.find(f"{XMLNS}{action}Result")
        return {} if result is None else _members(result)

    def close(self) -> None:
        self._http.close()


# Of requests: a list's name in the form is the singular; a map's entries have names or keys.
_LISTS = {
    "Entries": "{action}RequestEntry",
    "AttributeNames": "AttributeName",
    "MessageAttributeNames": "MessageAttributeName",
    "MessageSystemAttributeNames": "MessageSystemAttributeName",
}
_MAPS = {
    "Attributes": ("Attribute", "Name"),
    "MessageAttributes": ("MessageAttribute", "Name"),
    "MessageSystemAttributes": ("MessageSystemAttribute", "Name"),
    "tags": ("Tag", "Key"),
}


def _form(action: str, members: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for member, value in members.items():
        if member in _MAPS:
            entry, key = _MAPS[member]
            for n, (name, item) in enumerate(value.items(), 1):
                yield f"{prefix}{entry}.{n}.{key}", name
                yield from _form(action, {"Value": item}, f"{prefix}{entry}.{n}.")
        elif isinstance(value, list):
            entry = _LISTS[member].format(action=action)
            for n, item in enumerate(value, 1):
                yield from _form(action, {f"{entry}.{n}": item}, prefix)
        elif isinstance(value, dict):
            yield from _form(action, value, f"{prefix}{member}.")
        else:
            text = text_of_bytes(value) if isinstance(value, bytes) else str(value)
            yield f"{prefix}{member}", text


# Of answers: elements that stand for an item of a list, and for an entry of a map.
_ITEMS = {
    "ListQueuesResult/QueueUrl": "QueueUrls",
    "ReceiveMessageResult/Message": "Messages",
    "SendMessageBatchResult/SendMessageBatchResultEntry": "Successful",
    "DeleteMessageBatchResult/DeleteMessageBatchResultEntry": "Successful",
    "ChangeMessageVisibilityBatchResult/ChangeMessageVisibilityBatchResultEntry": "Successful",
    "SendMessageBatchResult/BatchResultErrorEntry": "Failed",
    "DeleteMessageBatchResult/BatchResultErrorEntry": "Failed",
    "ChangeMessageVisibilityBatchResult/BatchResultErrorEntry": "Failed",
}
_ENTRIES = {"Attribute": "Attributes", "MessageAttribute": "MessageAttributes"}


def _members(element: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    parent = element.tag.removeprefix(XMLNS)
    for child in element:
        name = child.tag.removeprefix(XMLNS)
        value: Any = _members(child) if len(child) else child.text or ""
        if name == "SenderFault":
            value = value == "true"
        if name in _ENTRIES:
            found.setdefault(_ENTRIES[name], {})[value["Name"]] = value["Value"]
        elif f"{parent}/{name}" in _ITEMS:
            found.setdefault(_ITEMS[f"{parent}/{name}"], []).append(value)
        else:
            found[name] = value
    return with_bytes(found)


def words(name: str) -> list[str]:
    """`GetQueueUrl` in lower case: get, queue, url."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]


def text_of_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def with_bytes(found: dict[str, Any]) -> dict[str, Any]:
    if "BinaryValue" in found:
        found["BinaryValue"] = base64.b64decode(found["BinaryValue"])
    return found
