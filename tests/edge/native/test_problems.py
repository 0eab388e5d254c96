"""Every domain error has its row in the one table of problems."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import broker
from broker.core import errors
from broker.core.errors import BrokerError
from broker.edge.http.message import REASONS
from broker.edge.native.problems import PROBLEMS, problem_response

# Shapes of one AWS protocol's own, raised and mapped inside it.
ELSEWHERE = "broker.edge.aws."


def every_error() -> set[type[BrokerError]]:
    for module in pkgutil.walk_packages(broker.__path__, "broker."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return set(_leaves(BrokerError))


def _leaves(kind: type[BrokerError]) -> Iterator[type[BrokerError]]:
    children = [
        child for child in kind.__subclasses__() if not child.__module__.startswith(ELSEWHERE)
    ]
    if not children:
        yield kind
    for child in children:
        yield from _leaves(child)


def test_every_domain_error_has_a_row() -> None:
    assert every_error() - PROBLEMS.keys() == set()


def test_every_row_has_a_status_with_a_name() -> None:
    assert {row.status for row in PROBLEMS.values()} <= REASONS.keys()


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.StoreFull(), 507, "10"),
        (errors.StoreUnavailable(), 503, "1"),
        (errors.StoreFailed(), 500, None),
        (errors.TooManyRequests(retry_after_s=2.5), 429, "3"),
        (errors.TooManyRequests(retry_after_s=0.01), 429, "1"),
        (errors.QueueDoesNotExist(), 404, None),
    ],
)
def test_what_may_be_tried_again_says_when(
    error: BrokerError, status: int, retry_after: str | None
) -> None:
    response = problem_response(error)

    assert response.status == status
    assert dict(response.headers).get("Retry-After") == retry_after


def test_too_many_requests_says_which_limit() -> None:
    error = errors.TooManyRequests(
        reason="ReservedFunctionConcurrentInvocationLimitExceeded", retry_after_s=1
    )

    assert b'"reason":"ReservedFunctionConcurrentInvocationLimitExceeded"' in (
        problem_response(error).body
    )
