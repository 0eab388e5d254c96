"""The native API over a broker in this process, on trio's mock clock: exact times, no waiting."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import pytest
import trio
from trio.testing import MockClock

from broker.core.names import Namespace
from broker.core.resources import Function, Queue, Rule, Subscription, Target, Topic
from broker.edge.http.message import Request
from broker.edge.native import NativeApi
from broker.plugin import Host, Invocation, InvocationResult, InvokerThrottled, InvokerUnavailable
from broker.runtime.broker import Broker
from broker.runtime.functions import changes_for
from broker.store.clock import Clock
from broker.store.inline import open_inline_store

EPOCH_MS = 1_700_000_000_000
HERE = Namespace()


def run_on_mock_clock(test: Any, clock: Any = None, instruments: Any = ()) -> Any:
    """Time passes when nothing else is left to do."""
    return trio.run(test, clock=MockClock(autojump_threshold=0), instruments=instruments)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "api" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.trio(run=run_on_mock_clock))


class Scripted:
    """An invoker that does what the payload says."""

    def check_settings(self, settings: Any, /) -> None:
        """Any will do."""

    @asynccontextmanager
    async def running(self, _: Host) -> AsyncIterator[None]:
        yield

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        match json.loads(invocation.payload):
            case {"fail": reason}:
                payload = json.dumps({"errorType": "Oops", "errorMessage": reason}).encode()
                invocation.write_log(b"why\n")
                return InvocationResult(payload=payload, function_error="Unhandled")
            case {"throttle": seconds}:
                raise InvokerThrottled(retry_after_s=seconds)
            case {"unreachable": _}:
                raise InvokerUnavailable("nobody home")
        return InvocationResult(payload=invocation.payload)


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    media_type: str | None
    raw: bytes

    @property
    def body(self) -> Any:
        if self.media_type == "application/msgpack":
            return msgpack.unpackb(self.raw)
        return json.loads(self.raw)


class Api:
    """Calls the API as a client would; a body that isn't bytes goes as JSON."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.native = NativeApi(broker)

    async def __call__(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        media_type: str = "application/json",
        **headers: str,
    ) -> Answered:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        content = b""
        if body is not None:
            names["content-type"] = media_type
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(method, target.encode(), {"host": "localhost", **names}, content)
        response = await self.native.handle(request, HERE)
        return Answered(
            response.status, dict(response.headers), response.content_type, response.body
        )

    async def packed(self, target: str, body: Any) -> Answered:
        """POST in msgpack, answered in msgpack."""
        packed = msgpack.packb(body)
        media_type = "application/msgpack"
        return await self("POST", target, packed, media_type=media_type, accept=media_type)

    async def send(self, queue: str, *bodies: str) -> None:
        for body in bodies:
            answer = await self("POST", f"/v1/queues/{queue}/messages", {"body": body})
            assert answer.status == 200

    async def receive(self, queue: str, **how: Any) -> list[dict[str, Any]]:
        answer = await self("POST", f"/v1/queues/{queue}/receive", {"count": 10, **how})
        assert answer.status == 200
        messages: list[dict[str, Any]] = answer.body["messages"]
        return messages


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [message["body"] for message in messages]


async def make_resources(broker: Broker) -> None:
    """Queues `orders` and `spare`; topic `news` and bus `default`, which lead to `orders`."""
    put = broker.registrar.put
    await put(HERE, Queue(name="orders"))
    await put(HERE, Queue(name="spare"))
    await put(HERE, Topic(name="news"))
    await put(
        HERE,
        Subscription(
            name="news:1",
            topic="news",
            protocol="sqs",
            endpoint=HERE.arn("sqs", "orders"),
            raw_message_delivery=True,
        ),
    )
    await put(
        HERE,
        Rule(
            name="default|shop",
            event_bus="default",
            event_pattern='{"source": ["shop"]}',
            targets=(Target(id="1", arn=HERE.arn("sqs", "orders")),),
        ),
    )
    function = Function(name="scripted", invoker="scripted", reserved_concurrency=1)
    await broker.registrar.change(HERE, changes_for(function))


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    def now_ms() -> int:
        return EPOCH_MS + int(trio.current_time() * 1000)

    with open_inline_store(tmp_path / "data", Clock(now_ms, now_ms)) as store:
        broker = Broker(store, {"scripted": Scripted()}, now_ms)
        async with trio.open_nursery() as nursery:
            await nursery.start(broker.run)
            await make_resources(broker)
            yield Api(broker)
            nursery.cancel_scope.cancel()
