"""What the signature of a delivery covers."""

import pytest

from broker.core.sns_signature import string_to_sign


def test_a_notification_is_signed_without_what_leads_away_from_it() -> None:
    document = {
        "Type": "Notification",
        "MessageId": "id",
        "TopicArn": "arn",
        "Subject": "Grüße",
        "Message": "two\nlines",
        "Timestamp": "2026-01-01T00:00:00.000Z",
        "SignatureVersion": "1",
        "SigningCertURL": "c",
        "UnsubscribeURL": "u",
    }

    assert (
        string_to_sign(document)
        == (
            "Message\ntwo\nlines\nMessageId\nid\nSubject\nGrüße\n"
            "Timestamp\n2026-01-01T00:00:00.000Z\nTopicArn\narn\nType\nNotification\n"
        ).encode()
    )


def test_a_subject_that_is_not_there_leaves_no_trace() -> None:
    document = {"Type": "Notification", "MessageId": "id", "TopicArn": "a", "Message": "m"}

    text = string_to_sign({**document, "Timestamp": "t"})

    assert text == b"Message\nm\nMessageId\nid\nTimestamp\nt\nTopicArn\na\nType\nNotification\n"


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_is_signed_with_its_url_and_token(kind: str) -> None:
    document = {
        "Type": kind,
        "MessageId": "id",
        "Token": "token",
        "TopicArn": "arn",
        "Message": "m",
        "SubscribeURL": "https://here/",
        "Timestamp": "t",
        "SignatureVersion": "2",
    }

    assert (
        string_to_sign(document)
        == (
            "Message\nm\nMessageId\nid\nSubscribeURL\nhttps://here/\nTimestamp\nt\n"
            f"Token\ntoken\nTopicArn\narn\nType\n{kind}\n"
        ).encode()
    )
