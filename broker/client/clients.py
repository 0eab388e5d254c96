"""the two clients: the same methods, blocking and awaited"""

import os
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from broker.client import (
    archive_calls,
    calls,
    event_calls,
    function_calls,
    schedule_calls,
    topic_calls,
)
from broker.client.asking import Ask, label, refusal, to_json
from broker.client.errors import BrokerClientError, BrokerNotRunning, BrokerUnanswered
from broker.client.following import AsyncFollowing, Following
from broker.client.results import TopicMessage
from broker.client.streams import AsyncMessageStream, MessageStream

P = ParamSpec("P")
T = TypeVar("T")

Filter = Mapping[str, Any] | str  # an event pattern, as an object or as JSON text

DEFAULT_URL = "http://127.0.0.1:4566"
PATIENCE_S = 30.0  # for an answer, beyond what the request itself may wait


class _Method(Generic[P, T]):
    """A described call as a method: blocking on `Client`, a coroutine on `AsyncClient`."""

    def __init__(self, describe: Callable[P, Ask[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: "Client", owner: Any) -> Callable[P, T]: ...

    @overload
    def __get__(self, client: "AsyncClient", owner: Any) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, client: None, owner: Any) -> Self: ...

    def __get__(self, client: Any, owner: Any) -> Any:
        if client is None:
            return self

        @wraps(self._describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.perform(self._describe(*args, **kwargs))

        return method


class _Api:
    """What can be asked of a broker; `url` is BROKER_URL's, or the default, if not given."""

    send = _Method(calls.send)
    send_many = _Method(calls.send_many)
    receive = _Method(calls.receive)
    acknowledge = _Method(calls.acknowledge)
    extend = _Method(calls.extend)
    peek = _Method(calls.peek)
    dead_letters = _Method(calls.dead_letters)
    redrive_messages = _Method(calls.redrive_messages)
    discard_messages = _Method(calls.discard_messages)
    resend_message = _Method(calls.resend_message)
    start_redrive = _Method(calls.start_redrive)
    redrives = _Method(calls.redrives)
    redrive = _Method(calls.redrive)
    cancel_redrive = _Method(calls.cancel_redrive)
    cancel_scheduled = _Method(calls.cancel_scheduled)
    queues = _Method(calls.queues)
    queue = _Method(calls.queue)
    put_queue = _Method(calls.put_queue)
    delete_queue = _Method(calls.delete_queue)
    purge = _Method(calls.purge)
    queue_statistics = _Method(calls.queue_statistics)
    statistics = _Method(calls.statistics)
    topics = _Method(calls.topics)
    topic = _Method(topic_calls.topic)
    put_topic = _Method(topic_calls.put_topic)
    delete_topic = _Method(topic_calls.delete_topic)
    subscriptions = _Method(topic_calls.subscriptions)
    subscribe = _Method(topic_calls.subscribe)
    subscription = _Method(topic_calls.subscription)
    configure_subscription = _Method(topic_calls.configure_subscription)
    confirm_subscription = _Method(topic_calls.confirm_subscription)
    rotate_webhook_secret = _Method(topic_calls.rotate_webhook_secret)
    unsubscribe = _Method(topic_calls.unsubscribe)
    deliveries = _Method(topic_calls.deliveries)
    endpoint_deliveries = _Method(topic_calls.endpoint_deliveries)
    retry_deliveries = _Method(topic_calls.retry_deliveries)
    pause_deliveries = _Method(topic_calls.pause_deliveries)
    resume_deliveries = _Method(topic_calls.resume_deliveries)
    schedules = _Method(schedule_calls.schedules)
    schedule = _Method(schedule_calls.schedule)
    put_schedule = _Method(schedule_calls.put_schedule)
    delete_schedule = _Method(schedule_calls.delete_schedule)
    run_schedule = _Method(schedule_calls.run_schedule)
    pause_schedule = _Method(schedule_calls.pause_schedule)
    resume_schedule = _Method(schedule_calls.resume_schedule)
    publish = _Method(calls.publish)
    publish_many = _Method(calls.publish_many)
    put_event = _Method(calls.put_event)
    put_events = _Method(calls.put_events)
    archives = _Method(archive_calls.archives)
    archive = _Method(archive_calls.archive)
    put_archive = _Method(archive_calls.put_archive)
    delete_archive = _Method(archive_calls.delete_archive)
    replays = _Method(archive_calls.replays)
    replay = _Method(archive_calls.replay)
    start_replay = _Method(archive_calls.start_replay)
    pause_replay = _Method(archive_calls.pause_replay)
    resume_replay = _Method(archive_calls.resume_replay)
    cancel_replay = _Method(archive_calls.cancel_replay)
    delete_replay = _Method(archive_calls.delete_replay)
    trace_event = _Method(event_calls.trace_event)
    why_not = _Method(event_calls.why_not)
    lint_rules = _Method(event_calls.lint_rules)
    rule_cost = _Method(event_calls.rule_cost)
    test_event_pattern = _Method(event_calls.test_event_pattern)
    functions = _Method(function_calls.functions)
    invoke = _Method(function_calls.invoke)
    invoke_async = _Method(function_calls.invoke_async)
    function_log = _Method(function_calls.function_log)
    usage = _Method(function_calls.usage)
    plugins = _Method(function_calls.plugins)
    signing_certificates = _Method(calls.signing_certificates)
    rotate_signing_certificate = _Method(calls.rotate_signing_certificate)
    status = _Method(calls.status)

    def __init__(
        self, url: str | None = None, *, account: str | None = None, region: str | None = None
    ) -> None:
        self.url = (url or os.environ.get("BROKER_URL") or DEFAULT_URL).rstrip("/")
        given = {"account": account, "region": region}
        self._namespace = {name: value for name, value in given.items() if value is not None}

    def _stream_url(
        self, queue: str, credit: int, batch: int | None, visibility_timeout_s: int | None
    ) -> httpx.URL:
        given = {"credit": credit, "batch": batch, "visibility_timeout_s": visibility_timeout_s}
        query = {name: value for name, value in given.items() if value is not None}
        return httpx.URL(
            f"{self.url}/v1/queues/{label(queue)}/stream", params={**query, **self._namespace}
        )

    def _live_url(self, path: str, filter: Filter | None, buffer: int | None) -> httpx.URL:
        query: dict[str, str | int] = {**self._namespace}
        if filter is not None:
            query["filter"] = filter if isinstance(filter, str) else to_json(filter).decode()
        if buffer is not None:
            query["buffer"] = buffer
        return httpx.URL(self.url + path, params=query)

    def _topic_url(self, topic: str, filter: Filter | None, buffer: int | None) -> httpx.URL:
        return self._live_url(f"/v1/topics/{label(topic)}/stream", filter, buffer)

    def _bus_url(self, bus: str, filter: Filter | None, buffer: int | None) -> httpx.URL:
        return self._live_url(f"/v1/event-buses/{label(bus)}/stream", filter, buffer)

    def _arguments(self, ask: Ask[Any]) -> dict[str, Any]:
        """What httpx is called with."""
        return {
            "method": ask.method,
            "url": self.url + ask.path,
            "params": {**ask.query, **self._namespace},
            "headers": ask.headers,
            "content": ask.content,
            "timeout": PATIENCE_S + ask.wait_s,
        }

    def _read(self, ask: Ask[T], response: httpx.Response) -> T:
        if response.status_code >= 400:
            raise refusal(response.status_code, response.headers, response.content)
        return ask.read(response.content)

    def _translated(self, error: httpx.TransportError) -> BrokerClientError:
        cause = str(error) or type(error).__name__
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return BrokerNotRunning(self.url, cause)
        return BrokerUnanswered(f"no answer from {self.url}: {cause}")


class Client(_Api):
    """A broker for blocking programs. Use it as a context manager, or close it.

    Raises throughout: BrokerRefused, BrokerNotRunning, BrokerUnanswered.
    """

    def __init__(
        self, url: str | None = None, *, account: str | None = None, region: str | None = None
    ) -> None:
        super().__init__(url, account=account, region=region)
        self._http = httpx.Client(trust_env=False)

    def perform(self, ask: Ask[T]) -> T:
        """Send one request and read its answer."""
        try:
            response = self._http.request(**self._arguments(ask))
        except httpx.TransportError as error:
            raise self._translated(error) from error
        return self._read(ask, response)

    def stream(
        self,
        queue: str,
        *,
        credit: int = 1_000,
        batch: int | None = None,
        visibility_timeout_s: int | None = None,
    ) -> MessageStream:
        """Receive messages as they come, at most `credit` unsettled; for `with`."""
        return MessageStream(self._stream_url(queue, credit, batch, visibility_timeout_s))

    def follow_topic(
        self, topic: str, filter: Filter | None = None, *, buffer: int | None = None
    ) -> Following[TopicMessage]:
        """Follow what is published to a topic, without a queue; for `with`.

        `filter` is an event pattern; `buffer` is how many messages the broker keeps for a program
        that is busy. If the connection breaks, it is the caller's to follow again.
        """
        return Following(self._topic_url(topic, filter, buffer), TopicMessage)

    def follow_bus(
        self, bus: str = "default", filter: Filter | None = None, *, buffer: int | None = None
    ) -> Following[dict[str, Any]]:
        """Follow what is put on an event bus, as `follow_topic` does; the events are envelopes."""
        return Following(self._bus_url(bus, filter, buffer), dict[str, Any])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_Api):
    """A broker for programs on trio or asyncio. Use it as an async context manager.

    Cancelled while it receives with a wait: no message is taken.
    Raises throughout: BrokerRefused, BrokerNotRunning, BrokerUnanswered.
    """

    def __init__(
        self, url: str | None = None, *, account: str | None = None, region: str | None = None
    ) -> None:
        super().__init__(url, account=account, region=region)
        self._http = httpx.AsyncClient(trust_env=False)

    async def perform(self, ask: Ask[T]) -> T:
        """Send one request and read its answer."""
        try:
            response = await self._http.request(**self._arguments(ask))
        except httpx.TransportError as error:
            raise self._translated(error) from error
        return self._read(ask, response)

    def stream(
        self,
        queue: str,
        *,
        credit: int = 1_000,
        batch: int | None = None,
        visibility_timeout_s: int | None = None,
    ) -> AsyncMessageStream:
        """Receive messages as they come, at most `credit` unsettled; for `async with`."""
        return AsyncMessageStream(self._stream_url(queue, credit, batch, visibility_timeout_s))

    def follow_topic(
        self, topic: str, filter: Filter | None = None, *, buffer: int | None = None
    ) -> AsyncFollowing[TopicMessage]:
        """Follow what is published to a topic, without a queue; for `async with`.

        `filter` is an event pattern; `buffer` is how many messages the broker keeps for a program
        that is busy. If the connection breaks, it is the caller's to follow again.
        """
        return AsyncFollowing(self._topic_url(topic, filter, buffer), TopicMessage)

    def follow_bus(
        self, bus: str = "default", filter: Filter | None = None, *, buffer: int | None = None
    ) -> AsyncFollowing[dict[str, Any]]:
        """Follow what is put on an event bus, as `follow_topic` does; the events are envelopes."""
        return AsyncFollowing(self._bus_url(bus, filter, buffer), dict[str, Any])

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
