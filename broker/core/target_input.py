"""the text that a rule's target gets of an event: all of it, a part, a constant, or a template"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from broker.core.cloudevent import (
    HttpContent,
    binary_content,
    cloud_event,
    structured_content,
)
from broker.core.errors import BrokerError, InvalidParameter
from broker.core.event_path import MISSING, EventPath, InvalidEventPath, compile_path
from broker.core.input_template import InputTemplate, TransformationFailed
from broker.core.json_text import InvalidJson, parse_json
from broker.core.jsonata_template import compile_jsonata, jsonata_text
from broker.core.limits import (
    INPUT_CHARS_MAX,
    INPUT_PATH_CHARS_MAX,
    INPUT_PATH_NAME_CHARS_MAX,
    INPUT_PATHS_MAX,
)
from broker.core.message import iso_time
from broker.core.resources import InputTransformer, Target

__all__ = [
    "Occasion",
    "TargetInput",
    "check_input",
    "cloud_event_content",
    "is_binary_cloud_event",
    "target_input",
]

CLOUD_EVENT = "<broker.cloudevent>"
BINARY_CLOUD_EVENT = "<broker.cloudevent.binary>"  # a template that is all of this

_PATH_NAME = re.compile(rf"[A-Za-z0-9_\-]{{1,{INPUT_PATH_NAME_CHARS_MAX}}}")


@dataclass(frozen=True, slots=True)
class Occasion:
    """An event that a rule sends to a target."""

    event: dict[str, Any]
    json: str  # the same, as text
    rule_arn: str
    ingested_ms: int


TargetInput = Callable[[Occasion], str]
"""Makes the target's text. Raises: TransformationFailed."""


def check_input(target: Target) -> None:
    """Raises: InvalidParameter, for an input that could never be made."""
    given = (target.input, target.input_path, target.input_transformer)
    if sum(each is not None for each in given) > 1:
        raise InvalidParameter(
            "Only one of Input, InputPath, or InputTransformer must be provided for target "
            f"{target.id}."
        )
    if target.input is not None:
        _check_constant(target.input, target.id)
    if target.input_path is not None:
        _check_path(target.input_path, f"InputPath for target {target.id}")
    if target.input_transformer is not None:
        _check_transformer(target.input_transformer, target.id)


def is_binary_cloud_event(target: Target) -> bool:
    """Whether the target is to get events as CloudEvents in binary mode, which only HTTP has."""
    return _template(target) == BINARY_CLOUD_EVENT


def cloud_event_content(target: Target, event: dict[str, Any]) -> HttpContent | None:
    """The event as an API destination gets it whose template is all CloudEvent; else None."""
    template = _template(target)
    if template == BINARY_CLOUD_EVENT:
        return binary_content(event)
    return structured_content(event) if template == CLOUD_EVENT else None


def _template(target: Target) -> str:
    return target.input_transformer.template.strip() if target.input_transformer else ""


def target_input(target: Target) -> TargetInput | None:
    """What makes the text of a target that was checked; None if it gets the event as it is."""
    if target.input is not None:
        constant = target.input
        return lambda _: constant
    if target.input_path is not None:
        if target.input_path == "$":
            return None
        path = compile_path(target.input_path)
        return lambda occasion: _part(path, occasion)
    if target.input_transformer is not None:
        return _transformed(target.input_transformer)
    return None


def _part(path: EventPath, occasion: Occasion) -> str:
    value = path(occasion.event)
    if value is MISSING:
        raise TransformationFailed("The event has nothing at the input path.")
    return msgspec.json.encode(value).decode()


def _transformed(transformer: InputTransformer) -> TargetInput:
    jsonata = jsonata_text(transformer.template)
    if jsonata is not None:
        return _by_jsonata(jsonata)
    template = InputTemplate(transformer.template)
    paths = {name: compile_path(path) for name, path in transformer.paths.items()}

    def make(occasion: Occasion) -> str:
        return template.fill(lambda name: _value(name, paths, occasion))

    return make


def _by_jsonata(text: str) -> TargetInput:
    def make(occasion: Occasion) -> str:
        try:
            made = compile_jsonata(text)
        except BrokerError as error:  # the library was there when the target was made
            raise TransformationFailed(error.message) from None
        return made(occasion.event)

    return make


def _value(name: str, paths: Mapping[str, EventPath], occasion: Occasion) -> Any:
    path = paths.get(name)
    return path(occasion.event) if path is not None else _RESERVED[name](occasion)


def _without_detail(occasion: Occasion) -> dict[str, Any]:
    """The event as `<aws.events.event>` has it."""
    event = {key: value for key, value in occasion.event.items() if key != "detail"}
    return {"detailType" if key == "detail-type" else key: event[key] for key in event}


_RESERVED: dict[str, Callable[[Occasion], Any]] = {
    "aws.events.rule-arn": lambda occasion: occasion.rule_arn,
    "aws.events.rule-name": lambda occasion: occasion.rule_arn.rpartition("/")[2],
    "aws.events.event.ingestion-time": lambda occasion: iso_time(occasion.ingested_ms),
    "aws.events.event": _without_detail,
    "aws.events.event.json": lambda occasion: occasion.event,
    CLOUD_EVENT[1:-1]: lambda occasion: cloud_event(occasion.event),
    BINARY_CLOUD_EVENT[1:-1]: lambda occasion: occasion.event["detail"],
}


def _check_constant(text: str, target_id: str) -> None:
    if len(text) > INPUT_CHARS_MAX:
        raise InvalidParameter(f"Input for target {target_id} is longer than {INPUT_CHARS_MAX}.")
    try:
        parse_json(text)
    except InvalidJson:
        raise InvalidParameter(f"Input for target {target_id} is not valid JSON.") from None


def _check_path(text: str, what: str) -> None:
    if len(text) > INPUT_PATH_CHARS_MAX:
        raise InvalidParameter(f"{what} is longer than {INPUT_PATH_CHARS_MAX}.")
    try:
        compile_path(text)
    except InvalidEventPath as error:
        raise InvalidParameter(f"{what} is not valid: {error}.") from None


def _check_transformer(transformer: InputTransformer, target_id: str) -> None:
    what = f"InputTransformer for target {target_id}"
    if len(transformer.paths) > INPUT_PATHS_MAX:
        raise InvalidParameter(f"{what} has more than {INPUT_PATHS_MAX} paths.")
    for name, path in transformer.paths.items():
        if not _PATH_NAME.fullmatch(name) or name.upper().startswith("AWS"):
            raise InvalidParameter(f"{what} has a path whose name is not valid: {name}.")
        _check_path(path, f"The path {name} of the {what}")
    if not 1 <= len(transformer.template) <= INPUT_CHARS_MAX:
        raise InvalidParameter(f"InputTemplate for target {target_id} is longer than allowed.")
    jsonata = jsonata_text(transformer.template)
    if jsonata is not None:
        if transformer.paths:
            raise InvalidParameter(f"{what} has paths, which JSONata has no use for.")
        compile_jsonata(jsonata)
        return
    for name in InputTemplate(transformer.template).names:
        alone = transformer.template.strip() == BINARY_CLOUD_EVENT
        if name == BINARY_CLOUD_EVENT[1:-1] and not alone:
            raise InvalidParameter(
                f"InputTemplate for target {target_id}: {BINARY_CLOUD_EVENT} stands alone."
            )
        if name not in transformer.paths and name not in _RESERVED:
            raise InvalidParameter(
                f"InputTemplate for target {target_id} contains invalid placeholder {name}."
            )
