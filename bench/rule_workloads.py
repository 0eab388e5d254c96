"""rules and events to measure a matcher with: one mixed workload, and the worst cases of each kind

Everything is drawn from a seed, so that two runs match the same events against the same rules.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

Pattern = dict[str, Any]
Event = dict[str, Any]

SOURCES, DETAIL_TYPES = 200, 5
WORDS = "amber birch cedar delta ember flint grove hazel indigo jade karst lotus".split()
TEXT_VALUES = 200  # that a text field may have
FIELDS = 12  # text fields of an event; as many others besides


@dataclass(frozen=True)
class Workload:
    """So many rules, and events that they are held against."""

    patterns: list[Pattern]
    events: list[bytes]


def mixed(rules: int, events: int, *, own_fields: bool = False) -> Workload:
    """Many sources; source, mostly detail-type, and one to three predicates of all kinds.

    With `own_fields` the names of fields differ from source to source.
    """
    random = Random(rules)
    return Workload(
        [_mixed_rule(random, own_fields) for _ in range(rules)],
        [_encoded(_mixed_event(random, own_fields)) for _ in range(events)],
    )


def _mixed_rule(random: Random, own_fields: bool) -> Pattern:
    source = random.randrange(SOURCES)
    pattern: Pattern = {"source": [f"source-{source}"]}
    if random.random() < 0.9:
        pattern["detail-type"] = [f"type-{random.randrange(DETAIL_TYPES)}"]
    prefix = f"s{source}" if own_fields else "f"
    if random.random() < 0.03:
        pattern["$or"] = [{"detail": _predicates(random, prefix, 1)} for _ in range(2)]
    else:
        pattern["detail"] = _predicates(random, prefix, random.randint(1, 3))
    return pattern


def _predicates(random: Random, prefix: str, count: int) -> Pattern:
    found: Pattern = {}
    while len(found) < count:
        kind = random.random()
        text = f"{prefix}{random.randrange(FIELDS)}"
        value = _value(random)
        if kind < 0.72:
            found[text] = [value]
        elif kind < 0.81:
            low = random.randrange(900)
            found[f"{prefix}n{random.randrange(4)}"] = [
                {"numeric": [">=", low, "<", low + random.randint(10, 100)]}
            ]
        elif kind < 0.85:
            found[text] = [{"prefix": value[:-1]}]
        elif kind < 0.89:
            found[text] = [{"suffix": value[3:]}]
        elif kind < 0.94:
            found[text] = [{"anything-but": [value]}]
        elif kind < 0.955:
            found[text] = [{"equals-ignore-case": value.upper()}]
        elif kind < 0.97:
            found[f"{prefix}x{random.randrange(4)}"] = [{"exists": random.random() < 0.5}]
        elif kind < 0.985:
            found[f"{prefix}ip"] = [{"cidr": f"10.{random.randrange(256)}.0.0/16"}]
        else:
            found[text] = [{"wildcard": f"{value[:3]}*{value[-1]}"}]
    return found


def _mixed_event(random: Random, own_fields: bool) -> Event:
    source = random.randrange(SOURCES)
    prefix = f"s{source}" if own_fields else "f"
    detail: Event = {f"{prefix}{n}": _value(random) for n in range(FIELDS)}
    detail |= {f"{prefix}n{n}": random.randrange(1_000) for n in range(4)}
    detail |= {f"{prefix}x{n}": True for n in range(4) if random.random() < 0.5}
    detail[f"{prefix}ip"] = f"10.{random.randrange(256)}.{random.randrange(256)}.7"
    detail["text"] = "x" * 180
    return _event(f"source-{source}", f"type-{random.randrange(DETAIL_TYPES)}", detail)


def _value(random: Random) -> str:
    return f"{random.choice(WORDS)}-{random.randrange(TEXT_VALUES // len(WORDS)):02d}"


def _event(source: str, detail_type: str, detail: Event) -> Event:
    return {
        "version": "0",
        "id": "6f1c2a9e-5d67-4b5e-9d7c-1f0a9d329d5c",
        "detail-type": detail_type,
        "source": source,
        "account": "000000000000",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::reports-of-the-sales-team/2026/01/02.csv"],
        "detail": detail,
    }


# Worst cases: each has one kind of predicate, and nothing that tells its rules apart quickly


def wildcards(rules: int, events: int) -> Workload:
    """`*ab*cd*.ext` on one field."""
    random = Random(rules)

    def letters(count: int) -> str:
        return "".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(count))

    patterns = [
        {"detail": {"f": [{"wildcard": f"*{letters(2)}*{letters(2)}*.{letters(3)}"}]}}
        for _ in range(rules)
    ]
    return Workload(
        patterns,
        [_encoded(_event("s", "t", {"f": f"{letters(30)}.{letters(3)}"})) for _ in range(events)],
    )


def most_match(rules: int, events: int) -> Workload:
    """Nearly every rule wants every event."""
    random = Random(rules)
    patterns = [
        {"source": ["s"], "detail": {"f": [{"anything-but": [random.randrange(8)]}]}}
        for _ in range(rules)
    ]
    return Workload(
        patterns, [_encoded(_event("s", "t", {"f": random.randrange(8)})) for _ in range(events)]
    )


def ranges(rules: int, events: int) -> Workload:
    """Overlapping ranges of one number, twenty to a thousand wide of a hundred thousand."""
    random = Random(rules)

    def wanted() -> list[Any]:
        low = random.randrange(100_000)
        return [{"numeric": [">=", low, "<", low + random.randint(20, 10_000)]}]

    return Workload(
        [{"detail": {"n": wanted()}} for _ in range(rules)],
        [_encoded(_event("s", "t", {"n": random.randrange(100_000)})) for _ in range(events)],
    )


def exceptions(rules: int, events: int) -> Workload:
    """Two `anything-but`, and one field that is exact."""
    random = Random(rules)
    patterns = [
        {
            "detail": {
                "a": [{"anything-but": [f"a{random.randrange(rules)}"]}],
                "b": [{"anything-but": [f"b{random.randrange(rules)}"]}],
                "c": [f"c{random.randrange(max(rules // 2, 5_000))}"],
            }
        }
        for _ in range(rules)
    ]

    def event() -> Event:
        fields = {name: f"{name}{random.randrange(max(rules // 2, 5_000))}" for name in "abc"}
        return _event("s", "t", fields)

    return Workload(patterns, [_encoded(event()) for _ in range(events)])


def customers(rules: int, events: int) -> Workload:
    """A customer's id, and a number above a bound."""
    random = Random(rules)
    count = 500
    patterns = [
        {
            "detail": {
                "customer": [f"c{random.randrange(count)}"],
                "total": [{"numeric": [">", random.randrange(1_000)]}],
            }
        }
        for _ in range(rules)
    ]

    def event() -> Event:
        detail = {"customer": f"c{random.randrange(count)}", "total": random.randrange(1_000)}
        return _event("s", "t", detail)

    return Workload(patterns, [_encoded(event()) for _ in range(events)])


WORST: dict[str, Callable[[int, int], Workload]] = {
    "wildcards on one field": wildcards,
    "nearly all match": most_match,
    "overlapping ranges": ranges,
    "two anything-but, one exact": exceptions,
    "customer and open range": customers,
}


def in_text(patterns: list[Pattern]) -> Iterator[str]:
    """Each pattern as JSON."""
    return (json.dumps(pattern) for pattern in patterns)


def _encoded(event: Event) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()
