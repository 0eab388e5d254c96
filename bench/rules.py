"""What does it cost to find the rules that match an event, of ten and of a hundred thousand?

Estimate: some 5 µs to parse an event and to look at its source, and as much again in the net, which
visits a few nodes more when rules are a hundred times as many. CPU time of one thread, parsing
included. What it may take is said as a multiple of parsing alone in the same run, which is as much
slower on a slower machine. The plain evaluator, which asks each rule, is measured beside it, on a
few events.
"""

import gc
import time
import tracemalloc

import msgspec

from bench.report import Row
from bench.rule_workloads import WORST, Workload, in_text, mixed
from bench.settings import Settings
from broker.bench.load import Sample
from broker.core.pattern import Matcher, Pattern, matches, parse
from broker.runtime.rule_nets import FREEZE_AFTER

EVENTS = 5_000
PASSES = 7
TURN = 500  # events that are parsed, then parsed and matched
PLAIN_PAIRS = 20_000  # of a rule and an event, that the plain evaluator is given
CHANGES = 1_000

# 30 and 12 µs, and 0.1 µs for each of 8,800 matches, where parsing a mixed event takes 3.4.
WORST_GOALS = {
    "wildcards on one field": (1_000, 8.8),
    "two anything-but, one exact": (10_000, 3.5),
    "nearly all match": (10_000, 259.0),
}

_decode = msgspec.json.Decoder().decode


def measure(settings: Settings) -> list[Row]:
    """Rows for the mixed workload at each size, for its growth and changes, and the worst cases."""
    sizes = (10, 100, 200) if settings.quick else (10, 1_000, 10_000, 100_000)
    # 7, 9, 14 and 50 µs, where parsing takes 3.4.
    goals = {10: 2.1, 1_000: 2.6, 10_000: 4.1, 100_000: 14.7}
    events, wide = (50, 100) if settings.quick else (EVENTS, 10_000)
    rows: list[Row] = []
    ratios = []
    for size in sizes:
        workload = mixed(size, events)
        built, matcher = _build(workload)
        rows += _matching(f"rules, mixed, {size:,}", workload, matcher, goals.get(size))
        ratios.append(rows[-2].median("ratio") or 0.0)
    rows.append(_value(f"build {sizes[-1]:,} rules", "s", built, 6.0))
    growth = ratios[-1] / ratios[1]
    rows.append(_value(f"growth from {sizes[1]:,} to {sizes[-1]:,} rules", "x", growth, 6.0))
    rows += _changes(workload, matcher)
    mixed_events = workload.events
    rows.append(_memory(wide))
    own = mixed(wide, events, own_fields=True)
    rows += _matching(f"rules, own fields, {wide:,}", own, _build(own)[1])
    for name, make in WORST.items():
        rules, goal = (wide, None) if settings.quick else WORST_GOALS.get(name, (wide, None))
        workload = make(rules, events // 5)
        rows += _matching(
            f"rules, {name}, {rules:,}", workload, _build(workload)[1], goal, mixed_events
        )
    return rows


def _build(workload: Workload) -> tuple[float, Matcher[int]]:
    """The collector is held off as the daemon holds it off."""
    texts = list(in_text(workload.patterns))
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    matcher: Matcher[int] = Matcher()
    started = time.thread_time()
    for number, text in enumerate(texts):
        matcher.add(number, parse(text))
        if number % FREEZE_AFTER == 0:
            gc.freeze()
    built = time.thread_time() - started
    gc.collect()
    gc.freeze()
    return built, matcher


def _matching(
    name: str,
    workload: Workload,
    matcher: Matcher[int],
    goal: float | None = None,
    mixed_events: list[bytes] | None = None,
) -> list[Row]:
    """What an event costs, and what it costs the plain evaluator.

    Beside it what parsing an event costs: one of these, or as many of those of another workload.
    """
    events, yardstick = workload.events, mixed_events or workload.events
    ceiling = "parsing a mixed one" if mixed_events else "parsing"
    row = Row(name, "µs/event", ceiling=ceiling, accepted=goal, at_most=True)
    for event in events:
        matcher.matching(_decode(event))
    for _ in range(PASSES):
        parsing = taken = 0.0
        # In turns, so that both see the same machine: its clock changes within a pass.
        for first in range(0, len(events), TURN):
            started = time.thread_time()
            for event in yardstick[first : first + TURN]:
                _decode(event)
            parsed = time.thread_time()
            for event in events[first : first + TURN]:
                matcher.matching(_decode(event))
            taken += time.thread_time() - parsed
            parsing += parsed - started
        row.samples.append(Sample(taken / len(events) * 1e6, ratio=taken / parsing))
    return [row, Row("  by the plain evaluator", "µs/event", [Sample(_plain(workload))])]


def _plain(workload: Workload) -> float:
    """What the plain evaluator takes for an event, in µs."""
    patterns: list[Pattern] = [parse(text) for text in in_text(workload.patterns[:PLAIN_PAIRS])]
    events = workload.events[: max(PLAIN_PAIRS // len(patterns), 1)]
    started = time.thread_time()
    for event in events:
        decoded = _decode(event)
        for pattern in patterns:
            matches(pattern, decoded)
    taken = (time.thread_time() - started) / len(events) * 1e6
    return taken * len(workload.patterns) / len(patterns)


def _changes(workload: Workload, matcher: Matcher[int]) -> list[Row]:
    """Rules that are taken out and put in again, one by one."""
    taken: list[float] = []
    for number, text in zip(range(CHANGES), in_text(workload.patterns), strict=False):
        pattern = parse(text)
        started = time.perf_counter()
        matcher.remove(number)
        removed = time.perf_counter()
        matcher.add(number, pattern)
        added = time.perf_counter()
        taken += [(removed - started) * 1e3, (added - removed) * 1e3]
    taken.sort()
    return [
        _value("add or remove a rule, median", "ms", taken[len(taken) // 2], 1.0),
        _value("add or remove a rule, worst", "ms", taken[-1], 5.0),
    ]


def _memory(size: int) -> Row:
    patterns = [parse(text) for text in in_text(mixed(size, 1).patterns)]
    tracemalloc.start()
    matcher = Matcher(enumerate(patterns))
    used = tracemalloc.get_traced_memory()[0] / len(matcher)
    tracemalloc.stop()
    return _value(f"memory of a rule, of {size:,}", "bytes", used, 2_500)


def _value(name: str, unit: str, value: float, at_most: float) -> Row:
    return Row(name, unit, [Sample(value)], accepted=at_most, at_most=True)
