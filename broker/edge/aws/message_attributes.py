"""message attributes as SQS and SNS write them: checked, measured, and as they are stored"""

import re
from collections.abc import Mapping

from broker.core.errors import InvalidMessageContents, InvalidParameter
from broker.core.limits import MESSAGE_ATTRIBUTES_MAX
from broker.core.message import Attributes, MessageAttribute, md5_of_attributes
from broker.edge.aws.service import Members

_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\r")
_NO_XML = ("\ufffe".encode(), "\uffff".encode())
_ATTRIBUTE_NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)


class MessageAttributeValue(Members, kw_only=True):
    """A message attribute as SQS and SNS write it."""

    data_type: str
    string_value: str | None = None
    binary_value: bytes | None = None


def to_attributes(given: Mapping[str, MessageAttributeValue] | None) -> Attributes:
    """The attributes, checked. Raises: InvalidParameter, InvalidMessageContents."""
    if not given:
        return {}
    if len(given) > MESSAGE_ATTRIBUTES_MAX:
        raise InvalidParameter(
            f"Number of message attributes [{len(given)}] exceeds the allowed maximum "
            f"[{MESSAGE_ATTRIBUTES_MAX}]."
        )
    return {name: _to_attribute(name, value) for name, value in given.items()}


def _to_attribute(name: str, value: MessageAttributeValue) -> MessageAttribute:
    if not _ATTRIBUTE_NAME.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
        raise InvalidParameter(f"Message (user) attribute name '{name}' is invalid.")
    kind = _DATA_TYPE.fullmatch(value.data_type)
    if kind is None or len(value.data_type) > 256:
        raise InvalidParameter(
            f"The message attribute '{name}' has an invalid message attribute type, the set of "
            "supported type prefixes is Binary, Number, and String."
        )
    field = "Binary" if kind[1] == "Binary" else "String"
    content: str | bytes | None = value.string_value
    other: str | bytes | None = value.binary_value
    if field == "Binary":
        content, other = other, content
    if not content:
        raise InvalidParameter(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{field}'."
        )
    if other:
        raise InvalidParameter(
            f"The message attribute '{name}' with type '{kind[1]}' must use field '{field}'."
        )
    if isinstance(content, bytes):
        return MessageAttribute(value.data_type, binary_value=content)
    check_characters(content)
    if kind[1] == "Number":
        _check_number(name, content)
    return MessageAttribute(value.data_type, string_value=content)


def _check_number(name: str, text: str) -> None:
    if not _NUMBER.fullmatch(text):
        raise InvalidParameter(
            f"Can't cast the value of message (user) attribute '{name}' to a number."
        )


def attributes_bytes(attributes: Attributes) -> int:
    """What the attributes add to a message's size."""
    return sum(
        len(name.encode())
        + len(a.data_type.encode())
        + len(a.binary_value if a.binary_value is not None else (a.string_value or "").encode())
        for name, a in attributes.items()
    )


def check_characters(text: str) -> None:
    """Raises: InvalidMessageContents, for what XML 1.0 doesn't allow."""
    checked_bytes(text)


def checked_bytes(text: str) -> bytes:
    """The text in UTF-8. Raises: InvalidMessageContents, for what XML 1.0 doesn't allow."""
    try:
        data = text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise _invalid_characters() from None
    # All at once, which takes a quarter of the time of looking at each character.
    if len(data.translate(None, _CONTROLS)) != len(data):
        raise _invalid_characters()
    if len(data) != len(text) and any(each in data for each in _NO_XML):  # not in ASCII
        raise _invalid_characters()
    return data


def _invalid_characters() -> InvalidMessageContents:
    return InvalidMessageContents(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
        "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )


def md5_of(attributes: Attributes | None) -> str | None:
    """The hex MD5 that SDKs verify; None if there is nothing to verify."""
    return md5_of_attributes(attributes) if attributes else None
