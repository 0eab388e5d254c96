"""the running broker: what the edge and the command line can ask of it"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trio

from broker.core.commands import StoreStatus, Wakeup
from broker.core.limits import (
    ACCOUNT_CONCURRENCY,
    FUNCTION_LOG_MB,
    RULE_TARGET_CONCURRENCY,
    TARGETS_PER_RULE_MAX,
)
from broker.core.registry import Registry
from broker.core.usage import NO_PRICES, Prices
from broker.plugin import Invoker
from broker.runtime.api_senders import ApiSenders
from broker.runtime.archives import Archives
from broker.runtime.clock_watch import ClockWatch
from broker.runtime.code_store import CodeStore
from broker.runtime.connections import Connections
from broker.runtime.dispatcher import DispatcherParts, FunctionQueues
from broker.runtime.dispatchers import Dispatchers, Drains, Workers
from broker.runtime.document_signer import DocumentSigner
from broker.runtime.endpoint import DeliveryOptions
from broker.runtime.endpoints import Endpoints
from broker.runtime.event_buses import EventBuses
from broker.runtime.event_replays import EventReplays
from broker.runtime.event_source_mappings import EventSourceMappings
from broker.runtime.events import Events
from broker.runtime.function_definitions import FunctionDefinitions
from broker.runtime.function_logs import FunctionLogs
from broker.runtime.function_urls import FunctionUrls
from broker.runtime.function_versions import FunctionVersions
from broker.runtime.functions import Functions
from broker.runtime.ids import Ids
from broker.runtime.internal_queues import InternalQueues
from broker.runtime.invokers import InvokerHost
from broker.runtime.ledger import Ledger, LedgerOptions
from broker.runtime.live import Live
from broker.runtime.log_files import LogFiles
from broker.runtime.mapping_consumer import MappingParts, MappingPollers
from broker.runtime.message_moves import MessageMoves
from broker.runtime.metering import Metering
from broker.runtime.pipe_consumer import PipeParts, PipePollers
from broker.runtime.pipes import Pipes
from broker.runtime.publisher import Publisher
from broker.runtime.queues import QueueOptions, Queues
from broker.runtime.registrar import Registrar
from broker.runtime.replays import Replays
from broker.runtime.rule_deliveries import TargetParts, TargetQueues
from broker.runtime.rule_nets import take_in_all
from broker.runtime.rules import Rules
from broker.runtime.schedule_groups import ScheduleGroups
from broker.runtime.schedule_planner import SchedulePlanner
from broker.runtime.schedule_runner import ScheduleOptions, ScheduleQueues
from broker.runtime.schedules import Schedules
from broker.runtime.secret_box import SecretBox
from broker.runtime.signing_certificates import SigningCertificates
from broker.runtime.statistics import CountedStore, Statistics
from broker.runtime.streams import Streams
from broker.runtime.subscriptions import Subscriptions
from broker.runtime.timekeeper import Timekeeper
from broker.runtime.topics import Topics
from broker.runtime.waiters import Waiters
from broker.store.seam import Store


def wall_ms() -> int:
    """Milliseconds since the epoch, by the wall clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """How functions are kept and run."""

    concurrency: int = ACCOUNT_CONCURRENCY
    allow_upload: bool = False
    upload_settings: Mapping[str, object] = field(default_factory=dict)  # of what was uploaded
    state_directory: Path | None = None  # of the invokers; by default a temporary one
    data_directory: Path | None = None  # what functions have no business in
    code_directory: Path | None = None  # of functions that are uploaded; likewise
    log_directory: Path | None = None  # by default nothing is kept
    log_file_bytes_max: int = FUNCTION_LOG_MB * 1024 * 1024
    prices: Prices = NO_PRICES


