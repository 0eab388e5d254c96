"""declared functions: how they are run, and who is told of the end of their invocations"""

from pathlib import Path

from broker.config.errors import Refused, json_text
from broker.config.lines import Path as Place
from broker.config.tables import DestinationTable, FunctionTable
from broker.core.names import Namespace, is_fifo
from broker.core.resources import EventInvokeConfig, Function

__all__ = ["declared_function"]


def declared_function(
    table: FunctionTable, namespace: Namespace, key: Place, folder: Path
) -> list[Function | EventInvokeConfig]:
    """A function, and what becomes of its asynchronous invocations. Raises: Refused."""
    settings = dict(table.settings)
    json_text(settings, (*key, "settings"))  # the store keeps what JSON can say
    for path in ("cwd", "code"):
        if isinstance(settings.get(path), str):
            settings[path] = str((folder / Path(settings[path]).expanduser()).absolute())
    dead_letter = table.dead_letter_queue
    function = Function(
        name=table.name,
        invoker=table.invoker,
        settings=settings,
        handler=table.handler,
        timeout_s=table.timeout_s,
        memory_mb=table.memory_mb,
        environment=table.environment,
        description=table.description,
        reserved_concurrency=table.reserved_concurrency,
        retry_attempts=table.retry_attempts,
        retry_delays_s=table.retry_delays_s,
        maximum_event_age_s=table.maximum_event_age_s,
        dead_letter_target_arn=namespace.arn("sqs", dead_letter) if dead_letter else None,
        declared=True,
    )
    on_success = _destination(table, table.on_success, namespace, (*key, "on_success"))
    on_failure = _destination(table, table.on_failure, namespace, (*key, "on_failure"))
    config = EventInvokeConfig(
        name=table.name, on_success=on_success, on_failure=on_failure, declared=True
    )
    return [function, config] if on_success or on_failure else [function]


def _destination(
    function: FunctionTable, table: DestinationTable | None, namespace: Namespace, key: Place
) -> str | None:
    if table is None:
        return None
    arns = [namespace.arn(*named) for named in table.named().items()]
    if len(arns) != 1:
        raise Refused(key, "a destination has exactly one of queue, topic, function and event_bus")
    if is_fifo(table.queue or table.topic or ""):
        raise Refused(key, "a FIFO queue or topic can't be a destination")
    if table.function == function.name:
        raise Refused(key, "a function can't be a destination of its own")
    return arns[0]
