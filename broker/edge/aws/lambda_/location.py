"""which function a request is about"""

from broker.core import errors
from broker.core.names import ACCOUNT, FUNCTION_NAME, PARTITION, Namespace
from broker.edge.aws.service import Call

__all__ = ["locate_function"]


def locate_function(call: Call, label: str) -> tuple[Namespace, str]:
    """The namespace and the function that a label and the request's qualifier name.

    A label is a name, `name:qualifier`, `account:function:name` or an ARN. Without account it is of
    the request's. Raises: InvalidParameter, FunctionDoesNotExist for an ARN of another region,
    NotSupported for any version but $LATEST.
    """
    namespace = call.namespace
    qualifier = call.request.query.get("Qualifier")
    parts = label.split(":")
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
            f"1 validation error detected: Value '{label}' at 'functionName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern"
        )
    suffix = parts[1] if len(parts) == 2 else None
    if suffix is not None and qualifier is not None and suffix != qualifier:
        raise errors.InvalidParameter(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    chosen = suffix or qualifier
    if chosen not in (None, "$LATEST"):
        raise errors.NotSupported(f"Versions and aliases are not supported: {chosen}.")
    return namespace, parts[0]
