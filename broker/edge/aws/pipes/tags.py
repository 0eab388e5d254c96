"""EventBridge Pipes actions on a pipe's tags"""

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.names import Arn
from broker.edge.aws.pipes.service import pipes
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members
from broker.edge.aws.tag_map import checked_tags, without_keys
from broker.edge.aws.validation import Violations

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
    name = _pipe(call, arn)
    left = without_keys(call, call.broker.pipes.get(call.namespace, name).tags)
    await call.broker.pipes.tag(call.namespace, name, left)


@pipes.route("GET", "/tags/{+}")
async def list_tags_for_resource(call: Call, arn: str) -> Tags:
    """A pipe's tags."""
    return Tags(tags=call.broker.pipes.get(call.namespace, _pipe(call, arn)).tags)


def _pipe(call: Call, text: str) -> str:
    v = Violations()
    v.pattern("resourceArn", text, _PIPE_ARN)
    v.check()
    arn = Arn.parse(text)
    if arn is None or arn.namespace != call.namespace:
        raise InvalidParameter("The resource is not in this account and region.")
    return arn.resource.partition("/")[2]
