"""event patterns: parse, match, explain; the language of rules and filter policies"""

from broker.core.pattern.complexity import parse_given
from broker.core.pattern.errors import InvalidEvent, InvalidEventPattern
from broker.core.pattern.event import RepeatedKeys, parse_event
from broker.core.pattern.explain import FailedClause, explain
from broker.core.pattern.language import Pattern, plain
from broker.core.pattern.matcher import Matcher
from broker.core.pattern.naive import matches
from broker.core.pattern.parse import parse

__all__ = [
    "FailedClause",
    "InvalidEvent",
    "InvalidEventPattern",
    "Matcher",
    "Pattern",
    "RepeatedKeys",
    "explain",
    "matches",
    "parse",
    "parse_event",
    "parse_given",
    "plain",
]
