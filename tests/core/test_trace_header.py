"""The trace header that follows an event from one invocation to the next, and its lineage."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.limits import LINEAGE_FUNCTIONS_MAX, TRACE_HEADER_CHARS_MAX
from broker.core.trace_header import accepted_header, invocations, leading, passed_on

A, B = (f"arn:aws:lambda:us-east-1:000000000000:function:{name}" for name in "ab")
REQUEST_ID = "5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1"
ROOT = "Root=1-67891233-abcdef012345678912345678"
WELL_FORMED = re.compile(
    r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=[01?](;Parent=[0-9a-f]{16})?"
    r";Lineage=[0-9a-f]{8}:[0-9]+(\|[0-9a-f]{8}:[0-9]+)*"
)


def after(header: str | None, *arns: str) -> str:
    for arn in arns:
        header = passed_on(header, arn, REQUEST_ID, 1_700_000_000_000)
    assert header is not None
    return header


def test_a_trace_begins_with_the_first_invocation() -> None:
    begun = after(None, A)
    assert begun.startswith("Root=1-6553f100-5a3f4a368dfc0e4a5ce5d4a1;Sampled=0;Lineage=")
    assert invocations(begun, A) == 1


def test_a_trace_that_is_there_goes_on() -> None:
    header = after(f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1", A)
    assert header.startswith(f"{ROOT};Sampled=1;Parent=53995c3f42cd8ad8;Lineage=")


def test_each_function_is_counted_for_itself_in_all_its_versions() -> None:
    header = after(None, A, B, f"{A}:7", f"{A}:live")
    assert invocations(header, A) == invocations(header, f"{A}:$LATEST") == 3
    assert invocations(header, B) == 1
    assert invocations(header, f"{A}x") == 0


def test_of_many_functions_those_are_known_that_ran_last() -> None:
    others = [f"{B}{number}" for number in range(LINEAGE_FUNCTIONS_MAX - 1)]
    assert invocations(after(None, A, *others), A) == 1
    assert invocations(after(None, A, *others, B), A) == 0


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        ";;;",
        "Lineage",
        "Lineage=",
        "Lineage=a:b|:|x:-1|y:99999999999",
        "Lineage=a\r\n\r\n{}:3",  # a message's may have lines, and would end an HTTP header
        "Lineage=ü:3|0123456:3|012345678:3|01234567:\u0663",
        "Root=1-2-3",
    ],
)
def test_what_is_not_well_formed_counts_nothing(header: str | None) -> None:
    assert invocations(header, A) == 0
    assert WELL_FORMED.fullmatch(after(header, A))


@given(st.text(max_size=TRACE_HEADER_CHARS_MAX), st.lists(st.sampled_from([A, B]), min_size=1))
def test_whatever_came_what_is_passed_on_can_be_kept(header: str, arns: list[str]) -> None:
    passed = after(header, *arns)
    assert WELL_FORMED.fullmatch(passed)
    assert accepted_header(passed) == passed
    assert invocations(passed, arns[-1]) >= arns.count(arns[-1])


def test_one_that_is_too_long_traces_nothing() -> None:
    assert accepted_header("x" * TRACE_HEADER_CHARS_MAX) == "x" * TRACE_HEADER_CHARS_MAX
    assert accepted_header("x" * (TRACE_HEADER_CHARS_MAX + 1)) is None
    assert accepted_header("") is None


def test_of_many_the_one_with_most_of_the_function_leads() -> None:
    once, thrice = after(None, A), after(None, B, B, B)
    assert leading([None, once, thrice], A) == once
    assert leading([None, once, thrice]) == thrice
    assert leading([None]) is None
