"""EventBridge Scheduler as a REST service, and how its errors look"""

import re

from broker.core import errors
from broker.edge.aws.rest import RestService
from broker.edge.aws.service import Wire

__all__ = ["scheduler"]

_VALIDATION = Wire(400, "ValidationException")
_CONFLICT = Wire(409, "ConflictException")
_NOT_FOUND = Wire(404, "ResourceNotFoundException")

scheduler = RestService(
    "scheduler",
    re.compile(rb"/schedules(/.*)?|/schedule-groups(/.*)?"),
    {
        errors.InvalidParameter: _VALIDATION,
        errors.NotSupported: _VALIDATION,
        errors.ScheduleDoesNotExist: _NOT_FOUND,
        errors.ScheduleGroupDoesNotExist: _NOT_FOUND,
        errors.ScheduleExists: _CONFLICT,
        errors.ScheduleGroupExists: _CONFLICT,
        errors.RecordChanged: _CONFLICT,
        errors.LimitExceeded: Wire(402, "ServiceQuotaExceededException"),
        errors.StoreFull: Wire(429, "ThrottlingException"),
        errors.StoreUnavailable: Wire(503, "InternalServerException"),
        errors.StoreFailed: Wire(500, "InternalServerException"),
    },
    "InternalServerException",
)
