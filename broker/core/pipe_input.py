"""the text that a pipe hands on of an event: all of it, or a template with paths into it"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.event_path import MISSING, InvalidEventPath, compile_path
from broker.core.input_template import InputTemplate
from broker.core.limits import PIPE_INPUT_CHARS_MAX
from broker.core.message import iso_time
from broker.core.sqs_record import taken_apart

__all__ = ["PipeOccasion", "check_pipe_input", "pipe_value", "pipe_value_check", "piped"]


@dataclass(frozen=True, slots=True)
class PipeOccasion:
    """A batch on its way through a pipe."""

    pipe_arn: str
    pipe_name: str
    source_arn: str
    enrichment_arn: str
    target_arn: str
    now_ms: int


def piped(template: str | None, event: Any, occasion: PipeOccasion) -> str:
    """What is handed on of an event, as JSON. Raises: TransformationFailed."""
    if not template:
        return msgspec.json.encode(event).decode()
    parsed = taken_apart(event)

    def value_of(name: str) -> Any:
        if name.startswith("$"):
            return compile_path(name)(parsed)
        return _RESERVED[name](event, occasion)

    return InputTemplate(template).fill(value_of)


def pipe_value(text: str, event: Any) -> str:
    """A constant, or what a path that begins with `$.` finds in the event; "" for nothing."""
    if not text.startswith("$."):
        return text
    found = compile_path(text)(taken_apart(event))
    if found is MISSING or found is None:
        return ""
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()


def pipe_value_check(member: str, text: str | None) -> None:
    """Raises: InvalidParameter, if it is a path and none that is understood."""
    if text is not None and text.startswith("$."):
        _check_path(member, text)


def check_pipe_input(member: str, template: str | None) -> None:
    """Raises: InvalidParameter, for a template that could never be filled in."""
    if template is None:
        return
    if len(template) > PIPE_INPUT_CHARS_MAX:
        raise InvalidParameter(f"{member} may have {PIPE_INPUT_CHARS_MAX} characters.")
    parsed = InputTemplate(template)
    if template and not parsed.can_be_filled:
        raise InvalidParameter(f"{member} makes no JSON, whatever the event: {template}")
    for name in parsed.names:
        if name.startswith("$"):
            _check_path(member, name)
        elif name not in _RESERVED:
            raise InvalidParameter(f"{member} contains invalid placeholder {name}.")


def _check_path(member: str, path: str) -> None:
    try:
        compile_path(path)
    except InvalidEventPath as error:
        raise InvalidParameter(f"{member} is not valid: {error}.") from None


_RESERVED: dict[str, Callable[[Any, PipeOccasion], Any]] = {
    "aws.pipes.pipe-arn": lambda _, occasion: occasion.pipe_arn,
    "aws.pipes.pipe-name": lambda _, occasion: occasion.pipe_name,
    "aws.pipes.source-arn": lambda _, occasion: occasion.source_arn,
    "aws.pipes.enrichment-arn": lambda _, occasion: occasion.enrichment_arn,
    "aws.pipes.target-arn": lambda _, occasion: occasion.target_arn,
    "aws.pipes.event.ingestion-time": lambda _, occasion: iso_time(occasion.now_ms),
    "aws.pipes.event": lambda event, _: event,
    "aws.pipes.event.json": lambda event, _: taken_apart(event),
}
