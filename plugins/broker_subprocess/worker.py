"""one warm worker: a process that serves a function's events, one after another

    starting --next--> idle --invoke--> busy --response, error--> answered --next--> idle

and from anywhere to gone, when the process ends. It speaks the Runtime API on a port of its own,
on which nobody but its own processes is heard. What it writes is the log of the event it serves,
or of the next one.
"""

import base64
import binascii
import errno
import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

import trio

from broker.plugin import Host, Invocation, InvocationResult, InvokerUnavailable
from broker_subprocess import outcome, runtime_api
from broker_subprocess.cgroups import Cgroup, Cgroups
from broker_subprocess.environment import worker_environment
from broker_subprocess.guardian import Guardian
from broker_subprocess.guardian_process import marked_processes
from broker_subprocess.isolation import TEMPORARY, isolated
from broker_subprocess.leftovers import StillRunning, end_marked
from broker_subprocess.memory import tree_usage
from broker_subprocess.peer import has_socket, peer_inode
from broker_subprocess.process_group import ProcessGroup, running_group
from broker_subprocess.runtime_api import Answer, Request, accepted, refused
from broker_subprocess.runtimes import BOOTSTRAPS
from broker_subprocess.stdio import HOST_IS_SHORT
from broker_subprocess.worker_log import WorkerLog

__all__ = ["Launch", "Worker"]

log = logging.getLogger(__name__)

AFTERWARDS_S = 1.0  # for a worker to ask for the next event, before its answer is passed on
CLEANUP_S = 5.0
MIB = 1 << 20
PROCESSES_MAX = 1_024  # Lambda: processes and threads of one environment
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

MARK = "BROKER_WORKER"


@dataclass(frozen=True, slots=True)
class Launch:
    """What a worker is started as."""

    command: Sequence[str]
    cwd: str
    code: str
    idle_s: float
    bubblewrap: str | None = None  # the program, if the worker is to be isolated


@dataclass(slots=True, eq=False)
class _Event:
    """The event that is being served."""

    invocation: Invocation
    result: InvocationResult | None = None
    pieces: bytearray = field(default_factory=bytearray)  # of a result that comes in pieces
    streamed: bool = False  # they were passed on
    answered: trio.Event = field(default_factory=trio.Event)
    finished: trio.Event = field(default_factory=trio.Event)  # with its process, and its log


