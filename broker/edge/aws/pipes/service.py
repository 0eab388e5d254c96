"""EventBridge Pipes as a REST service, and how its errors look"""

import re
from collections.abc import Mapping
from typing import Any

from broker.core import errors
from broker.edge.aws.rest import RestService
from broker.edge.aws.service import Wire

__all__ = ["pipes"]

_VALIDATION = Wire(400, "ValidationException")
_CONFLICT = Wire(409, "ConflictException")


def _document(_: Wire, message: str, members: Mapping[str, Any]) -> dict[str, Any]:
    return {**members, "message": message}


def _details(error: errors.BrokerError) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    if isinstance(error, errors.PipeExists):
        return {"resourceId": error.details["name"], "resourceType": "pipe"}, []
    return {}, []


pipes = RestService(
    "pipes",
    re.compile(rb"/v1/pipes(/.*)?"),
    {
        errors.InvalidParameter: _VALIDATION,
        errors.NotSupported: _VALIDATION,
        errors.PipeDoesNotExist: Wire(404, "NotFoundException"),
        errors.PipeExists: _CONFLICT,
        errors.RecordChanged: _CONFLICT,
        errors.LimitExceeded: Wire(402, "ServiceQuotaExceededException"),
        errors.StoreFull: Wire(429, "ThrottlingException"),
        errors.StoreUnavailable: Wire(503, "InternalException"),
        errors.StoreFailed: Wire(500, "InternalException"),
    },
    "InternalException",
    _document,
    _details,
)
