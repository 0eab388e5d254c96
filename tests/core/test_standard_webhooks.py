"""Deliveries are signed as Standard Webhooks has it: its own library verifies them."""

import time
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from broker.core.errors import InvalidParameter
from broker.core.standard_webhooks import check_secret, new_secret, sign

OLD, NEW, OTHER = (new_secret(bytes([n]) * 32) for n in range(3))
BODY = '{"a": "ä"}'.encode()


def test_a_receiver_with_the_secret_accepts_the_delivery() -> None:
    headers = sign([NEW], "msg_1", int(time.time()), BODY)

    assert Webhook(NEW).verify(BODY, headers) == {"a": "ä"}


def test_while_a_secret_is_replaced_either_is_good_and_no_other() -> None:
    headers = sign([NEW, OLD], "msg_1", int(time.time()), BODY)

    for secret in (NEW, OLD):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, headers)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-signature"])
def test_a_header_that_was_changed_is_refused(name: str) -> None:
    headers = sign([NEW], "msg_1", int(time.time()), BODY)
    headers[name] = sign([OTHER], "msg_2", int(time.time()), BODY)[name]

    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, headers)


def test_another_body_or_time_has_another_signature() -> None:
    now_s = int(time.time())
    headers = sign([NEW], "msg_1", now_s, BODY)

    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, {**headers, "webhook-timestamp": str(now_s - 1)})


def test_the_headers_are_as_the_specification_has_them() -> None:
    headers = sign([NEW, OLD], "msg_1", 1_700_000_000, BODY)

    at = datetime.fromtimestamp(1_700_000_000, UTC)
    signatures = [Webhook(secret).sign("msg_1", at, BODY.decode()) for secret in (NEW, OLD)]
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": " ".join(signatures),
    }


def test_a_body_need_not_be_text() -> None:
    headers = sign([NEW], "msg_1", 1_700_000_000, b"\xff\x00")

    assert headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize("count", [24, 32, 64])
def test_a_new_secret_is_one(count: int) -> None:
    secret = new_secret(bytes(count))

    assert secret.startswith("whsec_")
    check_secret(secret)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        b64encode(bytes(32)).decode(),
        "whsec_" + b64encode(bytes(23)).decode(),
        "whsec_" + b64encode(bytes(65)).decode(),
        "whsec_" + b64encode(bytes(32)).decode().rstrip("="),
        "whsec_" + b64encode(bytes(32)).decode() + "\n",
        "whsec_" + "ä" * 40,
        "whsec_" + "s3cret! " * 5,
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_secret(secret)
    assert secret in ("", "whsec_") or secret not in caught.value.message
