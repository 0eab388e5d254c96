"""Lambda as a REST service, and how its errors look"""

import re
from collections.abc import Mapping
from typing import Any

from broker.core import errors
from broker.core.errors import BrokerError
from broker.edge.aws.rest import RestService
from broker.edge.aws.service import Wire

__all__ = ["lambda_"]

_INVALID = Wire(400, "InvalidParameterValueException")
_CAPITAL_MESSAGE = (
    "ResourceNotFoundException",
    "ServiceException",
    "RecursiveInvocationException",
)


def _document(wire: Wire, message: str, members: Mapping[str, Any]) -> dict[str, Any]:
    key = "Message" if wire.shape in _CAPITAL_MESSAGE else "message"
    return {"Type": "User" if wire.status < 500 else "Service", **members, key: message}


def _details(error: BrokerError) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    if not isinstance(error, errors.TooManyRequests):
        return {}, []
    retry_after_s = max(1, round(error.details["retry_after_s"]))
    return {"Reason": error.details["reason"]}, [("Retry-After", str(retry_after_s))]


lambda_ = RestService(
    "lambda",
    re.compile(rb"/20[0-9]{2}-[0-9]{2}-[0-9]{2}/.*"),
    {
        errors.FunctionDoesNotExist: Wire(404, "ResourceNotFoundException"),
        errors.AliasDoesNotExist: Wire(404, "ResourceNotFoundException"),
        errors.FunctionPolicyDoesNotExist: Wire(404, "ResourceNotFoundException"),
        errors.StatementDoesNotExist: Wire(404, "ResourceNotFoundException"),
        errors.FunctionUrlDoesNotExist: Wire(404, "ResourceNotFoundException"),
        errors.FunctionUrlExists: Wire(409, "ResourceConflictException"),
        errors.FunctionExists: Wire(409, "ResourceConflictException"),
        errors.AliasExists: Wire(409, "ResourceConflictException"),
        errors.StatementExists: Wire(409, "ResourceConflictException"),
        errors.ResourceInUse: Wire(409, "ResourceConflictException"),
        errors.PreconditionFailed: Wire(412, "PreconditionFailedException"),
        errors.CodeTooLarge: Wire(413, "RequestEntityTooLargeException"),
        errors.UploadForbidden: Wire(403, "AccessDeniedException"),
        errors.MappingDoesNotExist: Wire(404, "ResourceNotFoundException"),
        errors.MappingExists: Wire(409, "ResourceConflictException"),
        errors.RecordChanged: Wire(409, "ResourceConflictException"),
        errors.InvalidParameter: _INVALID,
        errors.InvalidPayload: Wire(400, "InvalidRequestContentException"),
        errors.PayloadTooLarge: Wire(413, "RequestEntityTooLargeException"),
        errors.TooManyRequests: Wire(429, "TooManyRequestsException"),
        errors.RecursiveInvocation: Wire(400, "RecursiveInvocationException"),
        errors.InvokerFailed: Wire(502, "ServiceException"),
        errors.NotSupported: _INVALID,
        errors.StoreFull: Wire(503, "ServiceException"),
        errors.StoreUnavailable: Wire(503, "ServiceException"),
        errors.StoreFailed: Wire(500, "ServiceException"),
    },
    "ServiceException",
    _document,
    _details,
)
