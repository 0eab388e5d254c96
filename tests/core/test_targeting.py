from typing import Any

import pytest

from broker.core.errors import InvalidParameter
from broker.core.names import Namespace
from broker.core.resources import Target
from broker.core.targeting import check_target

NS = Namespace()
QUEUE = NS.arn("sqs", "orders")
FIFO = NS.arn("sqs", "orders.fifo")
BUS = NS.arn("events", "event-bus/shop")


@pytest.mark.parametrize(
    "target",
    [
        Target(id="t", arn=QUEUE),
        Target(id="t", arn=QUEUE, message_group_id="tenant"),
        Target(id="t", arn=FIFO, message_group_id="walk"),
        Target(id="t", arn=NS.arn("sns", "news")),
        Target(id="t", arn=NS.arn("lambda", "function:resize")),
        Target(id="t", arn=BUS),
        Target(id="t", arn=Namespace("999999999999", "eu-west-1").arn("sqs", "orders")),
        Target(id="t", arn=QUEUE, dead_letter_target_arn=NS.arn("sqs", "dead")),
        Target(id="t", arn=QUEUE, retry_attempts=0, maximum_event_age_s=60),
        Target(id="t", arn=QUEUE, retry_attempts=185, maximum_event_age_s=86_400),
    ],
)
def test_what_a_target_may_be(target: Target) -> None:
    check_target(target, NS)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"arn": "x"}, "Parameter x is not valid. Reason: Provided Arn is not in correct format."),
        ({"arn": NS.arn("kinesis", "stream/x")}, "'kinesis stream' are not supported"),
        ({"arn": NS.arn("sqs", "function/x")}, "it names no queue"),
        ({"arn": NS.arn("sns", "t.fifo")}, "a FIFO topic"),
        ({"arn": FIFO}, "Parameter(s) SqsParameters must be specified for target: t."),
        ({"arn": BUS, "message_group_id": "g"}, "it is no queue"),
        ({"arn": QUEUE, "message_group_id": "g" * 101}, "1 to 100"),
        ({"arn": BUS, "input": "1"}, "an event bus gets the event as it is"),
        ({"arn": QUEUE, "dead_letter_target_arn": "x"}, "a dead-letter queue is an SQS queue"),
        ({"arn": QUEUE, "dead_letter_target_arn": FIFO}, "is a standard queue"),
        *(
            (
                {"arn": QUEUE, "dead_letter_target_arn": elsewhere.arn("sqs", "dead")},
                "a dead-letter queue is in the event bus's own account and region.",
            )
            for elsewhere in (Namespace(account="999999999999"), Namespace(region="eu-west-1"))
        ),
        ({"arn": QUEUE, "retry_attempts": 186}, "must be between 0 and 185"),
        ({"arn": QUEUE, "maximum_event_age_s": 59}, "must be between 60 and 86400"),
    ],
)
def test_a_target_that_could_never_be_delivered_to_is_refused(
    options: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidParameter) as refused:
        check_target(Target(id="t", **options), NS)
    assert text in refused.value.message
