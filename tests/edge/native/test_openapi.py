"""The OpenAPI document is true: what a running daemon answers is what it describes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgpack
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from broker.edge.native.openapi import document
from broker.edge.native.operation import operations
from tests.daemon import Daemon, running_daemon

EXAMPLES = 10
NO_MSGPACK = b"\xc1"  # the one byte that begins nothing
KNOWN = {"queues": "orders", "topics": "news", "functions": "echo"}
CONFIG = """
[[queue]]
name = "orders"

[[topic]]
name = "news"

[[subscription]]
topic = "news"
queue = "orders"

[[function]]
name = "echo"
invoker = "subprocess"
settings = {command = ["cat"]}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder: Path = tmp_path_factory.mktemp("openapi")
    with running_daemon(folder, CONFIG) as daemon:
        yield daemon


@schemathesis.serializer("application/msgpack")
def to_msgpack(_: Any, value: Any) -> bytes:
    try:
        return msgpack.packb(value)  # type: ignore[no-any-return]
    except OverflowError:
        return NO_MSGPACK  # an integer that only JSON can write


schema = schemathesis.openapi.from_dict(document())


def test_the_daemon_serves_the_document(running: Daemon) -> None:
    served = httpx.get(f"{running.url}/v1/openapi.json")

    assert served.headers["content-type"] == "application/json"
    assert served.json() == json.loads(json.dumps(document()))
    assert served.json()["openapi"].startswith("3.1")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_the_daemon_answers_as_the_document_says(case: Case, running: Daemon) -> None:
    _aim(case)

    response = case.call(base_url=running.url)

    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    # What isn't supported is refused with 501, which is an answer and not a failure.
    case.validate_response(response, checks=checks[1:] if response.status_code == 501 else checks)


def _aim(case: Case) -> None:
    """Have half of the calls find what they name, and none wait or delete the queue."""
    kind = case.path.split("/")[2]
    name = (case.path_parameters or {}).get("name", "")
    if kind in KNOWN and len(name) % 2 == 1 and case.method != "DELETE":
        case.path_parameters = {**(case.path_parameters or {}), "name": KNOWN[kind]}
    # Another namespace has none of them.
    case.query = {k: v for k, v in (case.query or {}).items() if k not in ("account", "region")}
    if case.path.endswith("/receive") and isinstance(case.body, dict):
        case.body["wait_time_s"] = 0


def test_every_operation_is_described_under_a_name_of_its_own() -> None:
    described = [
        operation["operationId"]
        for path in document()["paths"].values()
        for operation in path.values()
    ]

    assert len(set(described)) == len(described) == len(operations.all)


def test_every_reference_in_the_document_leads_somewhere() -> None:
    found = document()
    names = found["components"]["schemas"].keys()

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                yield from references(each)

    assert {each.rpartition("/")[2] for each in references(found)} <= names


def test_pipes_are_not_the_native_apis_affair(running: Daemon) -> None:
    assert "PathNotFound" in httpx.get(f"{running.url}/v1/nothing").text
    assert "PathNotFound" not in httpx.get(f"{running.url}/v1/pipes/mine").text
    assert "PathNotFound" not in httpx.get(f"{running.url}/v1/pipes").text


def test_a_request_signed_for_pipes_is_not_the_native_apis_affair(running: Daemon) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/pipes/aws4_request"

    answer = httpx.get(f"{running.url}/v1/queues", headers={"Authorization": scope})
    assert answer.headers["x-amzn-errortype"] == "UnknownOperationException"


def test_a_body_that_is_too_long_is_refused_as_a_problem(running: Daemon) -> None:
    refused = httpx.post(
        f"{running.url}/v1/queues/orders/messages/bulk", content=b" " * (16 * 1024 * 1024 + 1)
    )

    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "ContentTooLarge"
