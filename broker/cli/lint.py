"""`broker lint`: rules that are valid and still wrong"""

import sys

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import print_json, print_table

EXIT_FINDINGS = 1


@click.command()
@click.option("--bus", default="default", show_default=True)
@click.option("--rule", help="Show what this rule costs, and what is found in it alone.")
@url_option
@json_option
def lint(bus: str, rule: str | None, url: str | None, as_json: bool) -> None:
    """Find rules that never match, that another shadows, that match nearly all, or that cost.

    Exit code 1 if anything was found.
    """
    with connected(url) as client:
        found = client.lint_rules(bus=bus)
        cost = client.rule_cost(rule, bus=bus) if rule is not None else None
    findings = [each for each in found.findings if rule in (None, each.rule)]
    if as_json:
        print_json({"findings": findings, "compared_all": found.compared_all, "cost": cost})
    else:
        if cost is not None:
            ways = "1 branch" if cost.branches == 1 else f"{cost.branches} branches"
            clauses = "1 clause" if cost.clauses == 1 else f"{cost.clauses} clauses"
            click.echo(f"{rule}: {ways}, {clauses}, tried on {cost.asked_for}")
        if findings:
            rows = [(each.rule, each.kind, each.text) for each in findings]
            print_table(("rule", "finding", "why"), rows)
        elif rule is None:
            rules = "1 rule" if found.rules == 1 else f"{found.rules} rules"
            click.echo(f"nothing found in {rules}")
        if not found.compared_all:
            click.echo("too many rules share a target: not all were compared", err=True)
    if findings:
        sys.exit(EXIT_FINDINGS)
