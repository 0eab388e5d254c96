"""Lambda actions on what becomes of asynchronous invocations: put, update, get, delete, list"""

from typing import Any

import msgspec

from broker.core.errors import FunctionDoesNotExist
from broker.core.limits import EVENT_AGE_S_MAX, EVENT_AGE_S_MIN, RETRY_ATTEMPTS_MAX
from broker.core.names import LATEST, Namespace, labelled
from broker.core.resources import EventInvokeConfig
from broker.edge.aws.lambda_.answers import answer, limit_of
from broker.edge.aws.lambda_.location import locate_function, locate_label
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations
from broker.edge.http.message import Response

PATH = "/2019-09-25/functions/{}/event-invoke-config"


class Destination(Members, kw_only=True):
    destination: str | None = None


class DestinationConfig(Members, kw_only=True):
    on_success: Destination | None = None
    on_failure: Destination | None = None


class EventInvokeConfigRequest(Members, kw_only=True):
    maximum_retry_attempts: int | None = None
    maximum_event_age_in_seconds: int | None = None
    destination_config: DestinationConfig | None = None

    def applied_to(self, config: EventInvokeConfig) -> EventInvokeConfig:
        """The configuration with what is given. Raises: InvalidParameter."""
        v = Violations()
        v.range("maximumRetryAttempts", self.maximum_retry_attempts, 0, RETRY_ATTEMPTS_MAX)
        age_s = self.maximum_event_age_in_seconds
        v.range("maximumEventAgeInSeconds", age_s, EVENT_AGE_S_MIN, EVENT_AGE_S_MAX)
        v.check()
        given: dict[str, Any] = {}
        if self.maximum_retry_attempts is not None:
            given["retry_attempts"] = self.maximum_retry_attempts
        if age_s is not None:
            given["maximum_event_age_s"] = age_s
        if self.destination_config is not None:
            for member in ("on_success", "on_failure"):
                named = getattr(self.destination_config, member)
                if named is not None:
                    given[member] = named.destination or None
        return msgspec.structs.replace(config, **given)


@lambda_.route("PUT", PATH)
async def put_function_event_invoke_config(call: Call, label: str) -> Response:
    """Set it; what isn't given is as it is by default."""
    namespace, name = locate_label(call, label)
    return await _put(call, namespace, EventInvokeConfig(name=name))


@lambda_.route("POST", PATH)
async def update_function_event_invoke_config(call: Call, label: str) -> Response:
    """Change it; what isn't given stays."""
    namespace, name = locate_label(call, label)
    return await _put(call, namespace, _find(call, namespace, name))


@lambda_.route("GET", PATH)
async def get_function_event_invoke_config(call: Call, label: str) -> Response:
    """What was set."""
    namespace, name = locate_label(call, label)
    return answer(call, _document(namespace, _find(call, namespace, name)))


@lambda_.route("DELETE", PATH)
async def delete_function_event_invoke_config(call: Call, label: str) -> Response:
    """Set it back."""
    namespace, name = locate_label(call, label)
    _find(call, namespace, name)
    await call.broker.function_definitions.delete_event_invoke_config(namespace, name)
    return answer(call, None, 204)


@lambda_.route("GET", PATH + "/list")
async def list_function_event_invoke_configs(call: Call, label: str) -> Response:
    """All that were set, of a function, its versions and aliases."""
    namespace, name = locate_function(call, label)
    call.broker.functions.get(namespace, name)
    limit, marker = limit_of(call), call.request.query.get("Marker", "")
    configs = call.broker.registry.resources(namespace).event_invoke_configs
    labels = [each for each in sorted(configs) if labelled(each)[0] == name and each > marker]
    shown = [_document(namespace, configs[each]) for each in labels[:limit]]
    body: dict[str, Any] = {"FunctionEventInvokeConfigs": shown}
    if len(labels) > limit:
        body["NextMarker"] = labels[limit - 1]
    return answer(call, body)


async def _put(call: Call, namespace: Namespace, config: EventInvokeConfig) -> Response:
    changed = decode(call, EventInvokeConfigRequest).applied_to(config)
    made = await call.broker.function_definitions.put_event_invoke_config(namespace, changed)
    return answer(call, _document(namespace, made))


def _find(call: Call, namespace: Namespace, label: str) -> EventInvokeConfig:
    call.broker.functions.find(namespace, label)
    config = call.broker.functions.event_invoke_config(namespace, label)
    if config is None:
        arn = _arn(namespace, label)
        raise FunctionDoesNotExist(f"The function {arn} doesn't have an EventInvokeConfig")
    return config


def _arn(namespace: Namespace, label: str) -> str:
    name, qualifier = labelled(label)
    return namespace.arn("lambda", f"function:{name}:{qualifier or LATEST}")


def _document(namespace: Namespace, config: EventInvokeConfig) -> dict[str, Any]:
    document: dict[str, Any] = {
        "FunctionArn": _arn(namespace, config.name),
        "LastModified": config.modified_at_ms / 1000,
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }
    if config.retry_attempts is not None:
        document["MaximumRetryAttempts"] = config.retry_attempts
    if config.maximum_event_age_s is not None:
        document["MaximumEventAgeInSeconds"] = config.maximum_event_age_s
    return document
