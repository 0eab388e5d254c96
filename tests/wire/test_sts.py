"""STS through an unmodified boto3"""

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests.daemon import Daemon
from tests.wire.refusals import raises_refusal

XMLNS = "{https://sts.amazonaws.com/doc/2011-06-15/}"


@pytest.fixture(scope="module")
def sts(broker: Daemon) -> Any:
    return broker.client("sts", account="123456789012")


def test_the_caller_is_the_account_that_it_names(sts: Any) -> None:
    found = sts.get_caller_identity()
    assert found["Account"] == "123456789012"
    assert found["Arn"] == "arn:aws:iam::123456789012:root"
    assert found["UserId"] == "123456789012"
    assert found["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]


def test_a_presigned_url_says_who_signed_it(sts: Any) -> None:
    url = sts.generate_presigned_url("get_caller_identity")
    for answer in (httpx.get(url), httpx.post(url)):
        assert answer.status_code == 200
        root = ElementTree.fromstring(answer.content)
        account = root.find(f"{XMLNS}GetCallerIdentityResult/{XMLNS}Account")
        assert account is not None
        assert account.text == "123456789012"


def test_an_unsigned_caller_is_the_default_account(broker: Daemon) -> None:
    answer = httpx.get(broker.url, params={"Action": "GetCallerIdentity", "Version": "2011-06-15"})
    assert "<Account>000000000000</Account>" in answer.text


def test_other_actions_say_so_by_name(sts: Any) -> None:
    with raises_refusal(
        "InvalidAction", "The action GetSessionToken is not supported by this broker."
    ):
        sts.get_session_token()
    with raises_refusal("InvalidAction", "The action AssumeRole is not supported by this broker."):
        sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/x", RoleSessionName="session")


def test_an_unknown_action(broker: Daemon) -> None:
    answer = httpx.post(broker.url, data={"Action": "Nonsense", "Version": "2011-06-15"})
    assert answer.status_code == 400
    assert "<Code>InvalidAction</Code>" in answer.text
    assert (
        "<Message>The action Nonsense is not valid for this web service.</Message>" in answer.text
    )
    assert "<Detail" not in answer.text
