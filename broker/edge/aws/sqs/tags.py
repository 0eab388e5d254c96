"""tags of queues: their rules, and the SQS actions on them"""

import re
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from broker.core.errors import InvalidParameter, MissingParameter
from broker.core.limits import TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs.service import QueueUrlRequest, locate_queue, sqs

_CHARACTERS = re.compile(r"[\w\s.:/=+@-]*")  # letters and digits of any script
_RESERVED = "aws:"


def check_tags(queue_name: str, tags: Mapping[str, str]) -> None:
    """All tags that a queue is to have. Raises: InvalidParameter.

    Source: SQS developer guide, tagging; the texts on characters and the prefix are our own.
    """
    for key, value in tags.items():
        _check_key(key)
        if len(value) > TAG_VALUE_CHARS_MAX:
            raise InvalidParameter(
                f"Tag values must be between 0 and {TAG_VALUE_CHARS_MAX} characters in length."
            )
        if not _CHARACTERS.fullmatch(key) or not _CHARACTERS.fullmatch(value):
            raise InvalidParameter(
                f"The tag {key} has characters other than letters, digits, white space and "
                "_ . : / = + - @"
            )
        if key.lower().startswith(_RESERVED):
            raise InvalidParameter(f"Tag keys can't begin with {_RESERVED}, which is reserved.")
    if len(tags) > TAGS_MAX:
        raise InvalidParameter(f"Too many tags added for queue {queue_name}.")


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= TAG_KEY_CHARS_MAX:
        raise InvalidParameter(
            f"Tag keys must be between 1 and {TAG_KEY_CHARS_MAX} characters in length."
        )


class TagQueueRequest(Members, kw_only=True):
    query_names: ClassVar = {"Tags": "Tag"}
    queue_url: str
    tags: dict[str, str]


@sqs.action("TagQueue", TagQueueRequest)
async def tag_queue(call: Call, request: TagQueueRequest) -> None:
    """Add tags; one that has its key already gets the new value."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    if not request.tags:
        raise MissingParameter("The request must contain the parameter Tags.")
    tags = {**queue.tags, **request.tags}
    check_tags(name, tags)
    await call.broker.queues.configure(namespace, msgspec.structs.replace(queue, tags=tags))


class UntagQueueRequest(Members, kw_only=True):
    query_names: ClassVar = {"TagKeys": "TagKey"}
    queue_url: str
    tag_keys: list[str]


@sqs.action("UntagQueue", UntagQueueRequest)
async def untag_queue(call: Call, request: UntagQueueRequest) -> None:
    """Remove tags; keys that no tag has are no error."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    for key in request.tag_keys or [""]:
        _check_key(key)
    tags = {key: value for key, value in queue.tags.items() if key not in request.tag_keys}
    await call.broker.queues.configure(namespace, msgspec.structs.replace(queue, tags=tags))


class ListQueueTagsResponse(Members, kw_only=True):
    query_names: ClassVar = {"Tags": "Tag"}
    query_keys: ClassVar = {"Tags": "Key"}
    tags: dict[str, str] | None = None


@sqs.action("ListQueueTags", QueueUrlRequest)
async def list_queue_tags(call: Call, request: QueueUrlRequest) -> ListQueueTagsResponse:
    """The queue's tags."""
    namespace, name = locate_queue(call, request.queue_url)
    return ListQueueTagsResponse(tags=call.broker.queues.get(namespace, name).tags or None)
