from broker.edge.aws.sqs import sqs
from tests.compatibility_sqs import (
    ACTION_NOTES,
    ATTRIBUTE_NOTES,
    ERROR_REASONS,
    EXCHANGES,
    FILE,
    NOT_TESTED,
    page,
)
from tests.wire.sqs_clients import MODEL


def test_the_page_says_what_the_conversations_show() -> None:
    assert FILE.read_text() == page(), "run: make map"


def test_nothing_of_the_service_is_left_without_a_conversation_or_a_reason() -> None:
    assert [line for line in page().splitlines() if NOT_TESTED in line] == []


def test_every_conversation_has_the_query_codes_of_the_service() -> None:
    codes = {(wire.shape, wire.query_code) for wire in sqs.errors.values()}
    shown = {(each.refusal.shape, each.refusal.query_code) for each in EXCHANGES if each.refusal}
    assert shown - codes == set()


def test_a_reason_is_given_only_for_what_there_is() -> None:
    assert ACTION_NOTES.keys() <= set(MODEL.operation_names)
    assert ATTRIBUTE_NOTES.keys() <= set(MODEL.shape_for("QueueAttributeName").enum)
    answered = {each.refusal.shape for each in EXCHANGES if each.refusal}
    assert ERROR_REASONS.keys() & answered == set()
    assert ERROR_REASONS.keys() <= set(MODEL.shape_names)
