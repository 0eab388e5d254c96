"""a queue's Policy: the document's shape and limits, and the statements that AddPermission writes

A policy is stored, checked and returned. It is not enforced: without authentication everybody who
reaches the broker may do everything.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.core.errors import InvalidAttributeValue, InvalidParameter, OverLimit
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    POLICY_ACTIONS_MAX,
    POLICY_BYTES_MAX,
    POLICY_CONDITIONS_MAX,
    POLICY_PRINCIPALS_MAX,
    POLICY_STATEMENTS_MAX,
)

VERSIONS = ("2008-10-17", "2012-10-17")
_MEMBERS = {"Version", "Id", "Statement"}
_STATEMENT_MEMBERS = {
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
    *("Resource", "NotResource", "Condition"),
}

Statement = dict[str, Any]


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
    if not _is_policy(document):
        raise InvalidAttributeValue("Invalid value for the parameter Policy.")
    statements = _statements(document)
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
    statements = _statements(document)
    if any(statement.get("Sid") == label for statement in statements):
        raise InvalidParameter(
            f"Value {label} for parameter Label is invalid. Reason: Already exists."
        )
    new = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{each}:root" for each in account_ids])},
        "Action": _one_or_all([f"SQS:{each}" for each in actions]),
        "Resource": arn,
    }
    text = _text({**document, "Statement": [*statements, new]})
    checked_policy(text)
    return text


def without_permission(policy: str | None, label: str) -> str | None:
    """The policy without the statement of this label; None if it was the last one.

    Raises: InvalidParameter.
    """
    document = _document(policy) or {"Statement": []}
    statements = _statements(document)
    left = [statement for statement in statements if statement.get("Sid") != label]
    if len(left) == len(statements):
        raise InvalidParameter(
            f"Value {label} for parameter Label is invalid. Reason: can't find label."
        )
    return _text({**document, "Statement": left}) if left else None


def _document(policy: str | None) -> dict[str, Any] | None:
    document: dict[str, Any] | None = parse_json(policy) if policy else None
    return document


def _text(document: dict[str, Any]) -> str:
    return msgspec.json.encode(document).decode()


def _statements(document: dict[str, Any]) -> list[Statement]:
    found = document.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _is_policy(document: Any) -> bool:
    if not isinstance(document, dict) or not document.keys() <= _MEMBERS:
        return False
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        return False
    statements = _statements(document)
    if not statements or not all(_is_statement(statement) for statement in statements):
        return False
    ids = [statement["Sid"] for statement in statements if "Sid" in statement]
    return len(ids) == len(set(ids))


def _is_statement(statement: Any) -> bool:
    if not isinstance(statement, dict) or not statement.keys() <= _STATEMENT_MEMBERS:
        return False
    return (
        statement.get("Effect") in ("Allow", "Deny")
        and isinstance(statement.get("Sid", ""), str)
        and ("Principal" in statement) != ("NotPrincipal" in statement)
        and _is_principal(statement.get("Principal", statement.get("NotPrincipal")))
        and ("Action" in statement) != ("NotAction" in statement)
        and _is_texts(statement.get("Action", statement.get("NotAction")))
        and not ("Resource" in statement and "NotResource" in statement)
        and _is_texts(statement.get("Resource", statement.get("NotResource", "*")))
        and _is_condition(statement.get("Condition", {}))
    )


def _is_principal(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(_is_texts(each) for each in value.values())
    return bool(value == "*")


def _is_texts(value: Any) -> bool:
    """One text or several."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, str) for each in value)
    return isinstance(value, str)


def _is_condition(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(keys, dict) for keys in value.values())


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


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
