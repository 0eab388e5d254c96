"""group commit: a batch of commands in one LMDB write transaction, synced, then answered

A domain error is raised before its command's first write, so the batch goes on without it. Any
other exception is a bug: the transaction is thrown away and the batch is applied again one command
at a time, so that only the culprit fails.
"""

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from broker.core import commands
from broker.core.apply import APPLY
from broker.core.commands import StoreStatus, Wakeup
from broker.core.errors import BrokerError, StoreFailed, StoreFull
from broker.core.queue.view import NEVER_MS
from broker.store import keys
from broker.store.clock import Clock
from broker.store.failpoints import Failpoints
from broker.store.space import Space, disk_has_no_room
from broker.store.state import State
from broker.store.view import TransactionView

MAP_BYTES = 1 << 40  # sparse; opened once and never resized
DATA_FILE = "data.mdb"

log = logging.getLogger(__name__)


class NewerFormat(Exception):
    """The data was written by a newer broker."""


class SyncFailed(Exception):
    """A commit failed for another reason than a full disk. Nothing can be promised any more."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a batch came to; `outcomes` has a result or a BrokerError for each command."""

    outcomes: list[Any]
    wakeups: list[Wakeup]
    status: StoreStatus


Batch = Sequence[tuple[str, commands.AnyCommand]]


class Engine:
    """The LMDB store itself. Single-threaded; its caller gathers the batches."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        quota_bytes: int = MAP_BYTES,
        failpoints: Failpoints | None = None,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._failpoints = failpoints or Failpoints()
        self._env = open_environment(directory)
        self._file = os.open(directory / DATA_FILE, os.O_RDWR | os.O_CLOEXEC)
        self._space = Space(self._file, min(quota_bytes, MAP_BYTES - (1 << 30)))
        self._state = self._load()
        self._measure(self._state.now_ms)

    def close(self) -> None:
        """Give the files back. All that was answered is on disk already."""
        self._env.close()
        os.close(self._file)

    def apply(self, batch: Batch) -> Committed:
        """Apply the commands in one transaction, sync, and say what came of each.

        Raises: SyncFailed, after which the process must end.
        """
        now_ms = self._clock.next_ms(self._state.now_ms)
        try:
            return self._commit(batch, now_ms)
        except _Unapplied as unapplied:
            self._state = self._load()
            self._state.now_ms = now_ms  # what others were told the time was, none is told again
            if len(batch) == 1:
                return self._answer([unapplied.answer], [], now_ms)
            log.warning("applying a batch of %d one by one: %r", len(batch), unapplied.answer)
        parts = [self.apply([item]) for item in batch]
        return Committed(
            [outcome for part in parts for outcome in part.outcomes],
            [wakeup for part in parts for wakeup in part.wakeups],
            parts[-1].status,
        )

    def _commit(self, batch: Batch, now_ms: int) -> Committed:
        txn = self._env.begin(write=True)
        try:
            view = TransactionView(txn, self._state, now_ms, self._space.has_room)
            outcomes = [_outcome(view, namespace, command) for namespace, command in batch]
            self._state.now_ms = now_ms
            if not view.wrote:
                txn.abort()
                self._measure(now_ms)
                return self._answer(outcomes, _wakeups(view), now_ms)
            view.write_back()
            used_bytes = _used_bytes(txn)
        except lmdb.MapFullError:
            txn.abort()
            raise _Unapplied(StoreFull()) from None
        except BaseException:
            txn.abort()
            raise
        self._failpoints.reach("before_sync")
        try:
            txn.commit()
        except lmdb.Error as error:
            raise self._disk_error(error) from error
        self._failpoints.reach("after_sync")
        self._measure(now_ms, used_bytes)
        return self._answer(outcomes, _wakeups(view), now_ms)

    def _disk_error(self, error: lmdb.Error) -> Exception:
        """A full disk is the publisher's affair; anything else ends the store."""
        if isinstance(error, lmdb.MapFullError) or disk_has_no_room(str(self._directory)):
            self._space.disk_full = True
            return _Unapplied(StoreFull())
        return SyncFailed(str(error))

    def _answer(self, outcomes: list[Any], wakeups: list[Wakeup], now_ms: int) -> Committed:
        state = self._state
        due_at_ms = min(state.due[0][0] if state.due else NEVER_MS, state.forget_ms)
        if state.reclaim or state.expansions:
            due_at_ms = now_ms
        status = StoreStatus(
            now_ms,
            due_at_ms if due_at_ms < NEVER_MS else None,
            self._space.used_bytes,
            self._space.quota_bytes,
            self._space.full,
        )
        return Committed(outcomes, wakeups, status)

    def _measure(self, now_ms: int, used_bytes: int | None = None) -> None:
        if used_bytes is None:
            used_bytes = self._space.used_bytes
        end_bytes = (self._env.info()["last_pgno"] + 1) * self._page_bytes
        self._space.update(used_bytes, end_bytes, now_ms)

    def _load(self) -> State:
        with self._env.begin(write=True) as txn:
            stored = txn.get(keys.meta("format"))
            if stored is None:
                State.create(txn)
            elif (found := msgspec.msgpack.decode(stored)) > keys.FORMAT:
                raise NewerFormat(
                    f"{self._directory} holds data of format {found}, written by a newer broker; "
                    f"this one reads up to format {keys.FORMAT}. Start the newer one."
                )
            elif found < keys.FORMAT:
                txn.put(keys.meta("format"), msgspec.msgpack.encode(keys.FORMAT))
            state = State.load(txn)
            self._page_bytes = txn.stat(self._env.open_db(txn=txn))["psize"]
            self._space.used_bytes = _used_bytes(txn)
        return state


