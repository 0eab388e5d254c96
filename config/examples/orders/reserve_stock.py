#!/usr/bin/env python3
"""Reserves the stock for an order: the event's JSON on stdin, the result's JSON on stdout.

A failure is an exit status other than 0. What stdout says then, as `errorType` and `errorMessage`,
is the cause that stands in the dead letter; stderr is the log.

An event may come more than once. Here that does no harm; a handler that writes somewhere would
use the order's number, or the event's `id`, as its key.
"""

import json
import os
import sys

STOCK = {"mug": 12, "lamp": 3, "sofa": 1}


class CannotReserve(Exception):
    """The order can't be served from the stock."""


def reserve(order: dict) -> dict:
    """What is put aside for an order. Raises: CannotReserve."""
    sku, quantity = order["sku"], order.get("quantity", 1)
    if sku not in STOCK:
        raise CannotReserve(f"order {order['order']}: there is no sku {sku!r}")
    if quantity > STOCK[sku]:
        raise CannotReserve(f"order {order['order']}: {STOCK[sku]} {sku} left, {quantity} wanted")
    return {"order": order["order"], "reserved": {sku: quantity}}


def main() -> int:
    event = json.load(sys.stdin)
    order = event["detail"]
    attempt = os.environ.get("BROKER_ATTEMPT", "1")
    print(f"order {order.get('order')}, attempt {attempt}", file=sys.stderr)
    try:
        result, status = reserve(order), 0
    except CannotReserve as error:
        result, status = {"errorType": "CannotReserve", "errorMessage": str(error)}, 1
    json.dump(result, sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
