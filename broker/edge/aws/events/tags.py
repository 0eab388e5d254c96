"""tags of buses and rules: their rules, and the EventBridge actions on them"""

from collections.abc import Sequence

import msgspec

from broker.core.errors import InvalidParameter, LimitExceeded
from broker.core.limits import TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX
from broker.core.names import Arn, Namespace, event_bus_name
from broker.core.resources import EventBus, Rule
from broker.edge.aws.events.service import events
from broker.edge.aws.service import Call, Members

_RESERVED = "aws:"


class Tag(Members, kw_only=True):
    key: str
    value: str


def checked_tags(tags: Sequence[Tag] | None) -> dict[str, str]:
    """The tags by key. Raises: InvalidParameter, LimitExceeded; the texts are our own."""
    by_key = {tag.key: tag.value for tag in tags or ()}
    if len(by_key) < len(tags or ()):
        raise InvalidParameter("Parameter Tags is not valid. Reason: a key is there twice.")
    for key, value in by_key.items():
        if not 1 <= len(key) <= TAG_KEY_CHARS_MAX or len(value) > TAG_VALUE_CHARS_MAX:
            raise InvalidParameter(
                f"Parameter Tags is not valid. Reason: a key has 1 to {TAG_KEY_CHARS_MAX} "
                f"characters, a value up to {TAG_VALUE_CHARS_MAX}."
            )
        if key.lower().startswith(_RESERVED):
            raise InvalidParameter(f"Parameter Tags is not valid. Reason: {_RESERVED} is reserved.")
    if len(by_key) > TAGS_MAX:
        raise LimitExceeded
    return by_key


class TagResourceRequest(Members, kw_only=True):
    resource_arn: str = msgspec.field(name="ResourceARN")
    tags: list[Tag]


@events.action("TagResource", TagResourceRequest)
async def tag_resource(call: Call, request: TagResourceRequest) -> None:
    """Add tags; one that has its key already gets the new value."""
    namespace, resource = _tagged(call, request.resource_arn)
    tags = {**resource.tags, **checked_tags(request.tags)}
    if len(tags) > TAGS_MAX:
        raise LimitExceeded
    await _replace_tags(call, namespace, resource, tags)


class UntagResourceRequest(Members, kw_only=True):
    resource_arn: str = msgspec.field(name="ResourceARN")
    tag_keys: list[str]


@events.action("UntagResource", UntagResourceRequest)
async def untag_resource(call: Call, request: UntagResourceRequest) -> None:
    """Remove tags; keys that no tag has are no error."""
    namespace, resource = _tagged(call, request.resource_arn)
    tags = {key: value for key, value in resource.tags.items() if key not in request.tag_keys}
    await _replace_tags(call, namespace, resource, tags)


class ListTagsForResourceRequest(Members, kw_only=True):
    resource_arn: str = msgspec.field(name="ResourceARN")


class ListTagsForResourceResponse(Members, kw_only=True, omit_defaults=False):
    tags: list[Tag]


@events.action("ListTagsForResource", ListTagsForResourceRequest)
async def list_tags_for_resource(
    call: Call, request: ListTagsForResourceRequest
) -> ListTagsForResourceResponse:
    """The tags of a bus or a rule."""
    _, resource = _tagged(call, request.resource_arn)
    return ListTagsForResourceResponse(
        tags=[Tag(key=key, value=value) for key, value in resource.tags.items()]
    )


def _tagged(call: Call, text: str) -> tuple[Namespace, EventBus | Rule]:
    """The bus or rule with this ARN.

    Raises: InvalidParameter, EventBusDoesNotExist, RuleDoesNotExist.
    """
    arn = Arn.parse(text)
    if arn is None or arn.service != "events":
        raise InvalidParameter(f"Parameter {text} is not valid. Reason: it names no bus or rule.")
    if bus := event_bus_name(arn.resource):
        return arn.namespace, call.broker.event_buses.get(arn.namespace, bus)
    kind, _, place = arn.resource.partition("/")
    if kind != "rule":
        raise InvalidParameter(f"Parameter {text} is not valid. Reason: it names no bus or rule.")
    bus, slash, name = place.rpartition("/")
    return arn.namespace, call.broker.rules.get(arn.namespace, bus if slash else "default", name)


async def _replace_tags(
    call: Call, namespace: Namespace, resource: EventBus | Rule, tags: dict[str, str]
) -> None:
    if isinstance(resource, EventBus):
        await call.broker.event_buses.tag(namespace, resource.name, tags)
        return
    bus, _, name = resource.name.rpartition("|")
    await call.broker.rules.tag(namespace, bus, name, tags)
