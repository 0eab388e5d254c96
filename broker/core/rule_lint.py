"""what is wrong with rules though they are valid: never matching, shadowed, too broad, costly

It is seen in the rules alone, without events. A finding is certain but for `costly`, which is a
judgement; what isn't found may be there all the same.
"""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from broker.core.pattern import Pattern, parse
from broker.core.pattern.implication import implies
from broker.core.pattern.language import (
    Alternative,
    AnythingBut,
    Branch,
    Exact,
    Exists,
    Field,
    NumericRange,
    Prefix,
    Wildcard,
    spelled,
)
from broker.core.resources import Rule, Target

__all__ = ["PAIRS_MAX", "Finding", "RuleCost", "rule_cost", "rule_findings", "shadowed"]

PAIRS_MAX = 20_000  # of rules with a target in common that are compared
COSTLY_BRANCHES = 100

# Members of every event, and those that some have.
_ALWAYS = ("version", "id", "detail-type", "source", "account", "time", "region")
_TEXTS = (*_ALWAYS, "replay-name")
_MEMBERS = (*_TEXTS, "resources", "detail", "cloudevent")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at in a rule."""

    rule: str  # as it is kept: "<bus>|<name>"
    kind: str  # never, shadowed, broad or costly
    text: str


@dataclass(frozen=True, slots=True)
class RuleCost:
    """What a rule asks of an event; an estimate of what it costs."""

    branches: int  # ways to match: more than one with $or
    clauses: int  # alternatives in all
    asked_for: str  # which events it is tried on at all


def rule_findings(rule: Rule) -> Iterator[Finding]:
    """What is to be said of one rule that has a pattern."""
    pattern = parse(rule.event_pattern)
    reasons = [next(_impossible(branch), "") for branch in pattern.branches]
    if all(reasons):
        yield Finding(rule.name, "never", reasons[0])
        return
    for number, reason in enumerate(reasons, 1):
        if reason:
            text = f"branch {number} of {len(reasons)} never matches: {reason}"
            yield Finding(rule.name, "never", text)
    for branch in pattern.branches:
        if all(map(_is_weak, branch)):
            fields = ", ".join(field.path for field in branch)
            text = f"it matches nearly all events of the bus: it asks only for {fields}"
            yield Finding(rule.name, "broad", text)
            break
    yield from _costly(rule, pattern)


def rule_cost(rule: Rule) -> RuleCost:
    """An estimate of what the rule costs."""
    pattern = parse(rule.event_pattern)
    clauses = sum(len(field.alternatives) for branch in pattern.branches for field in branch)
    asked = dict.fromkeys(_asked_for(branch) for branch in pattern.branches)
    return RuleCost(len(pattern.branches), clauses, "; ".join(asked))


def shadowed(rules: Sequence[Rule]) -> Iterator[Finding | None]:
    """Rules all of whose events another rule sends to the same target too; None between pairs.

    Disabled rules send nothing. Of two rules with the same pattern the later by name is told.
    After PAIRS_MAX pairs it ends.
    """
    patterns: dict[str, Pattern] = {}
    by_target: dict[object, list[Rule]] = defaultdict(list)
    for rule in sorted(rules, key=lambda each: each.name):
        if rule.enabled and rule.event_pattern:
            patterns[rule.name] = parse(rule.event_pattern)
            for target in rule.targets:
                by_target[_sent(target)].append(rule)
    pairs = 0
    found: set[tuple[str, str]] = set()
    for group in by_target.values():
        for narrow, wide in _pairs(group):
            pairs += 1
            if pairs > PAIRS_MAX:
                return
            yield None
            pair = narrow.name, wide.name
            if pair in found or (wide.name, narrow.name) in found:
                continue
            if implies(patterns[narrow.name], patterns[wide.name]):
                found.add(pair)
                other = wide.name.partition("|")[2]
                text = f"every event that it matches, rule {other} sends to the same target too"
                yield Finding(narrow.name, "shadowed", text)


def _pairs(group: Sequence[Rule]) -> Iterator[tuple[Rule, Rule]]:
    for later in range(1, len(group)):
        for earlier in range(later):
            yield group[later], group[earlier]
            yield group[earlier], group[later]


def _sent(target: Target) -> object:
    transformer = target.input_transformer
    made = (transformer.template, *sorted(transformer.paths.items())) if transformer else None
    return target.arn, target.input, target.input_path, made, target.message_group_id


def _impossible(branch: Branch) -> Iterator[str]:
    """Why no event ever satisfies a field of the branch."""
    for field in branch:
        if Exists(False) in field.alternatives and field.path not in _ALWAYS:
            continue
        top, _, below = field.path.partition(".")
        if top not in _MEMBERS:
            close = difflib.get_close_matches(top, _MEMBERS, 1, 0.7)
            meant = close[0] if close else f"detail.{top}"
            yield f"an event has no member {top}; {meant} may be meant"
        elif top in _TEXTS and below:
            yield f"{top} is a text, and has no member {below}"
        elif field.path in ("detail", "cloudevent"):
            yield f"{top} is an object; its members can be asked for, and not it"
        elif (top in _TEXTS or field.path == "resources") and not any(
            _may_be(top, each) for each in field.alternatives
        ):
            wanted = " or ".join(map(spelled, field.alternatives))
            yield f"{top} is never {wanted}"


def _may_be(member: str, alternative: Alternative) -> bool:
    """Whether a text, as the member has, can satisfy the alternative."""
    match alternative:
        case Exact(str(text)):
            if member == "version":
                return text == "0"
            return member != "time" or _TIME.fullmatch(text) is not None
        case Exact() | NumericRange():
            return False
        case Exists(present):
            return present
    return True


def _is_weak(field: Field) -> bool:
    """Whether hardly an event fails it."""
    if field.path in ("version", "account", "region"):
        return True
    if field.path not in (*_ALWAYS, "resources"):
        return False
    return any(
        each in (Exists(True), Prefix("")) or isinstance(each, AnythingBut) or _takes_all(each)
        for each in field.alternatives
    )


def _takes_all(alternative: Alternative) -> bool:
    return isinstance(alternative, Wildcard) and not any(alternative.pieces)


def _asked_for(branch: Branch) -> str:
    """Which events the net leads to this branch: by its values first, else by their members."""
    exact = [f for f in branch if all(isinstance(each, Exact) for each in f.alternatives)]
    if exact:
        field = min(exact, key=lambda each: (each.path not in ("source", "detail-type"), each.path))
        count = len(field.alternatives)
        values = "one value" if count == 1 else f"one of {count} values"
        return f"events with {values} at {field.path}"
    present = [f.path for f in branch if Exists(False) not in f.alternatives]
    if any(path not in _ALWAYS for path in present):
        return f"events with {next(path for path in present if path not in _ALWAYS)}"
    return "every event"


def _costly(rule: Rule, pattern: Pattern) -> Iterable[Finding]:
    if len(pattern.branches) > COSTLY_BRANCHES:
        text = f"its $or makes {len(pattern.branches)} branches; two rules may do as well"
        yield Finding(rule.name, "costly", text)
    elif any(_asked_for(branch) == "every event" for branch in pattern.branches):
        text = "it is tried on every event: an exact source or detail-type would spare that"
        yield Finding(rule.name, "costly", text)
