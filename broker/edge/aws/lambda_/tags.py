"""Lambda actions on a function's or an event source mapping's tags"""

from collections.abc import Mapping

from broker.core.errors import InvalidParameter
from broker.core.limits import TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX
from broker.core.names import Arn
from broker.edge.aws.lambda_.answers import answer
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode, query_parameters
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations
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
    keys = query_parameters(call).get("tagKeys")
    if keys is None:
        v = Violations()
        v.missing("tagKeys")
        raise v.error()
    tags = _tags(call, arn)
    await _put(call, arn, {key: value for key, value in tags.items() if key not in keys})
    return answer(call, None, 204)


@lambda_.route("GET", PATH)
async def list_tags(call: Call, arn: str) -> Response:
    """A resource's tags."""
    return answer(call, {"Tags": _tags(call, arn)})


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