class _Unapplied(Exception):
    """The transaction was thrown away; `answer` is for the one command it held."""

    def __init__(self, answer: BrokerError) -> None:
        self.answer = answer


def _outcome(view: TransactionView, namespace: str, command: commands.AnyCommand) -> Any:
    try:
        return APPLY[type(command)](view, namespace, command)
    except BrokerError as refusal:
        return refusal
    except lmdb.MapFullError:
        raise _Unapplied(StoreFull()) from None
    except Exception as bug:
        log.exception("a %s failed", type(command).__name__, extra={"command": repr(command)})
        raise _Unapplied(StoreFailed(f"{type(bug).__name__}: {bug}")) from bug


def _wakeups(view: TransactionView) -> list[Wakeup]:
    found = [
        Wakeup(queue.namespace, queue.name, queue.receivable)
        for queue in view.woken.values()
        if queue.receivable > 0
    ]
    found += [
        Wakeup(queue.namespace, queue.name, 0, expired, dead_lettered)
        for queue, expired, dead_lettered in view.lost.values()
    ]
    return found


def _used_bytes(txn: lmdb.Transaction) -> int:
    figures = txn.stat(None)
    pages: int = figures["branch_pages"] + figures["leaf_pages"] + figures["overflow_pages"]
    return pages * int(figures["psize"])


def open_environment(directory: Path) -> lmdb.Environment:
    """The directory's map, made if it isn't there, its files' names synced too."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (directory / DATA_FILE).exists():
        _create_file(directory)
    environment = lmdb.open(
        str(directory),
        map_size=MAP_BYTES,
        subdir=True,
        readahead=False,
        max_dbs=0,
        max_readers=16,
        mode=0o600,
    )
    _sync_directory(directory)
    for parent in directory.absolute().parents:  # any of them may be as new as the directory
        with contextlib.suppress(OSError):  # one that we may not open wasn't made by us
            _sync_directory(parent)
    return environment


def _create_file(directory: Path) -> None:
    """An empty map, there whole or not at all: one torn by a power cut could never be opened."""
    place = directory / "new"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    environment = lmdb.open(str(place), map_size=MAP_BYTES, max_dbs=0, mode=0o600)
    environment.sync(True)
    environment.close()
    (place / DATA_FILE).rename(directory / DATA_FILE)
    shutil.rmtree(place)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


Apply = Callable[[Batch], Committed]
