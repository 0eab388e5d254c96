"""the environment of a function's process: clean but for what the function needs to know"""

import os
from collections.abc import Mapping

from broker.plugin import Invocation

__all__ = ["PATH", "function_environment"]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

FROM_THE_DAEMON = {"PATH": PATH, "LANG": "C.UTF-8", "TZ": "UTC"}  # and what stands if it has none


def function_environment(invocation: Invocation) -> Mapping[str, str]:
    """All variables of the process. The function's own win over the daemon's, not over the rest."""
    environment = {
        **{name: os.environ.get(name, default) for name, default in FROM_THE_DAEMON.items()},
        **invocation.environment,
        "AWS_LAMBDA_FUNCTION_NAME": invocation.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": invocation.function_version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(invocation.memory_mb),
        "AWS_REGION": invocation.region,
        "AWS_DEFAULT_REGION": invocation.region,
        "_HANDLER": invocation.handler,
        "BROKER_REQUEST_ID": invocation.request_id,
        "BROKER_FUNCTION_ARN": invocation.function_arn,
        "BROKER_DEADLINE_MS": str(invocation.deadline_ms),
        "BROKER_ATTEMPT": str(invocation.attempt),
    }
    if invocation.client_context is not None:
        environment["BROKER_CLIENT_CONTEXT"] = invocation.client_context.decode()
    return environment
