"""Tags of queues through an unmodified boto3."""

from typing import Any

import pytest

from tests.wire.refusals import raises_refusal
from tests.wire.sqs import name_of


def tags_of(sqs: Any, queue: str) -> dict[str, str]:
    return dict(sqs.list_queue_tags(QueueUrl=queue).get("Tags", {}))


def test_a_queue_is_made_with_tags(sqs: Any, name: str) -> None:
    made = sqs.create_queue(QueueName=name, tags={"team": "orders", "empty": ""})
    assert tags_of(sqs, made["QueueUrl"]) == {"team": "orders", "empty": ""}


def test_tags_are_added_replaced_and_removed(sqs: Any, queue: str) -> None:
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=queue)
    sqs.tag_queue(QueueUrl=queue, Tags={"a": "1", "b": "2"})
    sqs.tag_queue(QueueUrl=queue, Tags={"b": "3", "B": "4"})
    assert tags_of(sqs, queue) == {"a": "1", "b": "3", "B": "4"}
    sqs.untag_queue(QueueUrl=queue, TagKeys=["a", "b", "never there"])
    assert tags_of(sqs, queue) == {"B": "4"}


def test_fifty_tags_and_one_more(sqs: Any, queue: str) -> None:
    fifty = {f"key-{n}": "v" for n in range(50)}
    sqs.tag_queue(QueueUrl=queue, Tags=fifty)
    sqs.tag_queue(QueueUrl=queue, Tags={"key-0": "w"})
    with raises_refusal(
        "InvalidParameterValue", f"Too many tags added for queue {name_of(queue)}."
    ):
        sqs.tag_queue(QueueUrl=queue, Tags={"more": "v"})
    assert tags_of(sqs, queue) == {**fifty, "key-0": "w"}


@pytest.mark.parametrize(
    ("key", "value"),
    [("k", "v" * 256), ("k" * 128, "v"), ("größe", "_ . : / = + - @ 1"), ("xaws:", "aws:")],
)
def test_keys_and_values_that_tags_may_have(sqs: Any, queue: str, key: str, value: str) -> None:
    sqs.tag_queue(QueueUrl=queue, Tags={key: value})
    assert tags_of(sqs, queue) == {key: value}


KEY_LENGTH = "Tag keys must be between 1 and 128 characters in length."


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("", "v", KEY_LENGTH),
        ("k" * 129, "v", KEY_LENGTH),
        ("k", "v" * 257, "Tag values must be between 0 and 256 characters in length."),
        ("aws:k", "v", "Tag keys can't begin with aws:, which is reserved."),
        ("AWS:k", "v", "Tag keys can't begin with aws:, which is reserved."),
        ("k!", "v", None),
        ("k", "v#", None),
    ],
)
def test_tags_that_are_refused_change_nothing(
    sqs: Any, queue: str, name: str, key: str, value: str, message: str | None
) -> None:
    with raises_refusal("InvalidParameterValue", message):
        sqs.tag_queue(QueueUrl=queue, Tags={"good": "v", key: value})
    assert tags_of(sqs, queue) == {}
    with raises_refusal("InvalidParameterValue", message):
        sqs.create_queue(QueueName=name, tags={key: value})


def test_nothing_to_tag_and_nothing_to_untag(sqs: Any, queue: str) -> None:
    with raises_refusal("MissingParameter", "The request must contain the parameter Tags."):
        sqs.tag_queue(QueueUrl=queue, Tags={})
    for keys in ([], [""], ["k" * 129]):
        with raises_refusal("InvalidParameterValue", KEY_LENGTH):
            sqs.untag_queue(QueueUrl=queue, TagKeys=keys)
