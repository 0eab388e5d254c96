"""Lambda actions on a function's or an event source mapping's tags"""

from broker.core.errors import InvalidParameter
from broker.core.names import Arn
from broker.edge.aws.lambda_.answers import answer
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members
from broker.edge.aws.tag_map import checked_tags, without_keys
from broker.edge.http.message import Response

PATH = "/2017-03-31/tags/{+}"


class TagResourceRequest(Members, kw_only=True):
    tags: dict[str, str]


@lambda_.route("POST", PATH)
async def tag_resource(call: Call, arn: str) -> Response:
    """Add tags; one that has its key already gets the new value."""
    given = checked_tags(decode(call, TagResourceRequest).tags)
    await _put(call, arn, checked_tags({**_tags(call, arn), **given}))
    return answer(call, None, 204)


@lambda_.route("DELETE", PATH)
async def untag_resource(call: Call, arn: str) -> Response:
    """Remove tags by key; keys that aren't there are as good."""
    await _put(call, arn, without_keys(call, _tags(call, arn)))
    return answer(call, None, 204)


@lambda_.route("GET", PATH)
async def list_tags(call: Call, arn: str) -> Response:
    """A resource's tags."""
    return answer(call, {"Tags": _tags(call, arn)})


def _tags(call: Call, text: str) -> dict[str, str]:
    kind, name = _resource(call, text)
    if kind == "function":
        return call.broker.functions.get(call.namespace, name).tags
    return call.broker.event_source_mappings.get(call.namespace, name).tags


async def _put(call: Call, text: str, tags: dict[str, str]) -> None:
    kind, name = _resource(call, text)
    if kind == "function":
        await call.broker.function_definitions.tag(call.namespace, name, tags)
    else:
        await call.broker.event_source_mappings.tag(call.namespace, name, tags)


def _resource(call: Call, text: str) -> tuple[str, str]:
    arn = Arn.parse(text)
    if arn is None or arn.service != "lambda" or arn.namespace != call.namespace:
        raise InvalidParameter(f"The resource is not in this account and region: {text}")
    kind, _, name = arn.resource.partition(":")
    if kind == "function" and ":" not in name:
        return kind, name
    if kind == "event-source-mapping":
        return kind, name
    raise InvalidParameter("Tags are for functions and event source mappings.")
