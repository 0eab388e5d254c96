"""the public plugin API: what an invoker is given, what it answers, how it fails

An invoker runs functions somewhere: on this host, behind a URL, in AWS. The daemon finds it by its
entry point in the group `broker.invokers`, makes one instance of it, holds `running()` open for as
long as the daemon runs, and calls `invoke()` once per attempt, many at a time.

The host owns what is the same for all invokers: concurrency limits, the timeout, retries, metering
and dead letters. An invoker only runs one attempt. When the timeout ends the host cancels
`invoke()`; whatever the attempt has started must be gone when the cancellation leaves it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

import msgspec

__all__ = [
    "CAPABILITIES",
    "Host",
    "Invocation",
    "InvocationResult",
    "Invoker",
    "InvokerError",
    "InvokerThrottled",
    "InvokerUnavailable",
    "Secret",
    "Settings",
    "SettingsError",
    "read_settings",
]


CAPABILITIES = {
    "code": "runs code that was uploaded: `Invocation.code_directory`",
    "response_stream": "passes a response on as it comes: `Invocation.write_response`",
}
"""What an invoker may be able to do beside the rest, by name."""


def _discard(_: bytes) -> None:
    """The log of an invocation that nobody listens to."""


T = TypeVar("T", bound=msgspec.Struct)

Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""A text in a record of settings that is sealed where it is stored; `invoke` has it as it was."""

Settings = Mapping[str, Any]
"""An invoker's own settings of one function, as they stand in the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The daemon that an invoker runs in."""

    state_directory: Path  # the invoker's own, kept from start to start, and this daemon's alone
    origin: str = ""  # `http://host:port`, where the daemon answers programs on this machine
    data_directory: Path | None = None  # the daemon's own: what functions have no business in
    ca_file: str | None = None  # of certificates to be trusted besides the public ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One attempt to run a function. New fields come with defaults, so they break nobody."""

    request_id: str  # a UUID, the same over all attempts of one invocation
    function_name: str
    function_arn: str  # as invoked, with the qualifier if one was given
    function_version: str = "$LATEST"
    revision: str = ""  # another one whenever the function is another: its code, its settings
    handler: str = ""  # what it means is the invoker's affair
    code_directory: str | None = None  # where its code lies, if it was given to the daemon
    payload: bytes  # JSON text, at most 6 MiB
    timeout_s: float  # the host cancels after this; for telling the function only
    deadline_ms: int  # the same instant, in milliseconds since the epoch
    memory_mb: int = 128  # MiB
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    client_context: bytes | None = None  # JSON text, synchronous invocations only
    # X-Amzn-Trace-Id of what the function causes: by it a function is stopped that leads to itself.
    trace_header: str = ""
    attempt: int = 1  # 1 for the first
    account: str = "000000000000"
    region: str = "us-east-1"
    write_log: Callable[[bytes], None] = _discard  # what the function logs, as it comes
    # Entered while the function is only being made ready: Lambda's init phase, at most 10 s of
    # which don't count towards the timeout.
    cold_start: Callable[[], AbstractContextManager[None]] = nullcontext
    # There if the caller takes the response as it comes: then an invoker that can may give it on
    # piece by piece, and answers with `streamed`. It returns when there is room for more.
    write_response: Callable[[bytes], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationResult:
    """What one attempt came to. A function that failed is a result too, not an exception."""

    payload: bytes = b"null"  # JSON text; with `function_error`, {"errorType", "errorMessage", ...}
    function_error: str | None = None  # "Unhandled" or "Handled"
    executed_version: str | None = None  # if another than the one asked for
    memory_used_mb: int | None = None  # MiB at most, where it is known
    streamed: bool = False  # the payload was given to `write_response`, and isn't here

    @classmethod
    def failed(cls, error_type: str, message: str) -> "InvocationResult":
        """A failure that the function did not report itself and that a retry may not mend."""
        body = json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":"))
        return cls(payload=body.encode(), function_error="Unhandled")


class InvokerError(Exception):
    """The attempt could not be made. The message goes to the log and to the dead letter."""


class InvokerThrottled(InvokerError):
    """The other side asked for less. Costs no attempt; tried again after `retry_after_s`."""

    def __init__(self, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s  # None: the host's own backoff


class InvokerUnavailable(InvokerError):
    """The way to the function is broken: refused, unreachable, 5xx. Costs no attempt."""


class SettingsError(ValueError):
    """A function's settings can't work; the message names the key."""


def read_settings(settings: Settings, kind: type[T]) -> T:
    """The settings as a record: a `msgspec.Struct`, best with `forbid_unknown_fields`.

    Raises: SettingsError, which names the key and shows no value.
    """
    try:
        return msgspec.convert(dict(settings), kind)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error).replace("`$.", "`")) from None


@runtime_checkable
class Invoker(Protocol):
    """What the entry point names: a class that is called without arguments.

    It may have more, which is looked for by name:

    - `settings_type`, the record of its settings, of which `broker plugin list` tells;
    - `capabilities`, which of `CAPABILITIES` it has; without it none;
    - `async def health(self) -> None`, called now and then; what it raises is reported.
    """

    def check_settings(self, settings: Settings, /) -> None:
        """Refuse what `invoke` could not use, unknown keys included.

        Called before a function is stored; does no I/O.

        Raises: SettingsError.
        """

    def running(self, host: Host, /) -> AbstractAsyncContextManager[None]:
        """Hold open what lives longer than one invocation: clients, nurseries, workers.

        The host leaves it only after every invocation has ended.
        """

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        """Run one attempt to its end; only called inside `running()`.

        Cancelled: stop the attempt, leave nothing running. What the function logs goes to
        `invocation.write_log` as it comes, so that it isn't lost with a timeout.
        Raises: InvokerThrottled, InvokerUnavailable. Anything else counts as a function error.
        """
