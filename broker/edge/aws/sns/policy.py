"""a topic's Policy: the one that each has, what a policy may say, and AddPermission's statements

A policy is stored, checked and returned. It is not enforced: without authentication everybody who
reaches the broker may do everything.
"""

from collections.abc import Sequence
from typing import Any

from broker.core.errors import InvalidParameter
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import TOPIC_POLICY_BYTES_MAX
from broker.core.names import Namespace
from broker.core.resources import Topic
from broker.edge.aws.policy_document import (
    VERSIONS,
    is_policy,
    one_or_all,
    policy_text,
    statements_of,
)

# What the owner of a topic may do, by the policy that it has from the beginning.
_OWNERS_ACTIONS = """GetTopicAttributes SetTopicAttributes AddPermission RemovePermission
    DeleteTopic Subscribe ListSubscriptionsByTopic Publish""".split()
_ACTIONS = frozenset((*_OWNERS_ACTIONS, "Receive", "GetDataProtectionPolicy", "TagResource"))


def effective_policy(namespace: Namespace, topic: Topic) -> str:
    """The topic's policy; the one it has from the beginning if none was set."""
    if topic.policy is not None:
        return topic.policy
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in _OWNERS_ACTIONS],
        "Resource": namespace.arn("sns", topic.name),
        "Condition": {"StringEquals": {"AWS:SourceOwner": namespace.account}},
    }
    return policy_text(
        {"Version": VERSIONS[0], "Id": "__default_policy_ID", "Statement": [statement]}
    )


def checked_policy(text: str) -> str | None:
    """The document as given; an empty text is the one from the beginning.

    Raises: InvalidParameter.
    """
    if not text:
        return None
    if len(text.encode()) > TOPIC_POLICY_BYTES_MAX:
        raise InvalidParameter("Invalid parameter: Policy Reason: Policy is too large")
    try:
        document = parse_json(text)
    except InvalidJson:
        document = None
    if not is_policy(document):
        raise InvalidParameter("Invalid parameter: Policy Reason: it is no policy document")
    for statement in statements_of(document):
        given = statement.get("Action", statement.get("NotAction"))
        for action in given if isinstance(given, list) else [given]:
            _check_action(str(action))
    return text


def _check_action(action: str) -> None:
    service, _, name = action.partition(":")
    if action == "*" or (service.lower() == "sns" and name):
        return
    raise InvalidParameter("Invalid parameter: Policy statement action out of service scope!")


def with_permission(
    namespace: Namespace,
    topic: Topic,
    label: str,
    account_ids: Sequence[str],
    actions: Sequence[str],
) -> str:
    """The policy with one statement more. Raises: InvalidParameter, also if the label is taken."""
    document = _document(namespace, topic)
    statements = statements_of(document)
    if any(statement.get("Sid") == label for statement in statements):
        raise InvalidParameter("Invalid parameter: Statement already exists")
    if not set(actions) <= _ACTIONS:
        raise InvalidParameter("Invalid parameter: Policy statement action out of service scope!")
    new = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_all([f"arn:aws:iam::{each}:root" for each in account_ids])},
        "Action": one_or_all([f"SNS:{each}" for each in actions]),
        "Resource": namespace.arn("sns", topic.name),
    }
    text = policy_text({**document, "Statement": [*statements, new]})
    checked_policy(text)
    return text


def without_permission(namespace: Namespace, topic: Topic, label: str) -> str | None:
    """The policy without the statement of this label; one that isn't there is as good."""
    document = _document(namespace, topic)
    left = [each for each in statements_of(document) if each.get("Sid") != label]
    return policy_text({**document, "Statement": left}) if left else None


def _document(namespace: Namespace, topic: Topic) -> dict[str, Any]:
    document: dict[str, Any] = parse_json(effective_policy(namespace, topic))
    return document
