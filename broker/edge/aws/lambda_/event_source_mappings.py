"""Lambda actions on event source mappings: create, get, update, delete, list"""

from typing import Any

import msgspec

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.limits import (
    BATCH_SIZE_MAX,
    BATCH_WINDOW_S_MAX,
    FILTER_CHARS_MAX,
    FILTERS_MAX,
    LIST_PAGE,
    MAPPING_CONCURRENCY_MIN,
    POLLER_CONCURRENCY_MAX,
)
from broker.core.names import Namespace
from broker.core.resources import BatchSource, EventSourceMapping
from broker.edge.aws.lambda_.location import locate_label
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.paging import page_of
from broker.edge.aws.rest import decode, query_parameters, rest_response
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.tag_map import checked_tags
from broker.edge.aws.validation import Violations
from broker.edge.http.message import Response

PATH = "/2015-03-31/event-source-mappings"
PAGE_MAX = 10_000
REPORT = "ReportBatchItemFailures"


class Filter(Members, kw_only=True):
    pattern: str | None = None


class FilterCriteria(Members, kw_only=True):
    filters: list[Filter] | None = None


class ScalingConfig(Members, kw_only=True):
    maximum_concurrency: int | None = None


class _Settings(Members, kw_only=True):
    """What CreateEventSourceMapping and UpdateEventSourceMapping both take."""

    enabled: bool | None = None
    batch_size: int | None = None
    filter_criteria: FilterCriteria | None = None
    scaling_config: ScalingConfig | None = None
    maximum_batching_window_in_seconds: int | None = None
    function_response_types: list[str] | None = None
    kms_key_arn: Refused = msgspec.field(default=None, name="KMSKeyArn")
    metrics_config: Refused = None
    logging_config: Refused = None
    parallelization_factor: Refused = None
    destination_config: Refused = None
    maximum_record_age_in_seconds: Refused = None
    bisect_batch_on_function_error: Refused = None
    maximum_retry_attempts: Refused = None
    tumbling_window_in_seconds: Refused = None
    source_access_configurations: Refused = None
    amazon_managed_kafka_event_source_config: Refused = None
    self_managed_kafka_event_source_config: Refused = None
    document_db_event_source_config: Refused = msgspec.field(
        default=None, name="DocumentDBEventSourceConfig"
    )
    provisioned_poller_config: Refused = None

    def applied_to(self, mapping: EventSourceMapping) -> EventSourceMapping:
        """The mapping with what is given. Raises: InvalidParameter."""
        self._check()
        source: dict[str, Any] = {}
        if self.batch_size is not None:
            source["batch_size"] = self.batch_size
        if self.maximum_batching_window_in_seconds is not None:
            source["window_s"] = self.maximum_batching_window_in_seconds
        if self.filter_criteria is not None:
            filters = self.filter_criteria.filters or ()
            source["filters"] = tuple(each.pattern or "" for each in filters)
        given: dict[str, Any] = {"source": msgspec.structs.replace(mapping.source, **source)}
        if self.enabled is not None:
            given["enabled"] = self.enabled
        if self.scaling_config is not None:
            given["maximum_concurrency"] = self.scaling_config.maximum_concurrency
        if self.function_response_types is not None:
            given["reports_failures"] = REPORT in self.function_response_types
        return msgspec.structs.replace(mapping, **given)

    def _check(self) -> None:
        v = Violations()
        v.range("batchSize", self.batch_size, 1, BATCH_SIZE_MAX)
        window_s = self.maximum_batching_window_in_seconds
        v.range("maximumBatchingWindowInSeconds", window_s, 0, BATCH_WINDOW_S_MAX)
        if self.scaling_config is not None:
            limit = self.scaling_config.maximum_concurrency
            path = "scalingConfig.maximumConcurrency"
            v.range(path, limit, MAPPING_CONCURRENCY_MIN, POLLER_CONCURRENCY_MAX)
        for each in self.function_response_types or ():
            v.choice("functionResponseTypes", each, [REPORT])
        if self.filter_criteria is not None:
            filters = self.filter_criteria.filters or []
            v.count("filterCriteria.filters", len(filters), FILTERS_MAX)
            for number, one in enumerate(filters, 1):
                path = f"filterCriteria.filters.{number}.member.pattern"
                v.length(path, one.pattern, 0, FILTER_CHARS_MAX)
        v.check()


class CreateEventSourceMappingRequest(_Settings, kw_only=True):
    function_name: str
    event_source_arn: str | None = None
    tags: dict[str, str] | None = None
    starting_position: Refused = None
    starting_position_timestamp: Refused = None
    topics: Refused = None
    queues: Refused = None
    self_managed_event_source: Refused = None


class UpdateEventSourceMappingRequest(_Settings, kw_only=True):
    function_name: str | None = None


