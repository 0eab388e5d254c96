"""a pipe as requests and answers of EventBridge Pipes have it"""

from typing import Any

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.limits import (
    BATCH_SIZE_MAX,
    BATCH_WINDOW_S_MAX,
    FILTER_CHARS_MAX,
    FILTERS_MAX,
    PIPE_INPUT_CHARS_MAX,
)
from broker.core.names import Namespace
from broker.core.resources import BatchSource, Pipe, PipeEnrichment, PipeTarget
from broker.edge.aws.http_parameters import (
    HttpParametersMember,
    http_parameters,
    http_parameters_member,
)
from broker.edge.aws.service import Members, Refused, check_supported
from broker.edge.aws.validation import Violations
from broker.runtime.pipes import pipe_arn

__all__ = [
    "CreatePipeRequest",
    "DescribePipeResponse",
    "PipeStateResponse",
    "UpdatePipeRequest",
    "check_name",
    "describe",
    "run_state",
    "state_of",
]

STATES = ("RUNNING", "STOPPED")
# fmt: off
CURRENT_STATES = (
    *STATES, "CREATING", "UPDATING", "DELETING", "STARTING", "STOPPING", "CREATE_FAILED",
    "UPDATE_FAILED", "START_FAILED", "STOP_FAILED", "DELETE_FAILED", "CREATE_ROLLBACK_FAILED",
    "DELETE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED",
)
# fmt: on

_NAME = r"[\.\-_A-Za-z0-9]+"
_ROLE = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z0-9+=,.@\-_/]+"
_KMS_KEY = r"[a-zA-Z0-9_\-/:]*"
_PATH = r"\$(\.[\w/_-]+(\[(\d+|\*)\])*)*"
_HEADER = r"[!#$%&'*+-.^_`|~0-9a-zA-Z]+"
_HEADER_VALUE = rf"[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*|({_PATH})"
_INVOCATION_TYPES = ("REQUEST_RESPONSE", "FIRE_AND_FORGET")


class Filter(Members, kw_only=True):
    pattern: str | None = None


class FilterCriteria(Members, kw_only=True):
    filters: list[Filter] | None = None


class SourceSqsQueueParameters(Members, kw_only=True):
    batch_size: int | None = None
    maximum_batching_window_in_seconds: int | None = None


class SourceParameters(Members, kw_only=True):
    filter_criteria: FilterCriteria | None = None
    sqs_queue_parameters: SourceSqsQueueParameters | None = None
    kinesis_stream_parameters: Refused = None
    dynamo_db_stream_parameters: Refused = msgspec.field(
        default=None, name="DynamoDBStreamParameters"
    )
    active_mq_broker_parameters: Refused = msgspec.field(
        default=None, name="ActiveMQBrokerParameters"
    )
    rabbit_mq_broker_parameters: Refused = msgspec.field(
        default=None, name="RabbitMQBrokerParameters"
    )
    managed_streaming_kafka_parameters: Refused = None
    self_managed_kafka_parameters: Refused = None


class EnrichmentParameters(Members, kw_only=True):
    input_template: str | None = None
    http_parameters: HttpParametersMember | None = None


class LambdaFunctionParameters(Members, kw_only=True):
    invocation_type: str | None = None


class TargetSqsQueueParameters(Members, kw_only=True):
    message_group_id: str | None = None
    message_deduplication_id: str | None = None


class EventBusParameters(Members, kw_only=True):
    endpoint_id: Refused = None
    detail_type: str | None = None
    source: str | None = None
    resources: list[str] | None = None
    time: str | None = None


class TargetParameters(Members, kw_only=True):
    input_template: str | None = None
    lambda_function_parameters: LambdaFunctionParameters | None = None
    sqs_queue_parameters: TargetSqsQueueParameters | None = None
    http_parameters: HttpParametersMember | None = None
    event_bridge_event_bus_parameters: EventBusParameters | None = None
    step_function_state_machine_parameters: Refused = None
    kinesis_stream_parameters: Refused = None
    ecs_task_parameters: Refused = None
    batch_job_parameters: Refused = None
    redshift_data_parameters: Refused = None
    sage_maker_pipeline_parameters: Refused = None
    cloud_watch_logs_parameters: Refused = None
    timestream_parameters: Refused = None


