"""The order example: its file is valid, its rules choose as told, its handlers are programs."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from broker.config import load_config
from broker.config.declared import declared_resources
from broker.core import pattern
from broker.core.names import Namespace
from broker.core.resources import Function, Rule
from broker_subprocess import SubprocessInvoker

EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "orders"
NAMESPACE = Namespace("000000000000", "us-east-1")


@pytest.fixture
def declared() -> list[Any]:
    """Everything that the example declares."""
    path = EXAMPLE / "broker.toml"
    return declared_resources(load_config(path), NAMESPACE, path)


def run(program: str, event: dict[str, Any], **environment: str) -> tuple[int, Any, str]:
    """Exit status, result and log of a handler that gets the event."""
    ended = subprocess.run(
        [EXAMPLE / program],
        input=json.dumps(event),
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
        timeout=20,
    )
    return ended.returncode, json.loads(ended.stdout), ended.stderr


def order(**detail: Any) -> dict[str, Any]:
    """An event about an order."""
    return {"detail-type": "order.placed", "source": "web", "detail": {"order": "7", **detail}}


def test_its_functions_settings_suit_their_invoker(declared: list[Any]) -> None:
    functions = [resource for resource in declared if isinstance(resource, Function)]
    assert {function.name for function in functions} == {"reserve-stock", "notify-customer"}
    for function in functions:
        SubprocessInvoker().check_settings(function.settings)
        assert function.settings["cwd"] == str(EXAMPLE)


@pytest.mark.parametrize(
    ("detail_type", "total", "matching"),
    [
        ("order.placed", 20, {"shop|order-placed"}),
        ("order.placed", 1000, {"shop|order-placed", "shop|large-order"}),
        ("order.cancelled", 1000, {"shop|order-cancelled"}),
        ("order.shipped", 1000, set()),
    ],
)
def test_its_rules_choose_by_type_and_total(
    declared: list[Any], detail_type: str, total: int, matching: set[str]
) -> None:
    event = {"detail-type": detail_type, "source": "web", "detail": {"total": total}}
    assert matching == {
        rule.name
        for rule in declared
        if isinstance(rule, Rule) and pattern.matches(pattern.parse(rule.event_pattern), event)
    }


def test_stock_is_reserved() -> None:
    status, result, log = run("reserve_stock.py", order(sku="mug", quantity=2), BROKER_ATTEMPT="1")
    assert (status, result) == (0, {"order": "7", "reserved": {"mug": 2}})
    assert log == "order 7, attempt 1\n"


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ({"sku": "broken"}, "order 7: there is no sku 'broken'"),
        ({"sku": "sofa", "quantity": 2}, "order 7: 1 sofa left, 2 wanted"),
    ],
)
def test_an_order_that_cannot_be_served_says_why(detail: dict[str, Any], reason: str) -> None:
    status, result, _ = run("reserve_stock.py", order(**detail))
    assert (status, result) == (1, {"errorType": "CannotReserve", "errorMessage": reason})


def test_the_customer_is_notified() -> None:
    status, result, log = run("notify.sh", order(), SENDER="shop@example.com")
    assert (status, result) == (0, {"order": "7", "notified": True})
    assert log == "From: shop@example.com, Subject: your order 7 is cancelled\n"


def test_nobody_is_notified_of_no_order() -> None:
    status, result, _ = run("notify.sh", {"detail": {}})
    assert (status, result["errorType"]) == (1, "NoOrder")
