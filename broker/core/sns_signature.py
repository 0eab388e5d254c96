"""what the signature of an SNS delivery covers: some of its members, each with its name"""

from collections.abc import Mapping

_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}


def string_to_sign(document: Mapping[str, str]) -> bytes:
    """The members that count for the document's Type, in their order: name, value, a line each.

    A member that isn't there, such as a Subject, is left out.
    Source: SNS developer guide, verifying the signatures of messages.
    """
    lines = (f"{name}\n{document[name]}\n" for name in SIGNED[document["Type"]] if name in document)
    return "".join(lines).encode()