class Worker:
    """Started by `run`; `invoke` is called only when it is idle, by whoever took it."""

    def __init__(
        self,
        first: Invocation,
        launch: Launch,
        host: Host,
        guardian: Guardian,
        cgroups: Cgroups | None,
        on_idle: Callable[["Worker"], None],
    ) -> None:
        self.revision = first.revision
        self.memory_mb = first.memory_mb
        self.launch = launch
        self.state = "starting"
        self.idle_since = 0.0
        self.late_at = math.inf  # when one that has answered must be idle again
        self.memory_peak_bytes = 0
        self.pid: int | None = None
        self.cgroup: Cgroup | None = None
        self.settled = trio.Event()  # it is idle for the first time, or gone
        self._first = first
        self._host = host
        self._guardian = guardian
        self._cgroups = cgroups
        self._on_idle = on_idle
        self._scope = trio.CancelScope()
        self._gone = trio.Event()
        self._turn = trio.Event()  # there is an event, for who waits on this one
        self._event: _Event | None = None
        self._failure: InvocationResult | InvokerUnavailable | None = None  # of the start
        self._log = WorkerLog()
        self._token = uuid4().hex
        self._temporary = host.state_directory / "tmp" / self._token

    # Its life

    async def run(self) -> None:
        """Until the process has ended, or is killed; nothing of it is left then."""
        status: int | None = None
        try:
            with self._scope:
                status = await self._run()
        except OSError as error:
            if error.errno in HOST_IS_SHORT:
                self._failure = InvokerUnavailable(f"no worker could be started: {error}")
            else:
                self._failure = outcome.of_failed_start(self._first, error, self.launch.cwd)
        except ValueError as error:
            self._failure = outcome.of_failed_start(self._first, error)
        except InvokerUnavailable as error:
            self._failure = error
        finally:
            try:
                with trio.move_on_after(CLEANUP_S, shield=True):
                    await self._clean_up()
            finally:
                self._end(status)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._scope.cancel()

    async def wait_gone(self) -> None:
        """Until it has ended and nothing of it is left."""
        await self._gone.wait()

    async def _run(self) -> int | None:
        await trio.to_thread.run_sync(self._make_places)
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with listener:
            port = listener.socket.getsockname()[1]
            group: ProcessGroup | None = None
            try:
                async with running_group(
                    self._guardian,
                    self._command(),
                    cwd=self.launch.cwd,
                    environment=self._environment(port),
                    memory_mb=None,
                    one_output=True,
                    tells_start=True,
                ) as group:
                    await self._serve(group, listener)
            finally:
                self._log.close()
            if group.process.error is not None:  # nobody knows what has become of it
                raise group.process.error
            return group.process.returncode

    def _make_places(self) -> None:
        """Blocks. Raises: OSError, InvokerUnavailable."""
        self._temporary.mkdir(mode=0o700, parents=True)
        if self._cgroups is None:
            return
        try:
            self.cgroup = self._cgroups.create(
                self._token, memory_bytes=self.memory_mb * MIB, processes_max=PROCESSES_MAX
            )
        except OSError as error:
            raise InvokerUnavailable(f"no cgroup can be made for a worker: {error}") from None

    def _command(self) -> Sequence[str]:
        command = self._isolated_command()
        return command if self.cgroup is None else self.cgroup.entered(command)

    def _isolated_command(self) -> Sequence[str]:
        launch = self.launch
        if launch.bubblewrap is None:
            return launch.command
        data = self._host.data_directory
        return isolated(
            launch.bubblewrap,
            launch.command,
            cwd=launch.cwd,
            temporary=self._temporary,
            hidden=[self._host.state_directory if data is None else data],
            shown=dict.fromkeys((launch.code, launch.cwd, str(BOOTSTRAPS))),
        )

    def _environment(self, port: int) -> dict[str, str]:
        version = self._first.function_version
        environment = worker_environment(
            self._first,
            self._host,
            runtime_api=f"127.0.0.1:{port}",
            code=self.launch.code,
            runtime_directory=BOOTSTRAPS,
            temporary=self._temporary if self.launch.bubblewrap is None else TEMPORARY,
            log_stream=f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{self._token}",
            mark=self._guardian.mark,
        )
        return {**environment, MARK: self._token}

    async def _serve(self, group: ProcessGroup, listener: trio.SocketListener) -> None:
        group.close_stdin()
        self._log.open(group.stdout)
        self.pid = await group.process.wait_started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._connected, [listener])
            nursery.start_soon(self._log.take)
            await group.process.ended.wait()
            self._log.drain()
            nursery.cancel_scope.cancel()

    async def _connected(self, stream: trio.SocketStream) -> None:
        async with stream:
            if await self._is_own(stream):
                await runtime_api.serve(stream, self)
            else:
                log.warning("somebody else connected to a worker of %s", self._first.function_name)

    async def _is_own(self, stream: trio.SocketStream) -> bool:
        try:
            # trio's socket is a wrapper; the calls on it that are made here don't block
            inode = peer_inode(stream.socket)  # type: ignore[arg-type]
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EINVAL):
                # Nobody could be let in: so it says, instead of waiting for nothing.
                text = f"the kernel doesn't tell whose a connection is: {error}"
                self._failure = InvokerUnavailable(text)
                self.kill()
            return False
        if inode is None or self.pid is None:
            return False
        if has_socket(self.pid, inode):
            return True
        mark = f"{MARK}={self._token}".encode()
        found = await trio.to_thread.run_sync(marked_processes, mark)
        return any(has_socket(pid, inode) for pid in found)

    async def _clean_up(self) -> None:
        """Processes that left the group, and files."""
        if self.cgroup is not None:
            self.see_memory(self.cgroup.peak_bytes())
            await self.cgroup.end()
        try:
            await end_marked(f"{MARK}={self._token}".encode())
        except StillRunning as error:
            log.error("a worker of %s: %s", self._first.function_name, error)
        await trio.to_thread.run_sync(lambda: shutil.rmtree(self._temporary, ignore_errors=True))

    def _end(self, status: int | None) -> None:
        self.state = "gone"
        event = self._event
        if event is not None:
            unavailable = isinstance(self._failure, InvokerUnavailable)
            if event.result is None and not unavailable:
                request_id = event.invocation.request_id
                event.result = outcome.of_worker_exit(request_id, -9 if status is None else status)
            event.answered.set()
            event.finished.set()
        elif self._failure is None:
            request_id = self._first.request_id
            self._failure = outcome.of_worker_exit(request_id, -9 if status is None else status)
        self.settled.set()
        self._gone.set()

    # Its events

    async def wait_ready(self, invocation: Invocation) -> InvocationResult | None:
        """Until it is idle for the first time: None; or a result, if it can't be made ready.

        What it has logged becomes the log of `invocation`. Raises: InvokerUnavailable.
        """
        await self.settled.wait()
        if self.state != "gone":
            return None
        self._log.belong_to(invocation.write_log)
        assert self._failure is not None
        if isinstance(self._failure, InvokerUnavailable):
            raise self._failure
        return self._failure

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Have it serve one event. Cancelled: it is killed, and gone.

        Raises: InvokerUnavailable, if it was ended for want of what the host owes it.
        """
        assert self.state == "idle"
        event = self._event = _Event(invocation)
        self.state = "busy"
        self._log.belong_to(invocation.write_log)
        self._turn.set()
        try:
            await event.answered.wait()
        except trio.Cancelled:
            self._log.drain()
            self.kill()
            with trio.CancelScope(shield=True):
                await self._gone.wait()
            raise
        if not event.finished.is_set():
            with trio.move_on_after(AFTERWARDS_S):
                await event.finished.wait()
        if not event.finished.is_set():
            self.late_at = trio.current_time() + invocation.timeout_s
        if event.result is None:
            assert isinstance(self._failure, InvokerUnavailable)
            raise self._failure
        return InvocationResult(
            payload=event.result.payload,
            function_error=event.result.function_error,
            streamed=event.streamed,
            memory_used_mb=-(-self.memory_peak_bytes // MIB),
        )

    # The Runtime API

    async def next(self) -> Answer:
        """See `Runtime`."""
        if self.state == "busy":
            return _not_now("Running", "Ready")
        turn = self._turn = trio.Event()  # one that asks twice has given up its first request
        self._become_idle()
        await turn.wait()
        if self._event is None or self._turn is not turn:
            return _not_now("Ready", "Ready")
        return _next(self._event.invocation)

    def _become_idle(self) -> None:
        self._log.drain()
        if not self.memory_peak_bytes:  # afterwards the pool looks, now and then
            self._look_at_memory()
        was_idle = self.state == "idle"
        self._log.belong_to(None)
        event, self._event = self._event, None
        self.state = "idle"
        self.late_at = math.inf
        if event is not None:
            event.finished.set()
        self.settled.set()
        if not was_idle:
            self.idle_since = trio.current_time()
            self._on_idle(self)

    def response(self, request_id: str, request: Request) -> Answer:
        """See `Runtime`."""
        event = self._awaited(request_id, "ResponseSent")
        if isinstance(event, Answer):
            return event
        if request.is_too_large or len(event.pieces) > outcome.OUTPUT_BYTES_MAX:
            self._answer(event, outcome.of_oversize())
            text = f"Exceeded maximum allowed payload size ({outcome.OUTPUT_BYTES_MAX} bytes)."
            return refused(413, "RequestEntityTooLarge", text)
        error_type = request.headers.get("lambda-runtime-function-error-type")
        if error_type is not None:  # a trailer: it failed while it was writing
            body = _decoded(request.headers.get("lambda-runtime-function-error-body", ""))
            self._answer(event, outcome.of_report(request_id, body, error_type))
        elif event.streamed:
            self._answer(event, InvocationResult())
        else:
            body = bytes(event.pieces) if request.is_streamed else bytes(request.body)
            self._answer(event, outcome.of_response(request_id, body))
        return accepted()

    async def piece(self, request_id: str, data: bytes) -> None:
        """See `Runtime`."""
        event = self._event
        if event is None or event.invocation.request_id != request_id or self.state != "busy":
            return
        if event.invocation.write_response is not None:
            event.streamed = True
            await event.invocation.write_response(data)
        elif len(event.pieces) + len(data) <= outcome.OUTPUT_BYTES_MAX + 1:
            event.pieces += data

    def error(self, request_id: str, request: Request) -> Answer:
        """See `Runtime`."""
        event = self._awaited(request_id, "ErrorSent")
        if isinstance(event, Answer):
            return event
        self._answer(event, _reported(request_id, request))
        return accepted()

    def init_error(self, request: Request) -> Answer:
        """See `Runtime`."""
        if self.state != "starting":
            return _not_now("Ready", "InitError")
        self._failure = _reported(self._first.request_id, request)
        return accepted()

    def _awaited(self, request_id: str, wanted: str) -> _Event | Answer:
        event = self._event
        if self.state != "busy" or event is None:
            return _not_now("Ready", wanted)
        if event.invocation.request_id != request_id:
            return refused(400, "InvalidRequestID", "Invalid request ID")
        return event

    def _answer(self, event: _Event, result: InvocationResult) -> None:
        event.result = result
        self.state = "answered"
        event.answered.set()

    # Its memory

    def see_memory(self, used_bytes: int) -> None:
        """So much is used now, or was."""
        self.memory_peak_bytes = max(self.memory_peak_bytes, used_bytes)

    def _look_at_memory(self) -> None:
        pid = self.pid
        if self.cgroup is not None:
            self.see_memory(self.cgroup.peak_bytes())
        elif pid is not None and self.launch.bubblewrap is not None:
            # The pid is bubblewrap's, which is only the parent.
            used, _ = tree_usage([pid]).get(pid, (0, 0))
            self.see_memory(used)
        else:
            with suppress(OSError, ValueError), open(f"/proc/{pid}/statm", "rb") as file:
                self.see_memory(int(file.read().split()[1]) * PAGE_BYTES)


def _next(invocation: Invocation) -> Answer:
    deadline_ms = invocation.deadline_ms
    headers = {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_header,
    }
    if invocation.client_context is not None:
        text = invocation.client_context.decode()
        headers["Lambda-Runtime-Client-Context"] = text.replace("\r", " ").replace("\n", " ")
    return Answer(200, invocation.payload, headers)


def _reported(request_id: str, request: Request) -> InvocationResult:
    error_type = request.headers.get("lambda-runtime-function-error-type")
    return outcome.of_report(request_id, bytes(request.body), error_type)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _not_now(state: str, wanted: str) -> Answer:
    text = (
        f"State transition from {state} to {wanted} failed for runtime. "
        "Error: State transition is not allowed"
    )
    return refused(403, "InvalidStateTransition", text)
