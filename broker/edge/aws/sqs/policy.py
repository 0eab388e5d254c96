"""a queue's Policy: the document's shape and limits, and the statements that AddPermission writes

A policy is stored, checked and returned. It is not enforced: without authentication everybody who
reaches the broker may do everything.
"""

from collections.abc import Sequence
from typing import Any

from broker.core.errors import InvalidAttributeValue, InvalidParameter, OverLimit
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    POLICY_ACTIONS_MAX,
    POLICY_BYTES_MAX,
    POLICY_CONDITIONS_MAX,
    POLICY_PRINCIPALS_MAX,
    POLICY_STATEMENTS_MAX,
)
from broker.edge.aws.policy_document import (
    VERSIONS,
    Statement,
    is_policy,
    one_or_all,
    policy_text,
    statements_of,
)


def checked_policy(text: str) -> str | None:
    """The document as given; an empty text is none. Raises: InvalidAttributeValue, OverLimit."""
    if not text:
        return None
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise InvalidAttributeValue(
            "Invalid value for the parameter Policy. "
            f"Reason: It can have at most {POLICY_BYTES_MAX} bytes."
        )
    try:
        document = parse_json(text)
    except InvalidJson:
        document = None
    if not is_policy(document):
        raise InvalidAttributeValue("Invalid value for the parameter Policy.")
    statements = statements_of(document)
    _check_count(len(statements), "statements", POLICY_STATEMENTS_MAX)
    principals = sum(_principals(statement) for statement in statements)
    _check_count(principals, "principals", POLICY_PRINCIPALS_MAX)
    conditions = sum(
        len(keys) for each in statements for keys in each.get("Condition", {}).values()
    )
    _check_count(conditions, "conditions", POLICY_CONDITIONS_MAX)
    return text


def with_permission(
    policy: str | None, arn: str, label: str, account_ids: Sequence[str], actions: Sequence[str]
) -> str:
    """The policy with one statement more, which lets these accounts use the queue.

    Raises: OverLimit, InvalidParameter if there is one with this label, InvalidAttributeValue if
    the policy gets too long.
    """
    _check_actions(len(actions))
    document = _document(policy) or {
        "Version": VERSIONS[0],
        "Id": f"{arn}/SQSDefaultPolicy",
        "Statement": [],
    }
    statements = statements_of(document)
    if any(statement.get("Sid") == label for statement in statements):
        raise InvalidParameter(
            f"Value {label} for parameter Label is invalid. Reason: Already exists."
        )
    new = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_all([f"arn:aws:iam::{each}:root" for each in account_ids])},
        "Action": one_or_all([f"SQS:{each}" for each in actions]),
        "Resource": arn,
    }
    text = policy_text({**document, "Statement": [*statements, new]})
    checked_policy(text)
    return text


def without_permission(policy: str | None, label: str) -> str | None:
    """The policy without the statement of this label; None if it was the last one.

    Raises: InvalidParameter.
    """
    document = _document(policy) or {"Statement": []}
    statements = statements_of(document)
    left = [statement for statement in statements if statement.get("Sid") != label]
    if len(left) == len(statements):
        raise InvalidParameter(
            f"Value {label} for parameter Label is invalid. Reason: can't find label."
        )
    return policy_text({**document, "Statement": left}) if left else None


def _document(policy: str | None) -> dict[str, Any] | None:
    document: dict[str, Any] | None = parse_json(policy) if policy else None
    return document


def _principals(statement: Statement) -> int:
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    if not isinstance(principal, dict):
        return 1
    return sum(len(each) if isinstance(each, list) else 1 for each in principal.values())


def _check_count(count: int, what: str, most: int) -> None:
    if count > most:
        raise OverLimit(f"{count} {what} were found in the submitted policy, max allowed is {most}")


def _check_actions(count: int) -> None:
    if count > POLICY_ACTIONS_MAX:
        raise OverLimit(f"{count} Actions were found, maximum allowed is {POLICY_ACTIONS_MAX}.")
