"""message attributes as SNS takes them: the form is SQS's, the errors are its own"""

from collections.abc import Mapping

from broker.core.errors import InvalidAttributeValue, InvalidParameter
from broker.core.message import Attributes
from broker.edge.aws.message_attributes import MessageAttributeValue, to_attributes
from broker.edge.aws.service import Members

NAME_BYTES_MAX = 256


class UntypedAttribute(InvalidParameter):
    """An attribute came without its type."""


class PublishAttributeValue(Members, kw_only=True):
    """A message attribute as it is published."""

    data_type: str | None = None
    string_value: str | None = None
    binary_value: bytes | None = None


def published_attributes(given: Mapping[str, PublishAttributeValue] | None) -> Attributes:
    """The attributes, checked.

    Raises: UntypedAttribute, InvalidAttributeValue, InvalidMessageContents.
    """
    if not given:
        return {}
    typed = {name: _typed(name, value) for name, value in given.items()}
    try:
        return to_attributes(typed)
    except InvalidParameter as error:
        raise InvalidAttributeValue(error.message) from None


def _typed(name: str, value: PublishAttributeValue) -> MessageAttributeValue:
    if not value.data_type:
        raise UntypedAttribute(
            "1 validation error detected: Value null at "
            f"'messageAttributes.{name}.member.dataType' failed to satisfy constraint: "
            "Member must not be null"
        )
    if len(name.encode()) > NAME_BYTES_MAX:
        raise InvalidAttributeValue(
            f"Length of message attribute name must be less than {NAME_BYTES_MAX} bytes."
        )
    if ".." in name:
        raise InvalidAttributeValue("Message attribute name can not have successive '.' character.")
    kind = value.data_type.partition(".")[0]
    if kind in ("String", "Number", "Binary"):
        field: str | bytes | None = value.string_value
        other: str | bytes | None = value.binary_value
        if kind == "Binary":
            field, other = other, field
        use = "Binary" if kind == "Binary" else "String"
        if not field and other:
            raise InvalidAttributeValue(
                f"The message attribute '{name}' with type '{kind}' must use field '{use}'."
            )
        if not field:
            raise InvalidAttributeValue(
                f"The message attribute '{name}' must contain non-empty message attribute value "
                f"for message attribute type '{value.data_type}'."
            )
    return MessageAttributeValue(
        data_type=value.data_type,
        string_value=value.string_value,
        binary_value=value.binary_value,
    )
