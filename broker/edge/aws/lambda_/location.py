"""which function a request is about"""

from broker.core import errors
from broker.core.names import ACCOUNT, FUNCTION_NAME, PARTITION, Namespace, label_of
from broker.edge.aws.service import Call

__all__ = ["Location", "locate", "locate_function", "locate_label"]

Location = tuple[Namespace, str, str | None]
"""Namespace, name of the function, qualifier if one was given."""


def locate(call: Call, text: str) -> Location:
    """What a label and the request's qualifier name.

    A label is a name, `name:qualifier`, `account:function:name` or an ARN. Without account it is of
    the request's. Raises: InvalidParameter, FunctionDoesNotExist for an ARN of another region.
    """
    namespace = call.namespace
    qualifier = call.request.query.get("Qualifier")
    parts = text.split(":")
    if len(parts) >= 7 and parts[:3] == ["arn", PARTITION, "lambda"]:
        region = parts[3]
        if region != namespace.region:
            raise errors.FunctionDoesNotExist(
                f"Functions from '{region}' are not reachable in this region ('{namespace.region}')"
            )
        parts = parts[4:]
    if len(parts) >= 3 and ACCOUNT.fullmatch(parts[0]) and parts[1] == "function":
        namespace = Namespace(parts[0], namespace.region)
        parts = parts[2:]
    if len(parts) > 2 or not FUNCTION_NAME.fullmatch(parts[0]):
        raise errors.InvalidParameter(
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern"
        )
    suffix = parts[1] if len(parts) == 2 else None
    if suffix is not None and qualifier is not None and suffix != qualifier:
        raise errors.InvalidParameter(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return namespace, parts[0], suffix or qualifier


def locate_label(call: Call, text: str) -> tuple[Namespace, str]:
    """The namespace and the label of a function, a version or an alias; see `label_of`."""
    namespace, name, qualifier = locate(call, text)
    return namespace, label_of(name, qualifier)


def locate_function(call: Call, text: str) -> tuple[Namespace, str]:
    """The namespace and the name, where no version but $LATEST can be meant.

    Raises: InvalidParameter, for another qualifier.
    """
    namespace, name, qualifier = locate(call, text)
    if qualifier not in (None, "$LATEST"):
        raise errors.InvalidParameter(
            f"This operation is for the function itself, not for {name}:{qualifier}."
        )
    return namespace, name
