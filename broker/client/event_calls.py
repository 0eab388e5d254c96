"""requests about events that were put, and about rules, described without I/O as in `calls`"""

from collections.abc import Mapping
from typing import Any

from broker.client.asking import Ask, get, json_reader, label, post
from broker.client.results import EventTrace, PatternMatch, RuleCost, RuleLint


def trace_event(event_id: str) -> Ask[EventTrace]:
    """Which rules an event matched, what that led to, and each attempt at delivering it."""
    return get(f"/v1/events/{label(event_id)}/trace", json_reader(EventTrace))


def why_not(
    event: str | Mapping[str, Any], rule: str, *, bus: str = "default"
) -> Ask[PatternMatch]:
    """Why a rule does not match an event: one that was put, by its id, or any, as an object."""
    if isinstance(event, str):
        path = f"/v1/events/{label(event)}/why-not"
        return get(path, json_reader(PatternMatch), {"rule": rule, "bus": bus})
    path = f"/v1/event-buses/{label(bus)}/rules/{label(rule)}/why-not"
    return post(path, {"event": event}, json_reader(PatternMatch))


def lint_rules(*, bus: str = "default") -> Ask[RuleLint]:
    """Rules that never match, that another shadows, that match nearly everything, or that cost."""
    return get(f"/v1/event-buses/{label(bus)}/lint", json_reader(RuleLint))


def rule_cost(rule: str, *, bus: str = "default") -> Ask[RuleCost]:
    """What a rule costs, as an estimate."""
    return get(f"/v1/event-buses/{label(bus)}/rules/{label(rule)}/cost", json_reader(RuleCost))


def test_event_pattern(
    pattern: str | Mapping[str, Any], event: Mapping[str, Any]
) -> Ask[PatternMatch]:
    """Whether an event matches a pattern, and why not."""
    document = {"pattern": pattern, "event": event}
    return post("/v1/event-patterns/test", document, json_reader(PatternMatch))
