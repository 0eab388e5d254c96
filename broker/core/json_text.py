"""JSON that somebody else wrote: its value, or one error whatever is wrong with it"""

from typing import Any

import msgspec


class InvalidJson(ValueError):
    """The text is no JSON, no UTF-8, or nested too deeply to be read."""


def parse_json(text: str | bytes) -> Any:
    """The value that the text holds. Raises: InvalidJson."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidJson(str(error)) from None
    except RecursionError:
        raise InvalidJson("JSON is nested too deeply") from None
