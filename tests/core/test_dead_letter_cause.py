import pytest

from broker.core.dead_letter_cause import TEXT_CHARS_MAX, cause_of
from broker.core.message import Attributes, MessageAttribute

ORDERS = "arn:aws:sqs:us-east-1:000000000000:orders"
RULE = "arn:aws:events:us-east-1:000000000000:rule/shop"


def attributes(**given: str) -> Attributes:
    return {name: MessageAttribute("String", value) for name, value in given.items()}


def failed(error: str, code: str = "200") -> Attributes:
    """What a function that failed leaves."""
    return attributes(RequestID="1", ErrorCode=code, ErrorMessage=error)


def test_a_queue_that_gave_a_message_up_is_its_source() -> None:
    cause = cause_of(None, ORDERS)
    assert cause is not None
    assert (cause.text, cause.source_arn) == ("MaxReceiveCountExceeded", ORDERS)
    assert cause.is_from("orders")
    assert cause.is_from(ORDERS)
    assert not cause.is_from("order")


def test_a_function_leaves_its_error() -> None:
    cause = cause_of(failed("there is no sku 'sofa'"), None)
    assert cause is not None
    assert (cause.text, cause.code) == ("there is no sku 'sofa'", "200")
    assert not cause.is_from("orders")


def test_a_rule_leaves_its_arn_and_a_code() -> None:
    given = attributes(RULE_ARN=RULE, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="may not send")
    cause = cause_of(given, None)
    assert cause is not None
    assert (cause.text, cause.source_arn) == ("NO_PERMISSIONS: may not send", RULE)


def test_a_schedule_leaves_its_arn_and_a_code() -> None:
    schedule = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly"
    given = attributes(SCHEDULE_ARN=schedule, ERROR_CODE="NO_RESOURCE", ERROR_MESSAGE="it is gone")
    cause = cause_of(given, None)
    assert cause is not None
    assert (cause.text, cause.source_arn) == ("NO_RESOURCE: it is gone", schedule)


def test_the_latest_cause_counts() -> None:
    cause = cause_of(failed("oops"), ORDERS)
    assert cause is not None
    assert cause.code == "MaxReceiveCountExceeded"


@pytest.mark.parametrize("given", [None, {}, attributes(ErrorMessage="a program's own")])
def test_what_was_sent_by_somebody_has_no_cause(given: Attributes | None) -> None:
    assert cause_of(given, None) is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("order 1003: no sku", "order #: no sku"),
        ("took 3.5 s, limit 1,000", "took # s, limit #"),
        ("no 123e4567-e89b-12d3-a456-426614174000", "no #"),
        ("digest deadbeefdeadbeef is wrong", "digest # is wrong"),
        ("first line\nTraceback of 3", "first line"),
        ("", "200"),
        ("x" * 1_000, "x" * (TEXT_CHARS_MAX - 1) + "…"),
    ],
)
def test_errors_that_differ_in_ids_and_numbers_only_are_one_cause(error: str, text: str) -> None:
    cause = cause_of(failed(error), None)
    assert cause is not None
    assert cause.text == text


def test_a_cause_mentions_what_is_shown_and_what_was_written() -> None:
    cause = cause_of(failed("order 1003: no sku"), None)
    assert cause is not None
    assert cause.mentions("order #")
    assert cause.mentions("order 1003")
    assert not cause.mentions("order 1004")
