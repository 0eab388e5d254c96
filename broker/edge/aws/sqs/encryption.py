"""attributes of server-side encryption: kept and returned, for encryption at rest is the disk's

SQS has two kinds, of which a queue has at most one: its own (SqsManagedSseEnabled, the default) and
KMS's. No key is ever asked for, so no error of KMS is ever answered.
"""

import re
from collections.abc import Mapping

from broker.core.errors import InvalidAttributeName, InvalidAttributeValue
from broker.core.limits import KMS_REUSE_S_DEFAULT, KMS_REUSE_S_MAX, KMS_REUSE_S_MIN

MANAGED, KEY, REUSE = "SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"
NAMES = (MANAGED, KEY, REUSE)

_REUSE_DEFAULT = str(KMS_REUSE_S_DEFAULT)
_KEY = re.compile(r"[A-Za-z0-9:/_-]{1,2048}")  # an id, an alias, or an ARN of either
_DIGITS = re.compile(r"[0-9]{1,10}")


def changed(kept: Mapping[str, str], attributes: Mapping[str, str]) -> dict[str, str]:
    """What is kept once these attributes are set: only what differs from the defaults.

    Raises: InvalidAttributeName, InvalidAttributeValue.
    """
    result = {name: kept[name] for name in NAMES if name in kept}
    for name in NAMES:
        value = attributes.get(name)
        if value is None:
            continue
        if not _is_valid(name, value):
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
        if value in ("", _REUSE_DEFAULT):
            result.pop(name, None)
        else:
            result[name] = value
    if KEY in result:
        if attributes.get(MANAGED) == "true":
            raise InvalidAttributeName(
                "You can use one type of server-side encryption (SSE) at one time. "
                "You can either enable KMS SSE or SQS SSE."
            )
        result.pop(MANAGED, None)
    elif result.get(MANAGED) == "true":
        del result[MANAGED]
    return result


def shown(kept: Mapping[str, str]) -> dict[str, str]:
    """The attributes as they are returned."""
    return {MANAGED: "false" if KEY in kept else "true", **kept}


def _is_valid(name: str, value: str) -> bool:
    if name == MANAGED:
        return value in ("true", "false")
    if not value:  # back to the default
        return True
    if name == KEY:
        return _KEY.fullmatch(value) is not None
    return _DIGITS.fullmatch(value) is not None and KMS_REUSE_S_MIN <= int(value) <= KMS_REUSE_S_MAX
