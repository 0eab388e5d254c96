"""the environment of a function's process: clean but for what the function needs to know"""

import os
from collections.abc import Mapping
from pathlib import Path

from broker.plugin import Host, Invocation

__all__ = ["MARK", "PATH", "event_environment", "worker_environment"]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

FROM_THE_DAEMON = {"PATH": PATH, "LANG": "C.UTF-8", "TZ": "UTC"}  # and what stands if it has none

MARK = "BROKER_STATE_DIRECTORY"
"""By this variable processes are found that a killed daemon has left behind."""

# Signatures aren't checked; SDKs won't send anything without having something to sign with.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "function", "AWS_SECRET_ACCESS_KEY": "function"}


def event_environment(
    invocation: Invocation, host: Host, mark: tuple[str, str]
) -> Mapping[str, str]:
    """All variables of a process for one event.

    The function's own win over the daemon's, not over the rest.
    """
    environment = {
        **_shared({}, invocation, host, mark),
        "BROKER_REQUEST_ID": invocation.request_id,
        "BROKER_FUNCTION_ARN": invocation.function_arn,
        "BROKER_DEADLINE_MS": str(invocation.deadline_ms),
        "BROKER_ATTEMPT": str(invocation.attempt),
        "_X_AMZN_TRACE_ID": invocation.trace_header,
    }
    if invocation.client_context is not None:
        environment["BROKER_CLIENT_CONTEXT"] = invocation.client_context.decode()
    return environment


def worker_environment(
    invocation: Invocation,
    host: Host,
    *,
    runtime_api: str,
    code: str,
    runtime_directory: Path,
    temporary: Path,
    log_stream: str,
    mark: tuple[str, str],
) -> Mapping[str, str]:
    """All variables of a worker; `invocation` is the first that it is for."""
    defaults = {**CREDENTIALS, "TMPDIR": str(temporary)}
    if host.origin:
        defaults["AWS_ENDPOINT_URL"] = host.origin
    return {
        **_shared(defaults, invocation, host, mark),
        "TZ": ":UTC",
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{invocation.function_name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "LAMBDA_TASK_ROOT": code,
        "LAMBDA_RUNTIME_DIR": str(runtime_directory),
    }


def _shared(
    defaults: Mapping[str, str], invocation: Invocation, host: Host, mark: tuple[str, str]
) -> dict[str, str]:
    return {
        **{name: os.environ.get(name, default) for name, default in FROM_THE_DAEMON.items()},
        **defaults,
        **invocation.environment,
        MARK: str(host.state_directory),
        mark[0]: mark[1],
        "AWS_LAMBDA_FUNCTION_NAME": invocation.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": invocation.function_version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(invocation.memory_mb),
        "AWS_REGION": invocation.region,
        "AWS_DEFAULT_REGION": invocation.region,
        "_HANDLER": invocation.handler,
    }