class MappingResponse(Members, kw_only=True):
    """A mapping, as all actions answer it."""

    uuid: str = msgspec.field(name="UUID")
    event_source_mapping_arn: str
    event_source_arn: str
    function_arn: str
    batch_size: int
    maximum_batching_window_in_seconds: int
    last_modified: float
    last_processing_result: str
    state: str
    state_transition_reason: str
    filter_criteria: FilterCriteria | None = None
    scaling_config: ScalingConfig | None = None
    function_response_types: list[str] | None = None


@lambda_.route("POST", PATH)
async def create_event_source_mapping(call: Call) -> Response:
    """Invoke a function with a queue's messages from now on."""
    request = decode(call, CreateEventSourceMappingRequest)
    if request.event_source_arn is None:
        raise InvalidParameter("EventSourceArn is required: the source is a queue.")
    new = EventSourceMapping(
        name="",
        source=BatchSource(arn=request.event_source_arn),
        function=_function(call, request.function_name),
        tags=checked_tags(request.tags),
    )
    mappings = call.broker.event_source_mappings
    made = await mappings.create(call.namespace, request.applied_to(new))
    return rest_response(call, _member(call, made, "Creating"), 202)


@lambda_.route("GET", PATH + "/{}")
async def get_event_source_mapping(call: Call, uuid: str) -> MappingResponse:
    """One mapping, with its state and how its last batch ended."""
    return _member(call, call.broker.event_source_mappings.get(call.namespace, uuid))


@lambda_.route("PUT", PATH + "/{}")
async def update_event_source_mapping(call: Call, uuid: str) -> Response:
    """Change what is given."""
    request = decode(call, UpdateEventSourceMappingRequest)
    mappings = call.broker.event_source_mappings
    before = mappings.get(call.namespace, uuid)
    if request.function_name is not None:
        function = _function(call, request.function_name)
        before = msgspec.structs.replace(before, function=function)
    changed = await mappings.configure(call.namespace, request.applied_to(before))
    state = "Updating"
    if request.enabled is not None and request.enabled != before.enabled:
        state = "Enabling" if request.enabled else "Disabling"
    return rest_response(call, _member(call, changed, state), 202)


@lambda_.route("DELETE", PATH + "/{}")
async def delete_event_source_mapping(call: Call, uuid: str) -> Response:
    """Delete a mapping; messages stay in the queue."""
    member = _member(call, call.broker.event_source_mappings.get(call.namespace, uuid), "Deleting")
    await call.broker.event_source_mappings.delete(call.namespace, uuid)
    return rest_response(call, member, 202)


class ListEventSourceMappingsResponse(Members, kw_only=True, omit_defaults=False):
    event_source_mappings: list[MappingResponse]
    next_marker: str | None = None


@lambda_.route("GET", PATH)
async def list_event_source_mappings(call: Call) -> ListEventSourceMappingsResponse:
    """Mappings by UUID: all, those of a queue, or those of a function."""
    query = {name: values[-1] for name, values in query_parameters(call).items()}
    limit = query.get("MaxItems", str(LIST_PAGE))
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= PAGE_MAX:
        raise InvalidParameter(f"MaxItems must be between 1 and {PAGE_MAX}.")
    label = query.get("FunctionName")
    function = locate_label(call, label)[1] if label is not None else None
    found = {
        each.name: each
        for each in call.broker.event_source_mappings.all(
            call.namespace, query.get("EventSourceArn"), function
        )
    }
    names, more = page_of(list(found), query.get("Marker"), min(int(limit), LIST_PAGE))
    members = [_member(call, found[name]) for name in names]
    return ListEventSourceMappingsResponse(event_source_mappings=members, next_marker=more)


def _function(call: Call, label: str) -> str:
    """The function's label. Raises: FunctionDoesNotExist, NotSupported for another account's."""
    namespace, name = locate_label(call, label)
    if namespace != call.namespace:
        raise NotSupported("A function of another account is not supported by this broker.")
    return call.broker.functions.find(namespace, name).label


def _member(call: Call, mapping: EventSourceMapping, state: str = "") -> MappingResponse:
    namespace: Namespace = call.namespace
    source = mapping.source
    filters = [Filter(pattern=pattern) for pattern in source.filters]
    limit = mapping.maximum_concurrency
    return MappingResponse(
        uuid=mapping.name,
        event_source_mapping_arn=namespace.arn("lambda", f"event-source-mapping:{mapping.name}"),
        event_source_arn=source.arn,
        function_arn=namespace.arn("lambda", f"function:{mapping.function}"),
        batch_size=source.batch_size,
        maximum_batching_window_in_seconds=source.window_s,
        last_modified=mapping.modified_at_ms / 1000,
        last_processing_result=call.broker.event_source_mappings.last_result(
            namespace, mapping.name
        ),
        state=state or ("Enabled" if mapping.enabled else "Disabled"),
        state_transition_reason="USER_INITIATED",
        filter_criteria=FilterCriteria(filters=filters) if filters else None,
        scaling_config=ScalingConfig(maximum_concurrency=limit) if limit is not None else None,
        function_response_types=[REPORT] if mapping.reports_failures else None,
    )