class _Settings(Members, kw_only=True):
    """What CreatePipe and UpdatePipe both take."""

    role_arn: str
    description: str | None = None
    desired_state: str | None = None
    source_parameters: SourceParameters | None = None
    enrichment: str | None = None
    enrichment_parameters: EnrichmentParameters | None = None
    target_parameters: TargetParameters | None = None
    kms_key_identifier: str | None = None
    log_configuration: Refused = None

    def check(self, v: Violations) -> None:
        """Adds what is wrong to `v`. Raises: NotSupported."""
        v.length("roleArn", self.role_arn, 1, 1_600)
        v.pattern("roleArn", self.role_arn, _ROLE)
        v.length("description", self.description, 0, 512)
        v.choice("desiredState", self.desired_state, STATES)
        v.length("enrichment", self.enrichment, 0, 1_600)
        v.length("kmsKeyIdentifier", self.kms_key_identifier, 0, 2_048)
        v.pattern("kmsKeyIdentifier", self.kms_key_identifier, _KMS_KEY)
        if self.source_parameters is not None:
            _check_source(v, self.source_parameters)
        if (enrichment := self.enrichment_parameters) is not None:
            path = "enrichmentParameters"
            v.length(f"{path}.inputTemplate", enrichment.input_template, 0, PIPE_INPUT_CHARS_MAX)
            _check_http(v, path, enrichment.http_parameters)
        if self.target_parameters is not None:
            _check_target(v, self.target_parameters)

    def applied_to(self, pipe: Pipe) -> Pipe:
        """The pipe with what is given; the parameters of one service are given all together.

        Texts that are given empty are taken away.
        """
        changes: dict[str, Any] = {
            "role_arn": self.role_arn,
            "description": self.description,
            "running": None if self.desired_state is None else self.desired_state == "RUNNING",
            "kms_key_id": self.kms_key_identifier,
        }
        given = {name: value for name, value in changes.items() if value is not None}
        return msgspec.structs.replace(
            pipe,
            source=_source(pipe.source, self.source_parameters),
            enrichment=_enrichment(pipe.enrichment, self.enrichment, self.enrichment_parameters),
            target=_target(pipe.target, self.target_parameters),
            **given,
        )


class CreatePipeRequest(_Settings, kw_only=True):
    source: str
    target: str
    tags: dict[str, str] | None = None

    def pipe(self, name: str, tags: dict[str, str]) -> Pipe:
        """The pipe that is to be. Raises: InvalidParameter, NotSupported."""
        v = Violations()
        check_name(v, name)
        v.length("source", self.source, 1, 1_600)
        v.length("target", self.target, 1, 1_600)
        self.check(v)
        v.check()
        bare = Pipe(
            name=name,
            source=BatchSource(arn=self.source),
            target=PipeTarget(arn=self.target),
            tags=tags,
        )
        return self.applied_to(bare)


class UpdatePipeRequest(_Settings, kw_only=True):
    target: str | None = None

    def pipe(self, before: Pipe) -> Pipe:
        """The pipe as it is to be. Raises: InvalidParameter, NotSupported."""
        v = Violations()
        v.length("target", self.target, 1, 1_600)
        self.check(v)
        v.check()
        if self.target is not None:
            target = msgspec.structs.replace(before.target, arn=self.target)
            before = msgspec.structs.replace(before, target=target)
        return self.applied_to(before)


def check_name(v: Violations, name: str | None, path: str = "name") -> None:
    """A pipe's, or the beginning of one."""
    v.length(path, name, 1, 64)
    v.pattern(path, name, _NAME)


def _check_source(v: Violations, source: SourceParameters) -> None:
    check_supported(source)
    path = "sourceParameters"
    if (sqs := source.sqs_queue_parameters) is not None:
        of_queue = f"{path}.sqsQueueParameters"
        v.range(f"{of_queue}.batchSize", sqs.batch_size, 1, BATCH_SIZE_MAX)
        window_s = sqs.maximum_batching_window_in_seconds
        v.range(f"{of_queue}.maximumBatchingWindowInSeconds", window_s, 0, BATCH_WINDOW_S_MAX)
    if source.filter_criteria is not None:
        filters = source.filter_criteria.filters or []
        path = f"{path}.filterCriteria.filters"
        v.count(path, len(filters), FILTERS_MAX)
        for number, each in enumerate(filters, 1):
            v.length(f"{path}.{number}.member.pattern", each.pattern, 0, FILTER_CHARS_MAX)


