"""tags that come as a map from key to value: Lambda's and Pipes'"""

from collections.abc import Mapping

from broker.core.errors import InvalidParameter
from broker.core.limits import TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX
from broker.edge.aws.rest import query_parameters
from broker.edge.aws.service import Call
from broker.edge.aws.validation import Violations

__all__ = ["checked_tags", "without_keys"]


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


def without_keys(call: Call, tags: Mapping[str, str]) -> dict[str, str]:
    """The tags but for the request's `tagKeys`; keys that aren't there are as good.

    Raises: InvalidParameter, if none are named.
    """
    keys = query_parameters(call).get("tagKeys")
    if keys is None:
        v = Violations()
        v.missing("tagKeys")
        raise v.error()
    return {key: value for key, value in tags.items() if key not in keys}
