"""wires everything; owns the root nursery"""

import gc
import logging
import os
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import outcome
import trio

from broker.config import Config, ConfigError, data_directory, listen_address, load_config
from broker.config.declared import declared_resources
from broker.config.deliveries import delivery_ca_file, delivery_networks
from broker.core.errors import BrokerError, StoreUnavailable
from broker.core.names import Namespace
from broker.core.resources import AnyResource
from broker.core.usage import Prices
from broker.edge.app import App, body_limit
from broker.edge.guard import Guard
from broker.edge.health import Health
from broker.edge.http.server import Server, listen
from broker.plugin import Invoker
from broker.runtime.broker import Broker, FunctionOptions, wall_ms
from broker.runtime.code_store import CODE_DIRECTORY
from broker.runtime.declare import declare
from broker.runtime.endpoint import DeliveryOptions
from broker.runtime.function_logs import DIRECTORY as FUNCTION_LOG_DIRECTORY
from broker.runtime.invokers import STATE_DIRECTORY
from broker.runtime.ledger import LedgerOptions
from broker.runtime.log_files import DIRECTORY as LOG_DIRECTORY
from broker.runtime.log_files import LogFileOptions, LogFiles
from broker.runtime.loop_watch import LoopWatch
from broker.runtime.notify import Notifier
from broker.runtime.plugins import load_invokers
from broker.runtime.queues import QueueOptions
from broker.runtime.schedule_runner import ScheduleOptions
from broker.runtime.secret_box import SecretBox, SecretsUnusable
from broker.runtime.signing_certificates import SigningCertificates, SigningUnusable
from broker.store.client import StoreRefused, open_store
from broker.store.engine import MAP_BYTES
from broker.store.lock import DirectoryInUse, DirectoryUnusable

log = logging.getLogger(__name__)

T = TypeVar("T")
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

EXIT_CONFIG, EXIT_STORE, EXIT_LISTEN = 78, 74, 69  # sysexits.h

SIGNING_DIRECTORY = "signing"  # within the data directory
SECRETS_KEY = "secrets.key"  # likewise

FILES_RESERVED = 256  # open files kept for the store, functions and outgoing connections


class CannotStart(Exception):
    """The daemon can't run; the message says what to do, `code` is the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    config: Path | None = None
    data_dir: str | None = None
    listen: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """What a daemon tells of itself when it is ready."""

    url: str
    data_directory: Path
    config: Path | None
    local_networks: tuple[str, ...]  # of this machine, which deliveries may reach


async def run(options: Options, started: Callable[[Started], None]) -> None:
    """Run until SIGTERM or SIGINT. Raises: CannotStart."""
    try:
        config, resources = _read(options.config)
        deliveries = delivery_options(config, options.config)
        directory = data_directory(config, options.config, options.data_dir)
        address = listen_address(config, options.listen)
    except ConfigError as error:
        raise CannotStart(str(error), EXIT_CONFIG) from None
    try:
        listener = listen(*address)
    except OSError as error:
        text = f"can't listen on {address[0]}:{address[1]}: {error.strerror}"
        raise CannotStart(text, EXIT_LISTEN) from None
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    public_url = (config.http.public_url or url).rstrip("/")
    quota_bytes = (config.store.quota_mb or MAP_BYTES >> 20) << 20
    # Raised behind the handlers: the first Pythons with groups wrap what is raised in one of them.
    refusals: list[BaseException] = []
    try:
        # Nested by lifetime: the store outlives the broker, which outlives requests, which
        # outlive the listener.
        async with (
            _loading(_load_late) as loaded,
            open_store(directory, quota_bytes) as store,
            _signals() as signals,  # to the end, lest a second one kills what is stopping
            trio.open_nursery() as runtime,
        ):
            invokers = await loaded()
            # Not before the store holds the lock of the directory.
            signing = await trio.to_thread.run_sync(
                SigningCertificates.open, directory / SIGNING_DIRECTORY, wall_ms
            )
            secrets = await trio.to_thread.run_sync(SecretBox.open, directory / SECRETS_KEY)
            broker = Broker(
                store,
                invokers,
                origin=url,
                queue_options=QueueOptions(
                    config.queues.delay_s_max, config.queues.deleted_name_blocked_s
                ),
                delivery_options=deliveries,
                ledger_options=LedgerOptions(
                    days=config.ledger.days, events_max=config.ledger.events_max
                ),
                schedule_options=ScheduleOptions(config.schedules.missed),
                targets_per_rule_max=config.rules.targets_max,
                public_url=public_url,
                signing=signing,
                secrets=secrets,
                rule_target_concurrency=config.rules.target_concurrency,
                function_options=_function_options(config, directory),
                logs=LogFiles(
                    directory / LOG_DIRECTORY,
                    LogFileOptions(
                        config.rules.log_file_mb * 1024 * 1024, config.rules.log_files_kept
                    ),
                ),
            )
            await runtime.start(broker.run)
            namespace = Namespace(config.broker.account, config.broker.region)
            try:
                await declare(broker, namespace, resources)
            except BrokerError as error:
                raise CannotStart(f"{options.config}: {error.message}", EXIT_CONFIG) from None
            health = Health(broker)
            allowed_hosts = [*config.http.allowed_hosts, urlsplit(public_url).netloc]
            guard = Guard(config.http.allowed_origins, allowed_hosts)
            app = App(broker, guard, health, namespace)
            connections_max = _room_for(config.http.connections_max)
            server = Server(listener, app.handle, body_limit, connections_max)
            notifier = Notifier(os.environ)
            runtime.start_soon(server.run)
            runtime.start_soon(broker.clock_watch.run)
            runtime.start_soon(LoopWatch(invokers).run)
            runtime.start_soon(notifier.keep_alive, health.store_answers)
            async with trio.open_nursery() as requests:
                async with trio.open_nursery() as listeners:
                    listeners.start_soon(server.accept, requests)
                    _spare_garbage_collector()
                    health.ready = True
                    notifier.ready()
                    started(Started(url, directory, options.config, deliveries.local_networks))
                    await _obey(signals, broker, namespace, options.config, notifier)
                    listeners.cancel_scope.cancel()
                listener.close()
                log.info("stopping: finishing what is under way")
                health.ready = False
                notifier.stopping()
                server.drain()
                broker.dispatchers.stop()
                broker.streams.close()
                broker.live.close()
                broker.waiters.close()
                deadline = trio.current_time() + config.broker.shutdown_grace_s
                requests.cancel_scope.deadline = deadline
            with trio.move_on_at(deadline):
                await broker.dispatchers.wait_done()
                await broker.queues.returns.wait_empty()
            runtime.cancel_scope.cancel()
        log.info("stopped")
    except* (
        DirectoryInUse,
        DirectoryUnusable,
        StoreRefused,
        SigningUnusable,
        SecretsUnusable,
    ) as refused:
        refusals.append(CannotStart(str(_first(refused)), EXIT_STORE))
    except* StoreUnavailable as gone:
        refusals.append(CannotStart(f"the store has failed: {_first(gone)}", EXIT_STORE))
    except* CannotStart as refused:
        refusals.append(_first(refused))
    finally:
        listener.close()
    if refusals:
        raise refusals[0]


def _function_options(config: Config, directory: Path) -> FunctionOptions:
    settings = config.functions
    prices = settings.prices
    return FunctionOptions(
        concurrency=settings.concurrency,
        allow_upload=settings.allow_upload,
        upload_settings=settings.upload_settings,
        state_directory=directory / STATE_DIRECTORY,
        data_directory=directory,
        code_directory=directory / CODE_DIRECTORY,
        log_directory=directory / FUNCTION_LOG_DIRECTORY,
        log_file_bytes_max=settings.log_mb * 1024 * 1024,
        prices=Prices(
            date=prices.date,
            requests_per_million=prices.requests_per_million_usd,
            gb_second=prices.gb_second_usd,
            free_requests=prices.free_requests,
            free_gb_seconds=prices.free_gb_seconds,
        ),
    )


def _load_late() -> dict[str, Invoker]:
    """All that takes long to load and that nothing needs before the store is open."""
    invokers = load_invokers()
    import_module("broker.runtime.api_sender")
    import_module("cryptography.fernet")
    import_module("broker.runtime.signing_key")
    return invokers


@asynccontextmanager
async def _loading(load: Callable[[], T]) -> AsyncIterator[Callable[[], Awaitable[T]]]:
    """Load while the store process starts, which takes as long; call what it yields for the result.

    In a thread: the event loop is idle then anyway.
    """
    done = trio.Event()
    results: list[outcome.Outcome[T]] = []

    async def run() -> None:
        results.append(await trio.to_thread.run_sync(outcome.capture, load))
        done.set()

    async def wait() -> T:
        await done.wait()
        return results[0].unwrap()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield wait


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _spare_garbage_collector() -> None:
    """Have it leave alone what lives as long as the daemon, and look at the rest less often.

    Requests leave no cycles, and at Python's default threshold the collector looks for them after
    every 700 objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _read(path: Path | None) -> tuple[Config, list[AnyResource]]:
    config = load_config(path)
    namespace = Namespace(config.broker.account, config.broker.region)
    return config, declared_resources(config, namespace, path)