def _check_target(v: Violations, target: TargetParameters) -> None:
    check_supported(target)
    path = "targetParameters"
    v.length(f"{path}.inputTemplate", target.input_template, 0, PIPE_INPUT_CHARS_MAX)
    _check_http(v, path, target.http_parameters)
    if (function := target.lambda_function_parameters) is not None:
        of_function = f"{path}.lambdaFunctionParameters"
        v.choice(f"{of_function}.invocationType", function.invocation_type, _INVOCATION_TYPES)
    if (bus := target.event_bridge_event_bus_parameters) is not None:
        check_supported(bus)
        path = f"{path}.eventBridgeEventBusParameters"
        v.length(f"{path}.detailType", bus.detail_type, 1, 128)
        v.length(f"{path}.source", bus.source, 1, 256)
        v.length(f"{path}.time", bus.time, 1, 256)
        v.pattern(f"{path}.time", bus.time, _PATH)
        v.count(f"{path}.resources", len(bus.resources or ()), 10)
        for number, each in enumerate(bus.resources or (), 1):
            v.length(f"{path}.resources.{number}.member", each, 1, 1_600)


def _check_http(v: Violations, path: str, parameters: HttpParametersMember | None) -> None:
    if parameters is None:
        return
    path = f"{path}.httpParameters"
    for name, value in (parameters.header_parameters or {}).items():
        v.length(f"{path}.headerParameters", name, 0, 512)
        v.pattern(f"{path}.headerParameters", name, _HEADER)
        v.length(f"{path}.headerParameters.{name}", value, 0, 512)
        v.pattern(f"{path}.headerParameters.{name}", value, _HEADER_VALUE)
    for name, value in (parameters.query_string_parameters or {}).items():
        v.length(f"{path}.queryStringParameters", name, 0, 512)
        v.length(f"{path}.queryStringParameters.{name}", value, 0, 512)


def _source(source: BatchSource, given: SourceParameters | None) -> BatchSource:
    if given is None:
        return source
    if given.filter_criteria is not None:
        patterns = tuple(each.pattern or "" for each in given.filter_criteria.filters or ())
        source = msgspec.structs.replace(source, filters=patterns)
    if (sqs := given.sqs_queue_parameters) is not None:
        size, window_s = sqs.batch_size, sqs.maximum_batching_window_in_seconds
        source = msgspec.structs.replace(
            source, batch_size=10 if size is None else size, window_s=window_s or 0
        )
    return source


def _enrichment(
    enrichment: PipeEnrichment | None, arn: str | None, given: EnrichmentParameters | None
) -> PipeEnrichment | None:
    if arn:
        before = enrichment or PipeEnrichment(arn=arn)
        enrichment = msgspec.structs.replace(before, arn=arn)
    elif arn is not None:
        enrichment = None
    if given is None:
        return enrichment
    if enrichment is None:
        raise InvalidParameter("EnrichmentParameters are of no use without Enrichment.")
    if given.input_template is not None:
        enrichment = msgspec.structs.replace(
            enrichment, input_template=given.input_template or None
        )
    if given.http_parameters is not None:
        http = http_parameters(given.http_parameters)
        enrichment = msgspec.structs.replace(enrichment, http_parameters=http)
    return enrichment


def _target(target: PipeTarget, given: TargetParameters | None) -> PipeTarget:
    if given is None:
        return target
    changes: dict[str, Any] = {}
    if given.input_template is not None:
        changes["input_template"] = given.input_template or None
    if given.http_parameters is not None:
        changes["http_parameters"] = http_parameters(given.http_parameters)
    if (function := given.lambda_function_parameters) is not None:
        changes["waits_for_function"] = function.invocation_type != "FIRE_AND_FORGET"
    if (sqs := given.sqs_queue_parameters) is not None:
        changes["message_group_id"] = sqs.message_group_id or None
        changes["message_deduplication_id"] = sqs.message_deduplication_id or None
    if (bus := given.event_bridge_event_bus_parameters) is not None:
        changes["detail_type"] = bus.detail_type
        changes["source"] = bus.source
        changes["resources"] = tuple(bus.resources or ())
        changes["time"] = bus.time
    return msgspec.structs.replace(target, **changes)


