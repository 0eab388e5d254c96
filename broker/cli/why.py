"""`broker why`, `broker why-not`, `broker test-pattern`: what rules make of events"""

import sys
import time
from typing import Any

import click
import msgspec

from broker.cli.connection import connected, json_option, url_option
from broker.cli.json_option import json_object
from broker.cli.output import print_json, print_table, printable, shortened, time_text
from broker.client import DeliveryTrace, EventTrace, PatternMatch, ReplayTrace
from broker.core.message import iso_time

EXIT_NO_MATCH = 1


@click.command()
@click.argument("event_id", metavar="EVENT-ID")
@url_option
@json_option
def why(event_id: str, url: str | None, as_json: bool) -> None:
    """Show what became of an event: the rules that matched, deliveries, and attempts at them."""
    with connected(url) as client:
        trace = client.trace_event(event_id)
    if as_json:
        print_json(trace)
        return
    event = trace.event
    what = f"{event.get('detail-type')} from {event.get('source')}"
    if trace.put_at_ms is None:
        click.echo(f"{printable(what)}; of {trace.bus}, only its replays are known")
    else:
        click.echo(f"{printable(what)}, put on {trace.bus} at {iso_time(trace.put_at_ms)}")
        _tell_deliveries(trace)
    for each in trace.replays:
        click.echo(f"\nreplayed by {each.replay} at {iso_time(each.replayed_at_ms)}")
        _tell_deliveries(each)


def _tell_deliveries(trace: EventTrace | ReplayTrace) -> None:
    rules = ", ".join(arn.partition(":rule/")[2] for arn in trace.rules) or "none"
    click.echo(f"rules that matched: {rules}\n")
    now_ms = int(time.time() * 1000)
    rows = [row for each in trace.deliveries for row in _rows(each, now_ms)]
    if rows:
        print_table(("by", "queue", "message id", "state", "when", "answer"), rows)
    if trace.more_deliveries:
        click.echo(f"and {trace.more_deliveries} more")
    for lost in trace.lost:
        click.echo(printable(f"lost: {lost.source} to {lost.target}: {lost.why}"))


def _rows(delivery: DeliveryTrace, now_ms: int) -> list[tuple[str, ...]]:
    by = delivery.subscription or ""
    if delivery.rule is not None:
        by = f"{delivery.bus}/{delivery.rule}, target {delivery.target}"
    first = (by, delivery.queue, delivery.message_id, delivery.state, "", delivery.cause)
    rows: list[tuple[str, ...]] = [first]
    for attempt in delivery.attempts:
        after = ""
        if attempt.next_at_ms is not None:
            after = f"; next at {time_text(attempt.next_at_ms, now_ms)}"
        elif attempt.dead_letter_queue is not None:
            after = f"; in {attempt.dead_letter_queue} as {attempt.dead_letter_id}"
        when = time_text(attempt.at_ms, now_ms)
        text = shortened(attempt.answer, 80) + after
        rows.append(("", "", "", f"  {attempt.number}: {attempt.outcome}", when, text))
    return rows


@click.command("why-not")
@click.argument("rule")
@click.argument("event")
@click.option("--bus", default="default", show_default=True, help="The rule's event bus.")
@url_option
@json_option
def why_not(rule: str, event: str, bus: str, url: str | None, as_json: bool) -> None:
    """Show which clauses of RULE's pattern EVENT does not satisfy.

    EVENT is the id of one that was put, or a whole event as JSON; @FILE or - reads it. Exit code 1
    if the rule does not match.
    """
    given: Any = json_object(event, "EVENT") if event.startswith(("{", "@", "-")) else event
    with connected(url) as client:
        found = client.why_not(given, rule, bus=bus)
    _tell(found, as_json, f"rule {rule}")


@click.command("test-pattern")
@click.argument("pattern")
@click.argument("event")
@url_option
@json_option
def test_pattern(pattern: str, event: str, url: str | None, as_json: bool) -> None:
    """Say whether EVENT matches PATTERN, and if not, which clauses fail.

    Both are JSON; @FILE reads one, and - reads it from standard input. Exit code 1 if it does not
    match.
    """
    with connected(url) as client:
        found = client.test_event_pattern(
            json_object(pattern, "PATTERN"), json_object(event, "EVENT")
        )
    _tell(found, as_json, "the pattern")


def _tell(found: PatternMatch, as_json: bool, what: str) -> None:
    if as_json:
        print_json(found)
    elif found.matches:
        off = "" if found.enabled else ", but is disabled"
        click.echo(f"{what} matches{off}")
    else:
        click.echo(f"{what} does not match:")
        branches = {clause.branch for clause in found.failed}
        for clause in found.failed:
            branch = f"branch {clause.branch + 1}: " if len(branches) > 1 else ""
            wanted = " or ".join(_text(each) for each in clause.wanted)
            seen = ", ".join(_text(each) for each in clause.found) or "nothing"
            other = ", but in other elements of an array" if clause.in_other_elements else ""
            line = f"  {branch}{clause.path}: wanted {wanted}, found {seen}{other}"
            click.echo(printable(line))
    if not found.matches:
        sys.exit(EXIT_NO_MATCH)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
