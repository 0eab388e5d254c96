"""what a pipe may be, checked before it is stored"""

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.limits import (
    BATCH_SIZE_MAX,
    BATCH_WINDOW_S_MAX,
    FIFO_BATCH_SIZE_MAX,
    TARGET_GROUP_ID_CHARS_MAX,
)
from broker.core.names import (
    Arn,
    Namespace,
    destination_name,
    event_bus_name,
    is_fifo,
    is_internal,
)
from broker.core.pipe_input import check_pipe_input, pipe_value_check
from broker.core.record_filter import check_filters
from broker.core.resources import BatchSource, HttpParameters, Pipe, PipeTarget

__all__ = ["check_batch_source", "check_pipe", "kind_of"]


def check_pipe(pipe: Pipe, namespace: Namespace) -> None:
    """Raises: InvalidParameter, NotSupported, for a pipe through which nothing could ever go."""
    check_batch_source(pipe.source, namespace)
    target, enrichment = pipe.target, pipe.enrichment
    if enrichment is not None:
        kind = kind_of("Enrichment", enrichment.arn, namespace)
        if kind not in ("function", "api_destination"):
            raise NotSupported(f"Enrichment by {enrichment.arn} is not supported by this broker.")
        check_pipe_input("EnrichmentParameters.InputTemplate", enrichment.input_template)
        _check_http("EnrichmentParameters", enrichment.http_parameters, kind)
    kind = kind_of("Target", target.arn, namespace)
    check_pipe_input("TargetParameters.InputTemplate", target.input_template)
    _check_http("TargetParameters", target.http_parameters, kind)
    _check_target(target, kind)


def check_batch_source(source: BatchSource, namespace: Namespace) -> None:
    """Raises: InvalidParameter, NotSupported."""
    if kind_of("Source", source.arn, namespace) != "queue":
        raise NotSupported(f"The source {source.arn} is not supported by this broker.")
    fifo = is_fifo(source.arn)
    largest = FIFO_BATCH_SIZE_MAX if fifo else BATCH_SIZE_MAX
    if not 1 <= source.batch_size <= largest:
        raise InvalidParameter(f"BatchSize must be between 1 and {largest}.")
    if not 0 <= source.window_s <= BATCH_WINDOW_S_MAX:
        raise InvalidParameter(
            f"MaximumBatchingWindowInSeconds must be between 0 and {BATCH_WINDOW_S_MAX}."
        )
    if fifo and source.window_s:
        raise InvalidParameter("A FIFO queue has no MaximumBatchingWindowInSeconds.")
    if source.batch_size > FIFO_BATCH_SIZE_MAX and not source.window_s:
        raise InvalidParameter(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )
    check_filters(source.filters)


def kind_of(member: str, text: str, namespace: Namespace) -> str:
    """What an ARN names: queue, topic, function, event_bus or api_destination.

    Raises: InvalidParameter, for one that is none, or of another account or region; NotSupported.
    """
    arn = Arn.parse(text)
    if arn is None:
        raise InvalidParameter(f"{member} is no ARN: {text}")
    if arn.namespace != namespace:
        raise InvalidParameter(f"{member} must be of the same account and region: {text}")
    if arn.service == "sqs" and not is_internal(arn.resource):
        return "queue"
    if arn.service == "sns":
        return "topic"
    if arn.service == "lambda":
        return "function"
    if arn.service == "events" and event_bus_name(arn.resource):
        return "event_bus"
    if destination_name(arn):
        return "api_destination"
    raise NotSupported(f"{member} {text} is not supported by this broker.")


def _check_target(target: PipeTarget, kind: str) -> None:
    of_kind = {
        "SqsQueueParameters": ("queue", target.message_group_id or target.message_deduplication_id),
        "EventBridgeEventBusParameters": (
            "event_bus",
            target.detail_type or target.source or target.resources or target.time,
        ),
        "LambdaFunctionParameters": ("function", not target.waits_for_function),
    }
    for member, (wanted, given) in of_kind.items():
        if given and kind != wanted:
            raise InvalidParameter(f"TargetParameters.{member} does not apply to {target.arn}.")
    if kind in ("queue", "topic") and is_fifo(target.arn) and not target.message_group_id:
        if kind == "topic":
            raise NotSupported("A FIFO topic as a pipe's target is not supported by this broker.")
        raise InvalidParameter("SqsQueueParameters.MessageGroupId is required for a FIFO queue.")
    for member, value in (
        ("MessageGroupId", target.message_group_id),
        ("MessageDeduplicationId", target.message_deduplication_id),
    ):
        if value is not None and len(value) > TARGET_GROUP_ID_CHARS_MAX:
            raise InvalidParameter(f"{member} may have {TARGET_GROUP_ID_CHARS_MAX} characters.")
        pipe_value_check(member, value)
    for member, value in (
        ("DetailType", target.detail_type),
        ("Source", target.source),
        ("Time", target.time),
        *(("Resources", each) for each in target.resources),
    ):
        pipe_value_check(member, value)
    if (target.source or "").startswith("aws."):
        raise InvalidParameter("Source may not begin with aws.")


def _check_http(member: str, parameters: HttpParameters | None, kind: str) -> None:
    if parameters is None:
        return
    if kind != "api_destination":
        raise InvalidParameter(f"{member}.HttpParameters does not apply to this kind.")
    for value in (
        *parameters.path_parameter_values,
        *parameters.header_parameters.values(),
        *parameters.query_string_parameters.values(),
    ):
        pipe_value_check(f"{member}.HttpParameters", value)
