"""Policies of queues, and the permissions that write them, through an unmodified boto3.

They are stored, checked and returned; nobody is refused for them yet.
"""

import json
from typing import Any

import pytest

from tests.wire.refusals import raises_refusal
from tests.wire.sqs import attribute

STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}


def policy(*statements: dict[str, Any], **members: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **members})


def set_policy(sqs: Any, queue: str, text: str) -> None:
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": text})


def add(sqs: Any, queue: str, label: str, accounts: list[str], actions: list[str]) -> None:
    sqs.add_permission(QueueUrl=queue, Label=label, AWSAccountIds=accounts, Actions=actions)


def test_a_policy_is_returned_as_it_was_given_and_an_empty_one_removes_it(
    sqs: Any, queue: str
) -> None:
    text = '{"Statement" : {"Effect":"Deny","NotPrincipal":{"AWS":["1","2"]},"NotAction":["a"]}}'
    set_policy(sqs, queue, text)
    assert attribute(sqs, queue, "Policy") == text
    set_policy(sqs, queue, "")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        policy(),
        policy(STATEMENT, Version="2013-01-01"),
        policy(STATEMENT, Invented=1),
        json.dumps({"Statement": "s"}),
        policy({**STATEMENT, "Effect": "Maybe"}),
        policy({**STATEMENT, "Invented": 1}),
        policy({**STATEMENT, "NotAction": "b"}),
        policy({**STATEMENT, "Action": []}),
        policy({**STATEMENT, "Action": 1}),
        policy({**STATEMENT, "Principal": "me"}),
        policy({**STATEMENT, "Principal": {}}),
        policy({**STATEMENT, "Sid": 1}),
        policy({**STATEMENT, "Condition": {"StringEquals": "x"}}),
        policy({**STATEMENT, "Sid": "a"}, {**STATEMENT, "Sid": "a"}),
    ],
)
def test_a_document_that_is_no_policy(sqs: Any, queue: str, text: str) -> None:
    with raises_refusal("InvalidAttributeValue", "Invalid value for the parameter Policy."):
        set_policy(sqs, queue, text)


def test_a_policy_of_8192_bytes_and_one_more(sqs: Any, queue: str) -> None:
    rest = len(policy({**STATEMENT, "Sid": ""}))
    longest = policy({**STATEMENT, "Sid": "x" * (8_192 - rest)})
    set_policy(sqs, queue, longest)
    assert attribute(sqs, queue, "Policy") == longest
    with raises_refusal("InvalidAttributeValue"):
        set_policy(sqs, queue, longest + " ")


@pytest.mark.parametrize(
    ("what", "most", "text_of"),
    [
        ("statements", 20, lambda n: policy(*[STATEMENT] * n)),
        (
            "principals",
            50,
            lambda n: policy(
                {**STATEMENT, "Principal": {"AWS": [f"{i:012}" for i in range(n)]}},
            ),
        ),
        (
            "conditions",
            10,
            lambda n: policy(
                {**STATEMENT, "Condition": {"StringLike": {f"k{i}": "v" for i in range(n)}}}
            ),
        ),
    ],
)
def test_parts_of_a_policy_at_their_limit_and_one_past(
    sqs: Any, queue: str, what: str, most: int, text_of: Any
) -> None:
    set_policy(sqs, queue, text_of(most))
    with raises_refusal(
        "OverLimit",
        f"{most + 1} {what} were found in the submitted policy, max allowed is {most}",
        403,
    ):
        set_policy(sqs, queue, text_of(most + 1))


def test_permissions_write_statements_and_take_them_away(sqs: Any, queue: str) -> None:
    arn = attribute(sqs, queue, "QueueArn")
    add(sqs, queue, "one", ["111111111111"], ["SendMessage"])
    add(sqs, queue, "more", ["111111111111", "222222222222"], ["ReceiveMessage", "*"])
    one = {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SQS:SendMessage",
        "Resource": arn,
    }
    more = {
        "Sid": "more",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]},
        "Action": ["SQS:ReceiveMessage", "SQS:*"],
        "Resource": arn,
    }
    head = {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy"}
    assert json.loads(attribute(sqs, queue, "Policy")) == {**head, "Statement": [one, more]}
    sqs.remove_permission(QueueUrl=queue, Label="one")
    assert json.loads(attribute(sqs, queue, "Policy")) == {**head, "Statement": [more]}
    sqs.remove_permission(QueueUrl=queue, Label="more")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])


def test_a_permission_joins_the_statements_of_a_policy_that_is_there(sqs: Any, queue: str) -> None:
    set_policy(sqs, queue, json.dumps({"Statement": {**STATEMENT, "Sid": "own"}}))
    add(sqs, queue, "added", ["111111111111"], ["PurgeQueue"])
    found = json.loads(attribute(sqs, queue, "Policy"))
    assert [statement["Sid"] for statement in found["Statement"]] == ["own", "added"]


def test_seven_actions_and_one_more(sqs: Any, queue: str) -> None:
    actions = ["SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"]
    actions += ["GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues"]
    add(sqs, queue, "seven", ["111111111111"], actions)
    with raises_refusal("OverLimit", "8 Actions were found, maximum allowed is 7.", 403):
        add(sqs, queue, "eight", ["111111111111"], [*actions, "PurgeQueue"])


def test_permissions_that_are_refused(sqs: Any, queue: str) -> None:
    add(sqs, queue, "there", ["111111111111"], ["SendMessage"])
    code = "InvalidParameterValue"
    with raises_refusal(
        code, "Value there for parameter Label is invalid. Reason: Already exists."
    ):
        add(sqs, queue, "there", ["111111111111"], ["SendMessage"])
    for label in ("", "a b", "l" * 81):
        with raises_refusal(code):
            add(sqs, queue, label, ["111111111111"], ["SendMessage"])
    with raises_refusal(
        code,
        "Value SQS:CreateQueue for parameter ActionName is invalid. "
        "Reason: Only the queue owner is allowed to invoke this action.",
    ):
        add(sqs, queue, "l", ["111111111111"], ["CreateQueue"])
    for action in ("SendMessageBatch", "Invent"):
        with raises_refusal(
            code,
            f"Value SQS:{action} for parameter ActionName is invalid. "
            "Reason: Please refer to the appropriate WSDL for a list of valid actions.",
        ):
            add(sqs, queue, "l", ["111111111111"], [action])
    with raises_refusal("MissingParameter", "The request must contain the parameter Actions."):
        add(sqs, queue, "l", ["111111111111"], [])
    for accounts, shown in (([], "[]"), (["1", "x"], '["1","x"]')):
        with raises_refusal(
            code, f"Value {shown} for parameter PrincipalId is invalid. Reason: Unable to verify."
        ):
            add(sqs, queue, "l", accounts, ["SendMessage"])
    with raises_refusal(
        code, "Value gone for parameter Label is invalid. Reason: can't find label."
    ):
        sqs.remove_permission(QueueUrl=queue, Label="gone")
