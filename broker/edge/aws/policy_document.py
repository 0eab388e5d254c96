"""policy documents: their shape, which is the same for all services"""

from typing import Any

import msgspec

VERSIONS = ("2008-10-17", "2012-10-17")
_MEMBERS = {"Version", "Id", "Statement"}
_STATEMENT_MEMBERS = {
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
    *("Resource", "NotResource", "Condition"),
}

Statement = dict[str, Any]


def policy_text(document: dict[str, Any]) -> str:
    """The document as it is kept."""
    return msgspec.json.encode(document).decode()


def statements_of(document: dict[str, Any]) -> list[Statement]:
    """Its statements; a single one need not be in a list."""
    found = document.get("Statement", [])
    return found if isinstance(found, list) else [found]


def is_policy(document: Any) -> bool:
    """Whether it has the shape of a policy."""
    if not isinstance(document, dict) or not document.keys() <= _MEMBERS:
        return False
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        return False
    statements = statements_of(document)
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


def one_or_all(values: list[str]) -> str | list[str]:
    """A single value by itself, several in a list: as AWS writes them."""
    return values[0] if len(values) == 1 else values