class Broker:
    """Wires the parts of the runtime together over one store."""

    def __init__(
        self,
        store: Store,
        invokers: Mapping[str, Invoker],
        now_ms: Callable[[], int] = wall_ms,
        origin: str = "",
        queue_options: QueueOptions = QueueOptions(),  # noqa: B008 (immutable)
        delivery_options: DeliveryOptions = DeliveryOptions(),  # noqa: B008 (immutable)
        ledger_options: LedgerOptions = LedgerOptions(),  # noqa: B008 (immutable)
        targets_per_rule_max: int = TARGETS_PER_RULE_MAX,
        schedule_options: ScheduleOptions = ScheduleOptions(),  # noqa: B008 (immutable)
        public_url: str = "",
        signing: SigningCertificates | None = None,  # by default one in memory
        secrets: SecretBox | None = None,  # likewise
        logs: LogFiles | None = None,  # by default nowhere
        rule_target_concurrency: int = RULE_TARGET_CONCURRENCY,
        function_options: FunctionOptions = FunctionOptions(),
    ) -> None:
        self.now_ms = now_ms
        self.signing = signing or SigningCertificates.in_memory(now_ms)
        self._secrets = secrets
        self.ids = Ids()
        self.registry = Registry()
        self.statistics = Statistics(self.registry, now_ms)
        self.store = store = CountedStore(store, self.statistics)
        self.registrar = Registrar(store, self.registry)
        self.registrar.listeners.append(self.statistics.hear)
        self.waiters = Waiters()
        self.queues = Queues(store, self.registrar, self.waiters, self.ids, now_ms, queue_options)
        self.streams = Streams(self.queues, self.ids)
        self.message_moves = MessageMoves(self.registrar, self.ids, now_ms)
        self.live = Live(self.registry)
        publisher = Publisher(store, self.live, now_ms)
        signer = DocumentSigner(self.signing, public_url or origin)
        self.topics = Topics(self.registrar, self.queues, publisher, self.ids, signer)
        self.subscriptions = Subscriptions(
            self.registrar, self.queues, self.ids, now_ms, delivery_options.backlog
        )
        self._replays = Replays(self.registrar, self.queues, self.ids, now_ms)
        self.ledger = Ledger(self.registry, self.registrar, self.queues, ledger_options)
        self.event_buses = EventBuses(self.registrar, self.ledger)
        self.schedule_planner = SchedulePlanner(self.registrar, self.ids, now_ms)
        self.schedule_groups = ScheduleGroups(self.registrar, self.schedule_planner, now_ms)
        self.schedules = Schedules(
            self.registrar, self.queues, self.schedule_planner, self.schedule_groups, now_ms
        )
        self.rules = Rules(
            self.registrar, self.event_buses, self.schedule_planner, targets_per_rule_max
        )
        self.connections = Connections(self.registrar, lambda: self.secrets, now_ms)
        self._api_senders = ApiSenders(delivery_options, now_ms)
        self.archives = Archives(self.registrar, self.queues, self.event_buses, now_ms)
        self.event_replays = EventReplays(
            self.registrar, self.queues, self.archives, self.live, self.ids, now_ms
        )
        self.pipes = Pipes(self.registrar, now_ms)
        self.events = Events(self.registry, publisher, self.ledger, self.ids)
        self.code = CodeStore(function_options.code_directory)
        self.metering = Metering(self.registrar, now_ms, function_options.prices)
        self.function_logs = FunctionLogs(
            function_options.log_directory, function_options.log_file_bytes_max, now_ms
        )
        host = InvokerHost(
            invokers,
            self.code,
            self.function_logs,
            self.metering,
            function_options.state_directory,
            origin,
            function_options.data_directory,
            function_options.upload_settings,
            lambda: self.secrets,
            delivery_options.ca_file,
        )
        self.functions = Functions(
            self.registrar, publisher, host, self.ids, function_options.concurrency, origin
        )
        self.function_definitions = FunctionDefinitions(
            self.registrar,
            self.functions,
            self.code,
            self.function_logs,
            self.ids,
            now_ms,
            allow_upload=function_options.allow_upload,
        )
        self.function_versions = FunctionVersions(
            self.registrar, self.functions, self.code, self.ids, now_ms
        )
        self.function_urls = FunctionUrls(self.registrar, self.functions, now_ms)
        self.event_source_mappings = EventSourceMappings(self.registrar, self.functions, now_ms)
        self._timekeeper = Timekeeper(store)
        self.clock_watch = ClockWatch(now_ms, self._timekeeper.look)
        self.endpoints = Endpoints(
            store,
            self.registry,
            self.queues,
            self.subscriptions,
            self.topics,
            signer,
            self.ids,
            now_ms,
            delivery_options,
        )
        dispatcher_parts = DispatcherParts(
            self.registry, self.functions, self.event_buses, publisher, self.ids, now_ms
        )
        internal_queues = InternalQueues(
            TargetQueues(
                TargetParts(
                    self.registry,
                    publisher,
                    self.ids,
                    self.connections,
                    self._api_senders,
                    logs or LogFiles(None),
                    rule_target_concurrency,
                )
            ),
            ScheduleQueues(
                self.registrar,
                publisher,
                self.ids,
                schedule_options,
                self.schedule_planner.random,
            ),
        )

        pipe_parts = PipeParts(
            self.registry,
            self.queues,
            publisher,
            self.functions,
            self.connections,
            self._api_senders,
            self.ids,
        )

        mapping_parts = MappingParts(
            self.registry,
            self.queues,
            self.functions,
            self.ids,
            now_ms,
            self.event_source_mappings.last_results,
        )

        def drains(workers: Workers) -> Drains:
            return Drains(store, self.queues, self.ledger, workers)

        self.dispatchers = Dispatchers(
            self.registrar,
            {
                "function": drains(FunctionQueues("function", dispatcher_parts)),
                "function_version": drains(FunctionQueues("function_version", dispatcher_parts)),
                "alias": drains(FunctionQueues("alias", dispatcher_parts)),
                "subscription": drains(self.endpoints),
                "queue": drains(internal_queues),
                "pipe": PipePollers(pipe_parts),
                "event_source_mapping": MappingPollers(mapping_parts),
            },
        )
        store.listener = self._hear
        self.registrar.listeners.append(self._hear_change)

    @property
    def secrets(self) -> SecretBox:
        """What seals secrets before they are stored."""
        if self._secrets is None:
            self._secrets = SecretBox.in_memory()
        return self._secrets

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Load the resources, then do all that happens by itself, until cancelled."""
        await self.registrar.load()
        await self.code.keep_only(self.registry)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_in_all, self.registry)
            await nursery.start(self.ledger.run)
            nursery.start_soon(self._timekeeper.run)
            nursery.start_soon(self._api_senders.run)
            nursery.start_soon(self.queues.returns.run)
            nursery.start_soon(self.function_logs.run)
            nursery.start_soon(self.metering.run)
            await nursery.start(self.message_moves.run)
            await nursery.start(self.subscriptions.run)
            await nursery.start(self._replays.run)
            await nursery.start(self.event_replays.run)
            await nursery.start(self.schedule_groups.run)
            await nursery.start(self.functions.host.run)
            nursery.start_soon(self.dispatchers.run)
            task_status.started()

    def _hear(self, status: StoreStatus, wakeups: list[Wakeup]) -> None:
        self.statistics.hear_time(status.now_ms)
        self._timekeeper.hear(status)
        for wakeup in wakeups:
            self.waiters.wake(wakeup)
            if wakeup.expired or wakeup.dead_lettered:
                self.statistics.count_lost(wakeup)

    def _hear_change(self, namespace: str, kind: str, name: str) -> None:
        """Whoever receives from a queue that was deleted, or follows what was, is to hear of it."""
        resources = self.registry.namespaces[namespace]
        if kind == "queue" and name not in resources.queues:
            self.waiters.wake_all((namespace, name))
            self.streams.end_of_queue(namespace, name)
        elif kind == "topic" and name not in resources.topics:
            self.live.end_of_topic(namespace, name)
        elif kind == "event_bus" and name not in resources.event_buses:
            self.live.end_of_bus(namespace, name)
