"""Lambda: functions, their versions and aliases, invoking them, and queues mapped to them"""

from broker.edge.aws.lambda_ import (
    aliases,
    concurrency,
    event_invoke_config,
    event_source_mappings,
    functions,
    invoke,
    invoke_streamed,
    permissions,
    tags,
    urls,
    versions,
)
from broker.edge.aws.lambda_.answers import takes_code
from broker.edge.aws.lambda_.service import lambda_

__all__ = [
    "aliases",
    "concurrency",
    "event_invoke_config",
    "event_source_mappings",
    "functions",
    "invoke",
    "invoke_streamed",
    "lambda_",
    "permissions",
    "tags",
    "takes_code",
    "urls",
    "versions",
]
