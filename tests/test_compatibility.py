import pytest

from tests import (
    compatibility_events,
    compatibility_lambda,
    compatibility_pipes,
    compatibility_scheduler,
    compatibility_sns,
    compatibility_sqs,
)
from tests.compatibility import NOT_TESTED, Page

PAGES = [
    pytest.param(module.PAGE, id=module.PAGE.title)
    for module in (
        compatibility_sqs,
        compatibility_sns,
        compatibility_events,
        compatibility_scheduler,
        compatibility_pipes,
        compatibility_lambda,
    )
]
pytestmark = pytest.mark.parametrize("page", PAGES)


def test_the_page_says_what_the_conversations_show(page: Page) -> None:
    assert page.file.read_text() == page.text(), "run: make map"


def test_nothing_of_the_service_is_left_without_a_conversation_or_a_reason(page: Page) -> None:
    assert [line for line in page.text().splitlines() if NOT_TESTED in line] == []


def test_every_conversation_has_the_query_codes_of_the_service(page: Page) -> None:
    codes = {(wire.shape, wire.query_code) for wire in page.service.errors.values()}
    shown = {
        (each.refusal.shape, each.refusal.query_code) for each in page.exchanges if each.refusal
    }
    assert shown - codes == set()


def test_a_reason_is_given_only_for_what_there_is(page: Page) -> None:
    assert page.action_notes.keys() <= set(page.model.operation_names)
    answered = {each.refusal.shape for each in page.exchanges if each.refusal}
    assert {page.error_code(shape) or shape for shape in page.error_reasons} & answered == set()
    assert page.error_reasons.keys() <= set(page.model.shape_names)
    assert {action for action, _, _ in page.member_reasons} <= page.actions