def delivery_options(config: Config, path: Path | None) -> DeliveryOptions:
    """How topics deliver to HTTP endpoints. Raises: ConfigError."""
    settings = config.deliveries
    ca_file = delivery_ca_file(config, path)
    networks = delivery_networks(config, path)
    return DeliveryOptions(
        concurrency=settings.concurrency,
        backlog=settings.backlog_max,
        pause_after_s=settings.pause_after_s,
        age_s=settings.age_s_max,
        allowed_networks=networks,
        trusted_accounts=frozenset(settings.trusted_accounts),
        ca_file=ca_file,
    )


def _room_for(connections: int) -> int:
    """Raise the limit of open files as far as it goes; how many connections fit below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_RESERVED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return connections
    room = max(soft - FILES_RESERVED, soft // 2)
    if room < connections:
        log.warning("only %d connections fit below the limit of %d open files", room, soft)
    return min(connections, room)


@asynccontextmanager
async def _signals() -> AsyncIterator[AsyncIterator[int]]:
    """Those that tell the daemon something.

    What nobody has taken when the block is left is ignored: trio raises it again, and a second
    SIGTERM, which `make` passes on to its child, must not kill what is stopping.
    """
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        with trio.open_signal_receiver(*_SIGNALS) as signals:
            yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _obey(
    signals: AsyncIterator[int],
    broker: Broker,
    namespace: Namespace,
    path: Path | None,
    notifier: Notifier,
) -> None:
    """Reload on SIGHUP; return on any other signal."""
    async for number in signals:
        if number != signal.SIGHUP:
            return
        notifier.reloading()
        await reload(broker, namespace, path)
        notifier.ready()


async def reload(broker: Broker, namespace: Namespace, path: Path | None) -> None:
    """Take in the resources that the file declares now; an invalid file changes nothing.

    Settings other than resources need a restart.
    """
    try:
        _, resources = _read(path)
        changed = await declare(broker, namespace, resources)
    except ConfigError as error:
        log.error("not reloaded: %s", error)
    except BrokerError as error:
        log.error("not reloaded: %s", error.message)
    else:
        log.info("reloaded %s: %d resources changed", path or "(no file)", changed)
