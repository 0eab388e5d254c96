"""what a process that ended says about its event: exit status and output to a result"""

import os
import shutil
import signal
from collections.abc import Mapping

import msgspec

from broker.plugin import Invocation, InvocationResult
from broker_subprocess.environment import PATH
from broker_subprocess.settings import SubprocessSettings

__all__ = ["OUTPUT_BYTES_MAX", "function_failed", "of_exit", "of_failed_start", "of_oversize"]

OUTPUT_BYTES_MAX = 6_291_556  # Lambda: 6 MiB and 100 bytes

SHELL_COULD_NOT_EXEC = (126, 127)  # POSIX: found but not executable, not found


def function_failed(error_type: str, message: str, log: bytes = b"") -> InvocationResult:
    """A failure the function did not report itself."""
    body = msgspec.json.encode({"errorType": error_type, "errorMessage": message})
    return InvocationResult(payload=body, function_error="Unhandled", log=log)


def of_exit(
    invocation: Invocation,
    settings: SubprocessSettings,
    environment: Mapping[str, str],
    status: int,
    output: bytes,
    log: bytes,
) -> InvocationResult:
    """The result of a process that ended by itself or by a signal (a negative status)."""
    if status == 0:
        return _of_success(invocation, output, log)
    if _is_error_body(output):
        return InvocationResult(payload=output.strip(), function_error="Unhandled", log=log)
    if status in SHELL_COULD_NOT_EXEC and not _is_program(settings, environment):
        program = settings.command[0]
        return function_failed(
            "Runtime.InvalidEntrypoint",
            f"RequestId: {invocation.request_id} Error: "
            f"`{program}` is not there or is not executable",
            log,
        )
    reason = f"exit status {status}" if status > 0 else f"signal: {_signal_name(-status)}"
    return function_failed(
        "Runtime.ExitError",
        f"RequestId: {invocation.request_id} Error: Runtime exited with error: {reason}",
        log,
    )


def of_failed_start(invocation: Invocation, error: Exception) -> InvocationResult:
    """The result if the operating system refused the working directory, arguments or variables."""
    about_cwd = isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError)
    return function_failed(
        "Runtime.InvalidWorkingDir" if about_cwd else "Runtime.InvalidEntrypoint",
        f"RequestId: {invocation.request_id} Error: {error}",
    )


def of_oversize(log: bytes) -> InvocationResult:
    """The result of a process that wrote more than `OUTPUT_BYTES_MAX`."""
    return function_failed(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({OUTPUT_BYTES_MAX} bytes).",
        log,
    )


def _of_success(invocation: Invocation, output: bytes, log: bytes) -> InvocationResult:
    payload = output.strip() or b"null"
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return function_failed(
            "Runtime.MalformedResponse",
            f"RequestId: {invocation.request_id} Error: the output is not JSON: {error}",
            log,
        )
    return InvocationResult(payload=payload, log=log)


def _is_error_body(output: bytes) -> bool:
    try:
        body = msgspec.json.decode(output, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(body.get("errorType"), str) and isinstance(body.get("errorMessage"), str)


def _is_program(settings: SubprocessSettings, environment: Mapping[str, str]) -> bool:
    program = settings.command[0]
    if "/" in program:
        program = os.path.join(settings.cwd or os.getcwd(), program)
    return shutil.which(program, path=environment.get("PATH", PATH)) is not None


def _signal_name(number: int) -> str:
    return (signal.strsignal(number) or str(number)).lower()
