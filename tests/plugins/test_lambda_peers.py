"""The lambda invoker against Lambdas that aren't its own tests': moto's, and another broker's."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import trio

from broker.plugin import Host, Invocation, InvokerThrottled, InvokerUnavailable
from broker_lambda import LambdaInvoker
from tests.daemon import Daemon, running_daemon
from tests.wire.code import ROLE, RUNTIME, answering, zipped

CREDENTIALS = {"access_key_id": "any", "secret_access_key": "any"}


@pytest.fixture
async def invoker(tmp_path: Path) -> AsyncIterator[LambdaInvoker]:
    invoker = LambdaInvoker(environment={"HOME": str(tmp_path)})
    async with invoker.running(Host(state_directory=tmp_path)):
        yield invoker


def invocation(url: str, **settings: Any) -> Invocation:
    given = {"endpoint_url": url, **CREDENTIALS, **settings}
    return Invocation(
        request_id="5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1",
        function_name="remote",
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:remote",
        payload=b'{"a": 1}',
        timeout_s=10.0,
        deadline_ms=4_000_000_000_000,
        settings={name: value for name, value in given.items() if value is not None},
    )


def client(url: str) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def create(url: str, archive: bytes) -> None:
    functions = client(url)
    functions.create_function(
        FunctionName="remote",
        Role=ROLE,
        Runtime=RUNTIME,
        Handler="app.handler",
        Code={"ZipFile": archive},
    )


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """moto's server; its Lambda answers with the event, as there is no container to run it in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "false"},
    ) as server:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as http:
            config = {"lambda": {"use_docker": False}, "iam": {"load_aws_managed_policies": False}}
            for _ in range(200):
                try:
                    http.post(f"{url}/moto-api/config", json=config)
                    break
                except httpx.TransportError:
                    continue
        boto3.client(
            "iam",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        ).create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        functions = client(url)
        functions.create_function(
            FunctionName="remote",
            Role="arn:aws:iam::123456789012:role/any",
            Runtime="python3.12",
            Handler="app.handler",
            Code={"ZipFile": answering("x")},
        )
        yield url
        server.send_signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("peer")
    with running_daemon(folder, "[functions]\nallow_upload = true\n") as daemon:
        source = """
def handler(event, context):
    print("seen there")
    if event.get("fail"): raise ValueError("no")
    return event
"""
        create(daemon.url, zipped(app__py=source))
        yield daemon


async def test_moto_is_invoked_and_waited_for(invoker: LambdaInvoker, moto: str) -> None:
    result = await invoker.invoke(invocation(moto))
    assert result.function_error is None
    assert json.loads(result.payload) == {"a": 1}


async def test_moto_is_left_to_itself(invoker: LambdaInvoker, moto: str) -> None:
    result = await invoker.invoke(invocation(moto, invocation_type="Event"))
    assert (result.payload, result.function_error) == (b"null", None)


async def test_another_broker_is_invoked(invoker: LambdaInvoker, peer: Daemon) -> None:
    log = bytearray()
    call = invocation(peer.url)
    told = Invocation(
        **{
            **{name: getattr(call, name) for name in call.__dataclass_fields__},
            "write_log": log.extend,
        }
    )
    result = await invoker.invoke(told)
    assert json.loads(result.payload) == {"a": 1}
    assert b"seen there" in log


async def test_its_throttle_is_backpressure(invoker: LambdaInvoker, peer: Daemon) -> None:
    functions = client(peer.url)
    await trio.to_thread.run_sync(
        lambda: functions.put_function_concurrency(
            FunctionName="remote", ReservedConcurrentExecutions=0
        )
    )
    try:
        with pytest.raises(InvokerThrottled) as throttled:
            await invoker.invoke(invocation(peer.url))
        assert throttled.value.retry_after_s == 1
    finally:
        functions.delete_function_concurrency(FunctionName="remote")


# Credentials


@pytest.mark.parametrize("expiration", ["", ', "Expiration": "2999-01-01T00:00:00Z"'])
async def test_a_profile_of_the_shared_file(
    invoker: LambdaInvoker, peer: Daemon, tmp_path: Path, expiration: str
) -> None:
    file = tmp_path / ".aws" / "credentials"
    file.parent.mkdir()
    file.write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = b\n"
        f"[vault]\ncredential_process = {sys.executable} {tmp_path / 'vault.py'}\n"
    )
    no_keys = {"access_key_id": None, "secret_access_key": None}
    assert (await invoker.invoke(invocation(peer.url, **no_keys))).function_error is None
    (tmp_path / "vault.py").write_text(
        "import pathlib\n"
        f"with open({str(tmp_path / 'asked')!r}, 'a') as asked: asked.write('x')\n"
        'print(\'{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", '
        f'"SessionToken": "c"{expiration}}}\')\n'
    )

    async def invoke() -> None:
        result = await invoker.invoke(invocation(peer.url, profile="vault", **no_keys))
        assert result.function_error is None

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(invoke)
    await invoke()
    assert (tmp_path / "asked").read_text() == "x"
    missing = await invoker.invoke(invocation(peer.url, profile="nobody", **no_keys))
    assert json.loads(missing.payload)["errorType"] == "Lambda.MissingCredentials"


async def test_a_credential_process_that_fails_costs_no_attempt(
    invoker: LambdaInvoker, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\ncredential_process = false\n")
    call = invocation(
        "http://127.0.0.1:9",
        access_key_id=None,
        secret_access_key=None,
        credentials_file=str(file),
    )
    with pytest.raises(InvokerUnavailable, match="credential process ended with 1"):
        await invoker.invoke(call)
