"""what a process that ended says about its event: exit status and output to a result"""

import signal

import msgspec

from broker.plugin import Invocation, InvocationResult

__all__ = [
    "OUTPUT_BYTES_MAX",
    "of_exit",
    "of_failed_start",
    "of_oversize",
    "of_report",
    "of_response",
    "of_worker_exit",
]

OUTPUT_BYTES_MAX = 6_291_556  # Lambda: 6 MiB and 100 bytes


def of_exit(request_id: str, status: int, output: bytes) -> InvocationResult:
    """The result of a process that ended by itself or by a signal (a negative status)."""
    if status == 0:
        return of_response(request_id, output)
    if _is_error_body(output):
        return InvocationResult(payload=output.strip(), function_error="Unhandled")
    return of_worker_exit(request_id, status)


def of_worker_exit(request_id: str, status: int) -> InvocationResult:
    """The result of a process that owes one and has ended."""
    reason = " with error: " + _reason(status) if status else " without providing a reason"
    return InvocationResult.failed(
        "Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited{reason}"
    )


def of_response(request_id: str, body: bytes) -> InvocationResult:
    """The result that a process has given; text that isn't JSON is a failure."""
    payload = body.strip() or b"null"
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return InvocationResult.failed(
            "Runtime.MalformedResponse",
            f"RequestId: {request_id} Error: the output is not JSON: {error}",
        )
    return InvocationResult(payload=payload)


def of_report(request_id: str, body: bytes, error_type: str | None) -> InvocationResult:
    """The result of a function whose runtime has reported an error, with or without a body."""
    if _is_error_body(body):
        return InvocationResult(payload=body.strip(), function_error="Unhandled")
    text = body.decode("utf-8", "replace").strip() or "Unknown"
    return InvocationResult.failed(
        error_type or "Runtime.Unknown", f"RequestId: {request_id} Error: {text}"
    )


def of_failed_start(
    invocation: Invocation, error: Exception, cwd: str | None = None
) -> InvocationResult:
    """The result if the operating system refused the program, its directory or its variables."""
    about_cwd = isinstance(error, OSError) and cwd is not None and error.filename == cwd
    return InvocationResult.failed(
        "Runtime.InvalidWorkingDir" if about_cwd else "Runtime.InvalidEntrypoint",
        f"RequestId: {invocation.request_id} Error: {error}",
    )


def of_oversize() -> InvocationResult:
    """The result of a process that wrote more than `OUTPUT_BYTES_MAX`."""
    return InvocationResult.failed(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({OUTPUT_BYTES_MAX} bytes).",
    )


def _is_error_body(output: bytes) -> bool:
    try:
        body = msgspec.json.decode(output, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(body.get("errorType"), str) and isinstance(body.get("errorMessage"), str)


def _reason(status: int) -> str:
    if status > 0:
        return f"exit status {status}"
    return f"signal: {(signal.strsignal(-status) or str(-status)).lower()}"
