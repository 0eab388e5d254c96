"""JSON that SNS is given in an attribute: its value, or SNS's own words on why it is none

SNS tells what its JSON reader, Jackson, said, and where. The words for the common faults are
Jackson's; for the others they are ours, at the right place.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from broker.core.json_text import InvalidJson
from broker.core.pattern.located import NumberText

__all__ = ["Members", "parse_sns_json"]

_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_EXPECTED = {
    "Expecting property name enclosed in double quotes": (
        "was expecting double-quote to start field name"
    ),
    "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
    "Expecting ',' delimiter": "was expecting comma to separate entries",
    "Expecting value": f"expected a valid value {_VALUES}",
    "Extra data": "expected nothing behind the value",
}
_INTEGER = re.compile("-?[0-9]{1,9}")
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def parse_sns_json(text: str) -> Any:
    """The value that the text holds, its numbers as they were written.

    Of repeated keys the last value counts. Raises: InvalidJson, with the text that SNS puts behind
    the attribute's name.
    """
    try:
        return json.loads(
            text, parse_int=NumberText, parse_float=NumberText, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise InvalidJson(_told(error, text)) from None
    except RecursionError:
        raise InvalidJson("failed to parse JSON. It nests too deeply") from None


@dataclass(frozen=True, slots=True)
class Members:
    """The members of an object, null being as good as absent.

    Every method raises InvalidJson, which names the member by its path.
    """

    path: str  # with the dot behind it; of the document, empty
    values: dict[str, Any]

    @classmethod
    def of(cls, value: Any, path: str, known: frozenset[str]) -> "Members":
        """The members of what `parse_sns_json` gave, none of them unknown."""
        if not isinstance(value, dict):
            _refuse(f"{path or 'the policy'} must be a JSON object")
        for name in value:
            if name not in known:
                _refuse(f"Unexpected JSON member: {name}")
        return cls(f"{path}." if path else "", value)

    def members(self, name: str, known: frozenset[str]) -> "Members | None":
        """The members of an object within."""
        value = self.values.get(name)
        return None if value is None else Members.of(value, self.path + name, known)

    def integer(self, name: str, at_least: int, at_most: int | None = None) -> int | None:
        """An integer within bounds, of at most nine digits."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, NumberText) or not _INTEGER.fullmatch(value.text):
            _refuse(f"{self.path}{name} must be an integer")
        number = int(value.text)
        if number < at_least:
            _refuse(f"{self.path}{name} must be greater than or equal to {at_least}")
        if at_most is not None and number > at_most:
            _refuse(f"{self.path}{name} must be less than or equal to {at_most}")
        return number

    def needed(self, name: str, at_least: int, at_most: int | None = None) -> int:
        """An integer that has to be there."""
        number = self.integer(name, at_least, at_most)
        if number is None:
            _refuse(f"{self.path}{name} must be specified")
        return number

    def boolean(self, name: str) -> bool:
        """A literal; absent is false."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            _refuse(f"{self.path}{name} must be true or false")
        return bool(value)

    def string(self, name: str) -> str | None:
        """A string."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            _refuse(f"{self.path}{name} must be a string")
        return value

    def only(self, name: str, allowed: bool | None) -> None:
        """Refuse any value but this one."""
        value = self.values.get(name)
        if value is not None and value is not allowed:
            _refuse(f"{self.path}{name} must be {json.dumps(allowed)}")


def _told(error: json.JSONDecodeError, text: str) -> str:
    at = error.pos
    word = _WORD.match(text, at)
    if at >= len(text):
        reason = "Unexpected end-of-input"
    elif error.msg == "Expecting value" and word:
        reason = f"Unrecognized token '{word.group()}': was expecting {_VALUES}"
        at = word.end()
    else:
        expected = _EXPECTED.get(error.msg, error.msg)
        reason = f"Unexpected character ('{text[at]}' (code {ord(text[at])})): {expected}"
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return (
        f"failed to parse JSON. {reason}\n at [Source: REDACTED "
        "(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "
        f"line: {line}, column: {column}]"
    )


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"failed to parse JSON. Non-standard token '{name}'")


def _refuse(reason: str) -> NoReturn:
    raise InvalidJson(reason)
