"""EventBridge Pipes actions on a pipe's tags"""

from collections.abc import Mapping

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.limits import TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX
from broker.core.names import Arn
from broker.edge.aws.pipes.service import pipes
from broker.edge.aws.rest import decode, query_parameters
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations

__all__ = ["checked_tags"]

_PIPE_ARN = r"arn:aws([a-z]|\-)*:pipes:([a-z]|\d|\-)*:([0-9]{12})?:pipe/(.+)"


class Tags(Members, kw_only=True, omit_defaults=False):
    """What TagResource takes and ListTagsForResource answers."""

    tags: dict[str, str] = msgspec.field(name="tags")


@pipes.route("POST", "/tags/{+}")
async def tag_resource(call: Call, arn: str) -> None:
    """Add tags; one that has its key already gets the new value."""
    given = checked_tags(decode(call, Tags).tags)
    name = _pipe(call, arn)
    tags = checked_tags({**call.broker.pipes.get(call.namespace, name).tags, **given})
    await call.broker.pipes.tag(call.namespace, name, tags)


@pipes.route("DELETE", "/tags/{+}")
async def untag_resource(call: Call, arn: str) -> None:
    """Remove tags by key; keys that aren't there are as good."""
    keys = query_parameters(call).get("tagKeys")
    if keys is None:
        v = Violations()
        v.missing("tagKeys")
        raise v.error()
    name = _pipe(call, arn)
    tags = call.broker.pipes.get(call.namespace, name).tags
    left = {key: value for key, value in tags.items() if key not in keys}
    await call.broker.pipes.tag(call.namespace, name, left)


@pipes.route("GET", "/tags/{+}")
async def list_tags_for_resource(call: Call, arn: str) -> Tags:
    """A pipe's tags."""
    return Tags(tags=call.broker.pipes.get(call.namespace, _pipe(call, arn)).tags)


def checked_tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Raises: InvalidParameter."""
    v = Violations()
    for key, value in (tags or {}).items():
        v.length("tags.key", key, 1, TAG_KEY_CHARS_MAX)
        v.length(f"tags.{key}", value, 0, TAG_VALUE_CHARS_MAX)
    v.count("tags", len(tags or ()), TAGS_MAX)
    v.check()
    if any(key.lower().startswith("aws:") for key in tags or ()):
        raise InvalidParameter("Tag keys that begin with aws: are reserved.")
    return dict(tags or {})


def _pipe(call: Call, text: str) -> str:
    v = Violations()
    v.pattern("resourceArn", text, _PIPE_ARN)
    v.check()
    arn = Arn.parse(text)
    if arn is None or arn.namespace != call.namespace:
        raise InvalidParameter("The resource is not in this account and region.")
    return arn.resource.partition("/")[2]
