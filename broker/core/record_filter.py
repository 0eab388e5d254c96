"""the filter criteria of pipes and event source mappings, by the router's matcher"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from broker.core.commands import Received
from broker.core.errors import InvalidParameter
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import FILTER_CHARS_MAX, FILTERS_MAX
from broker.core.message import decode, rendered
from broker.core.names import Namespace
from broker.core.pattern import InvalidEventPattern, Matcher, parse
from broker.core.resources import BatchSource
from broker.core.sqs_record import sqs_record, taken_apart

__all__ = ["Records", "check_filters", "filtered"]

Records = list[tuple[Received, dict[str, Any]]]  # messages, and how functions and pipes see them

_PLAIN_ONLY = ("prefix", "suffix", "equals-ignore-case", "wildcard")


class _RecordFilter:
    """Patterns of which one has to match."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._matcher = Matcher((index, parse(text)) for index, text in enumerate(patterns))

    def wants(self, record: dict[str, Any]) -> bool:
        """Whether a record matches; without any pattern each does."""
        return not len(self._matcher) or bool(self._matcher.matching(taken_apart(record)))


@lru_cache(maxsize=1_000)
def _record_filter(patterns: tuple[str, ...]) -> _RecordFilter:
    return _RecordFilter(patterns)


def filtered(
    batch: Sequence[Received], source: BatchSource, namespace: Namespace, origin: str
) -> tuple[Records, list[Received]]:
    """The messages that a source's filters want, as records; and those that they don't want.

    `origin` is where receivers find the broker, for what is rendered.
    """
    wanted = _record_filter(source.filters)
    records: Records = []
    unwanted: list[Received] = []
    for one in batch:
        message = rendered(decode(one.body), one.via, origin)
        record = sqs_record(one, message, namespace, source.arn)
        if wanted.wants(record):
            records.append((one, record))
        else:
            unwanted.append(one)
    return records, unwanted


def check_filters(patterns: Sequence[str]) -> None:
    """Raises: InvalidParameter, for what the language of these filters hasn't.

    It is that of rules, less `wildcard` and any `anything-but` of a part of the value.
    """
    if len(patterns) > FILTERS_MAX:
        raise InvalidParameter(f"There can be at most {FILTERS_MAX} filters.")
    for text in patterns:
        if len(text) > FILTER_CHARS_MAX:
            raise InvalidParameter(f"A filter pattern may have {FILTER_CHARS_MAX} characters.")
        try:
            document = parse_json(text)
            parse(text)
        except (InvalidEventPattern, InvalidJson) as error:
            raise InvalidParameter(f"Invalid filter pattern specified: {error}") from None
        operator = _refused(document)
        if operator:
            raise InvalidParameter(
                f"Invalid filter pattern specified: {operator} is not supported in filters"
            )


def _refused(value: Any) -> str:
    """The first operator that rules have and filters haven't; "" if there is none.

    Operators stand in the objects within arrays; `$or` is the one array that holds patterns.
    """
    if isinstance(value, dict):
        for key, each in value.items():
            found = _refused(each) if isinstance(each, dict) or key == "$or" else ""
            if not found and isinstance(each, list) and key != "$or":
                found = next(filter(None, map(_refused_operator, each)), "")
            if found:
                return found
    elif isinstance(value, list):
        return next(filter(None, map(_refused, value)), "")
    return ""


def _refused_operator(alternative: Any) -> str:
    if not isinstance(alternative, dict):
        return ""
    if "wildcard" in alternative:
        return "wildcard"
    excluded = alternative.get("anything-but")
    if isinstance(excluded, dict) and any(each in excluded for each in _PLAIN_ONLY):
        return f"anything-but with {next(iter(excluded))}"
    return ""