# Answers


class PipeStateResponse(Members, kw_only=True, omit_defaults=False):
    arn: str
    name: str
    desired_state: str
    current_state: str
    creation_time: float
    last_modified_time: float


class DescribePipeResponse(Members, kw_only=True):
    arn: str
    name: str
    description: str | None = None
    desired_state: str
    current_state: str
    source: str
    source_parameters: SourceParameters
    enrichment: str | None = None
    enrichment_parameters: EnrichmentParameters | None = None
    target: str
    target_parameters: TargetParameters | None = None
    role_arn: str
    tags: dict[str, str] | None = None
    creation_time: float
    last_modified_time: float
    kms_key_identifier: str | None = None


def run_state(pipe: Pipe) -> str:
    """The desired state and the current one: no pipe is ever on its way from one to the other."""
    return STATES[0] if pipe.running else STATES[1]


def state_of(
    namespace: Namespace, pipe: Pipe, *, desired: str | None = None, current: str | None = None
) -> PipeStateResponse:
    """What most actions answer."""
    state = run_state(pipe)
    return PipeStateResponse(
        arn=pipe_arn(namespace, pipe.name),
        name=pipe.name,
        desired_state=desired or state,
        current_state=current or state,
        creation_time=pipe.created_at_ms / 1000,
        last_modified_time=pipe.modified_at_ms / 1000,
    )


def describe(namespace: Namespace, pipe: Pipe) -> DescribePipeResponse:
    """A pipe, whole; what isn't set isn't there."""
    state = state_of(namespace, pipe)
    enrichment = pipe.enrichment
    return DescribePipeResponse(
        arn=state.arn,
        name=pipe.name,
        description=pipe.description or None,
        desired_state=state.desired_state,
        current_state=state.current_state,
        source=pipe.source.arn,
        source_parameters=_source_member(pipe.source),
        enrichment=enrichment.arn if enrichment is not None else None,
        enrichment_parameters=_enrichment_member(enrichment),
        target=pipe.target.arn,
        target_parameters=_target_member(pipe.target),
        role_arn=pipe.role_arn,
        tags=pipe.tags or None,
        creation_time=state.creation_time,
        last_modified_time=state.last_modified_time,
        kms_key_identifier=pipe.kms_key_id or None,
    )


def _source_member(source: BatchSource) -> SourceParameters:
    filters = [Filter(pattern=pattern) for pattern in source.filters]
    return SourceParameters(
        filter_criteria=FilterCriteria(filters=filters) if filters else None,
        sqs_queue_parameters=SourceSqsQueueParameters(
            batch_size=source.batch_size,
            maximum_batching_window_in_seconds=source.window_s or None,
        ),
    )


def _enrichment_member(enrichment: PipeEnrichment | None) -> EnrichmentParameters | None:
    if enrichment is None:
        return None
    member = EnrichmentParameters(
        input_template=enrichment.input_template,
        http_parameters=http_parameters_member(enrichment.http_parameters),
    )
    return member if member != EnrichmentParameters() else None


def _target_member(target: PipeTarget) -> TargetParameters | None:
    queue = TargetSqsQueueParameters(
        message_group_id=target.message_group_id,
        message_deduplication_id=target.message_deduplication_id,
    )
    bus = EventBusParameters(
        detail_type=target.detail_type,
        source=target.source,
        resources=list(target.resources) or None,
        time=target.time,
    )
    invocation_type = "REQUEST_RESPONSE" if target.waits_for_function else "FIRE_AND_FORGET"
    of_function = ":lambda:" in target.arn
    member = TargetParameters(
        input_template=target.input_template,
        http_parameters=http_parameters_member(target.http_parameters),
        lambda_function_parameters=(
            LambdaFunctionParameters(invocation_type=invocation_type) if of_function else None
        ),
        sqs_queue_parameters=queue if queue != TargetSqsQueueParameters() else None,
        event_bridge_event_bus_parameters=bus if bus != EventBusParameters() else None,
    )
    return member if member != TargetParameters() else None
