"""Lambda actions on a function's policy: add, remove, get; it is kept, and not enforced"""

import json
from typing import Any

import msgspec

from broker.core.errors import PreconditionFailed, StatementDoesNotExist, StatementExists
from broker.core.resources import FunctionPolicy
from broker.edge.aws.lambda_.answers import FUNCTIONS, answer
from broker.edge.aws.lambda_.location import locate_label
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations
from broker.edge.http.message import Response


class AddPermissionRequest(Members, kw_only=True):
    statement_id: str
    action: str
    principal: str
    source_arn: str | None = None
    source_account: str | None = None
    event_source_token: str | None = None
    function_url_auth_type: str | None = None
    principal_org_id: str | None = msgspec.field(default=None, name="PrincipalOrgID")
    invoked_via_function_url: bool | None = None
    revision_id: str | None = None

    def statement(self, arn: str) -> dict[str, Any]:
        """As it stands in the policy."""
        v = Violations()
        v.length("statementId", self.statement_id, 1, 100)
        v.pattern("statementId", self.statement_id, r"([a-zA-Z0-9-_]+)")
        v.pattern("action", self.action, r"(lambda:[*]|lambda:[a-zA-Z]+|[*])")
        v.choice("functionUrlAuthType", self.function_url_auth_type, ["NONE", "AWS_IAM"])
        v.check()
        conditions: dict[str, dict[str, Any]] = {}
        for operator, key, value in (
            ("ArnLike", "AWS:SourceArn", self.source_arn),
            ("StringEquals", "AWS:SourceAccount", self.source_account),
            ("StringEquals", "lambda:EventSourceToken", self.event_source_token),
            ("StringEquals", "lambda:FunctionUrlAuthType", self.function_url_auth_type),
            ("StringEquals", "aws:PrincipalOrgID", self.principal_org_id),
            ("Bool", "lambda:InvokedViaFunctionUrl", self.invoked_via_function_url),
        ):
            if value is not None:
                conditions.setdefault(operator, {})[key] = value
        statement: dict[str, Any] = {
            "Sid": self.statement_id,
            "Effect": "Allow",
            "Principal": _principal(self.principal),
            "Action": self.action,
            "Resource": arn,
        }
        if conditions:
            statement["Condition"] = conditions
        return statement


@lambda_.route("POST", FUNCTIONS + "/{}/policy")
async def add_permission(call: Call, label: str) -> Response:
    """Say that somebody may invoke it."""
    request = decode(call, AddPermissionRequest)
    namespace, name = locate_label(call, label)
    call.broker.functions.find(namespace, name)
    policy = call.broker.registry.resources(namespace).function_policies.get(name)
    _check_revision(policy, request.revision_id)
    statements = policy.statements if policy is not None else ()
    if any(json.loads(text)["Sid"] == request.statement_id for text in statements):
        raise StatementExists(
            f"The statement id ({request.statement_id}) provided already exists. Please provide a "
            "new statement id, or remove the existing statement."
        )
    text = json.dumps(request.statement(namespace.arn("lambda", f"function:{name}")))
    await call.broker.function_definitions.put_policy(namespace, name, (*statements, text))
    return answer(call, {"Statement": text}, 201)


@lambda_.route("GET", FUNCTIONS + "/{}/policy")
async def get_policy(call: Call, label: str) -> Response:
    """All statements."""
    namespace, name = locate_label(call, label)
    policy = call.broker.function_definitions.policy(namespace, name)
    return answer(call, {"Policy": _text(policy), "RevisionId": policy.revision_id})


@lambda_.route("DELETE", FUNCTIONS + "/{}/policy/{}")
async def remove_permission(call: Call, label: str, statement_id: str) -> Response:
    """Take one statement back."""
    namespace, name = locate_label(call, label)
    policy = call.broker.function_definitions.policy(namespace, name)
    _check_revision(policy, call.request.query.get("RevisionId"))
    left = tuple(text for text in policy.statements if json.loads(text)["Sid"] != statement_id)
    if len(left) == len(policy.statements):
        raise StatementDoesNotExist(f"Statement {statement_id} is not found in resource policy.")
    await call.broker.function_definitions.put_policy(namespace, name, left)
    return answer(call, None, 204)


def _check_revision(policy: FunctionPolicy | None, revision_id: str | None) -> None:
    if revision_id is not None and (policy is None or policy.revision_id != revision_id):
        raise PreconditionFailed


def _principal(text: str) -> Any:
    if text == "*":
        return "*"
    if text.endswith(".amazonaws.com") or text.endswith(".amazon.com"):
        return {"Service": text}
    return {"AWS": f"arn:aws:iam::{text}:root" if text.isdigit() else text}


def _text(policy: FunctionPolicy) -> str:
    statements = [json.loads(text) for text in policy.statements]
    return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements})
