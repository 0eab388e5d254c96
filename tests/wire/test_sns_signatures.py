"""What the broker signs is verified by the libraries that receivers of SNS use, unmodified.

They fetch the certificate over https, from the daemon, and trust the host that the test tells them
to; all else is as with AWS.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sns_message_validator import SNSMessageValidator
from sns_message_validator.exceptions import SignatureVerificationFailureException

from broker.core.sns_signature import string_to_sign
from broker.runtime.broker import wall_ms
from broker.runtime.signing_certificates import SigningCertificates
from tests.daemon import Daemon
from tests.wire import node
from tests.wire.https_front import https_front

TOPIC = "arn:aws:sns:us-east-1:000000000000:orders"
CONFIRMATION = {
    "Token": "2336412f37fb687f5d51e6e2425dacbb",
    "Message": "You have chosen to subscribe.\nVisit the SubscribeURL.",
    "SubscribeURL": "https://localhost/?Action=ConfirmSubscription&Token=2336412f",
}
DOCUMENTS: dict[str, dict[str, str]] = {
    "notification": {"Type": "Notification", "Message": "Grüße 🦉\nzwei", "UnsubscribeURL": "u"},
    "notification with a subject": {"Type": "Notification", "Message": "{}", "Subject": "Hä?"},
    "subscription": {"Type": "SubscriptionConfirmation", **CONFIRMATION},
    "unsubscription": {"Type": "UnsubscribeConfirmation", **CONFIRMATION},
}
# sns-validator (0.3.5) leaves the Token of an UnsubscribeConfirmation out of what it checks,
# against the documentation, and so refuses each of them.
FOR_JAVASCRIPT = [kind for kind in DOCUMENTS if kind != "unsubscription"]

Signed = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def front(broker: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with https_front(broker, tmp_path_factory.mktemp("https")) as running:
        yield running


@pytest.fixture
def signed(broker: Daemon, front: tuple[str, Path]) -> Signed:
    """A document of a kind, signed with the daemon's key."""

    def sign(kind: str, version: str) -> dict[str, str]:
        signer = SigningCertificates.open(broker.data_dir / "signing", wall_ms).current
        document = {
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Timestamp": "2026-05-02T00:54:06.655Z",
            "SignatureVersion": version,
            "SigningCertURL": f"{front[0]}/{signer.name}",
            **DOCUMENTS[kind],
        }
        return {**document, "Signature": signer.sign(string_to_sign(document), version)}

    return sign


def tampered(document: dict[str, str]) -> Iterator[dict[str, str]]:
    """The document with one of the members that count changed, for each of them."""
    for name in string_to_sign(document).decode().split("\n")[::2]:
        if name in document and name != "Type":
            yield {**document, name: document[name] + "x"}
    yield {**document, "Signature": document["Signature"][:-8] + "AAAAAA=="}


@pytest.fixture
def python_validator(front: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(front[1]))
    monkeypatch.setenv("NO_PROXY", "localhost")
    return SNSMessageValidator(cert_url_regex=rf"^{front[0]}/")


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_validator_in_python_accepts_what_is_signed_and_nothing_else(
    kind: str, signed: Signed, python_validator: Any
) -> None:
    document = signed(kind, "1")

    python_validator.validate_message(document)
    for other in tampered(document):
        with pytest.raises(SignatureVerificationFailureException):
            python_validator.validate_message(other)


@pytest.mark.parametrize(
    "version", [pytest.param(version, marks=node.needs_node) for version in ("1", "2")]
)
def test_the_validator_of_aws_in_javascript_accepts_what_is_signed_and_nothing_else(
    version: str, broker: Daemon, front: tuple[str, Path], signed: Signed
) -> None:
    good = [signed(kind, version) for kind in FOR_JAVASCRIPT]
    bad = [other for document in good for other in tampered(document)]
    other_version = [{**each, "SignatureVersion": "21"[int(version) - 1]} for each in good]

    verdicts = node.verdicts(broker, front[1], good + bad + other_version)

    assert verdicts[: len(good)] == [None] * len(good)
    assert set(verdicts[len(good) :]) == {"The message signature is invalid."}


def test_what_was_signed_before_a_rotation_and_a_restart_still_verifies(
    broker: Daemon, signed: Signed, python_validator: Any
) -> None:
    before = signed("notification", "1")
    answer = httpx.post(f"{broker.url}/v1/signing-certificates")
    broker.kill()
    broker.start()
    after = signed("notification", "1")

    assert after["SigningCertURL"].endswith(answer.json()["path"])
    assert before["SigningCertURL"] != after["SigningCertURL"]
    python_validator.validate_message(before)
    python_validator.validate_message(after)


def test_the_certificate_is_served_to_everybody(broker: Daemon) -> None:
    path = httpx.get(f"{broker.url}/v1/signing-certificates").json()["signing_certificates"][0][
        "path"
    ]
    other_account = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/lambda/aws4_request"
    }

    plain = httpx.get(broker.url + path, headers={"Host": "sns.us-east-1.localhost"})
    signed_for_another = httpx.get(broker.url + path, headers=other_account)
    head = httpx.head(broker.url + path)

    assert (plain.status_code, plain.headers["content-type"]) == (200, "application/x-pem-file")
    assert plain.text.startswith("-----BEGIN CERTIFICATE-----\n")
    assert "PRIVATE" not in plain.text
    assert signed_for_another.content == plain.content
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.get(broker.url + path, headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
        "/SimpleNotificationService-{}.key",
        "/SimpleNotificationService-x/../signing/SimpleNotificationService-{}.key",
        "/SimpleNotificationService-%2e%2e%2fcurrent",
        "/SimpleNotificationService-%ff",
    ],
)
def test_nothing_but_certificates_is_served(path: str, broker: Daemon) -> None:
    signer = SigningCertificates.open(broker.data_dir / "signing", wall_ms).current
    digits = signer.name.removeprefix("SimpleNotificationService-").removesuffix(".pem")

    raw_path = path.format(digits).encode()
    with httpx.Client() as client:
        request = client.build_request("GET", broker.url)
        request.url = request.url.copy_with(raw_path=raw_path)
        answer = client.send(request)

    assert answer.status_code == 404
    assert "PRIVATE" not in answer.text
