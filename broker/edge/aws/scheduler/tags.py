"""EventBridge Scheduler actions on tags, which only groups have"""

from collections.abc import Sequence

from broker.core.errors import InvalidParameter, LimitExceeded
from broker.core.limits import SCHEDULE_GROUP_TAGS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX
from broker.core.names import Arn
from broker.edge.aws.rest import decode, query_parameters
from broker.edge.aws.scheduler.service import scheduler
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations

__all__ = ["Tag", "checked_tags"]

_GROUP_ARN = r"arn:aws[a-z-]*:scheduler:[a-z0-9\-]+:\d{12}:schedule-group\/[0-9a-zA-Z-_.]+"


class Tag(Members, kw_only=True):
    key: str
    value: str


class TagResourceRequest(Members, kw_only=True):
    tags: list[Tag]


class ListTagsForResourceResponse(Members, kw_only=True, omit_defaults=False):
    tags: list[Tag]


@scheduler.route("POST", "/tags/{+}")
async def tag_resource(call: Call, arn: str) -> None:
    """Add tags to a group; one that has its key already gets the new value."""
    given = checked_tags(decode(call, TagResourceRequest).tags)
    name = _group(call, arn)
    tags = {**call.broker.schedule_groups.get(call.namespace, name).tags, **given}
    if len(tags) > SCHEDULE_GROUP_TAGS_MAX:
        raise LimitExceeded(f"A schedule group can have {SCHEDULE_GROUP_TAGS_MAX} tags.")
    await call.broker.schedule_groups.tag(call.namespace, name, tags)


@scheduler.route("DELETE", "/tags/{+}")
async def untag_resource(call: Call, arn: str) -> None:
    """Remove tags by key; keys that aren't there are as good."""
    keys = query_parameters(call).get("TagKeys")
    if not keys:
        v = Violations()
        v.missing("tagKeys")
        v.check()
    name = _group(call, arn)
    tags = call.broker.schedule_groups.get(call.namespace, name).tags
    left = {key: value for key, value in tags.items() if key not in (keys or ())}
    await call.broker.schedule_groups.tag(call.namespace, name, left)


@scheduler.route("GET", "/tags/{+}")
async def list_tags_for_resource(call: Call, arn: str) -> ListTagsForResourceResponse:
    """A group's tags."""
    group = call.broker.schedule_groups.get(call.namespace, _group(call, arn))
    tags = [Tag(key=key, value=value) for key, value in group.tags.items()]
    return ListTagsForResourceResponse(tags=tags)


def checked_tags(tags: Sequence[Tag] | None) -> dict[str, str]:
    """The tags by key. Raises: InvalidParameter, LimitExceeded."""
    v = Violations()
    for number, tag in enumerate(tags or (), 1):
        v.length(f"tags.{number}.member.key", tag.key, 1, TAG_KEY_CHARS_MAX)
        v.length(f"tags.{number}.member.value", tag.value, 1, TAG_VALUE_CHARS_MAX)
    v.check()
    by_key = {tag.key: tag.value for tag in tags or ()}
    if len(by_key) < len(tags or ()):
        raise InvalidParameter("A tag's key is there twice.")
    if any(key.lower().startswith("aws:") for key in by_key):
        raise InvalidParameter("Tag keys that begin with aws: are reserved.")
    if len(by_key) > SCHEDULE_GROUP_TAGS_MAX:
        raise LimitExceeded(f"A schedule group can have {SCHEDULE_GROUP_TAGS_MAX} tags.")
    return by_key


def _group(call: Call, text: str) -> str:
    v = Violations()
    v.pattern("resourceArn", text, _GROUP_ARN)
    v.check()
    arn = Arn.parse(text)
    if arn is None or arn.namespace != call.namespace:
        raise InvalidParameter("The resource is not in this account and region.")
    return arn.resource.partition("/")[2]
