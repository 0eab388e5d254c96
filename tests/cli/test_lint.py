"""`broker lint`"""

import json

from broker.client import Client
from tests.cli.conftest import Run
from tests.daemon import Daemon


def test_nothing_to_find(run: Run) -> None:
    told = run("lint")
    assert (told.exit_code, told.stdout) == (0, "nothing found in 1 rule\n")


def test_findings_are_told_with_exit_code_1(run: Run, running: Daemon, client: Client) -> None:
    events = running.client("events")
    events.put_rule(Name="typo", EventPattern='{"detailType":["x"]}')
    told = run("lint")
    assert told.exit_code == 1
    (line,) = [line for line in told.stdout.splitlines() if line.startswith("typo")]
    assert "never" in line
    assert "detail-type may be meant" in line
    document = json.loads(run("lint", "--json").stdout)
    assert [each["rule"] for each in document["findings"]] == ["typo"]
    of_shop = run("lint", "--rule", "shop")
    assert of_shop.exit_code == 0
    text = "shop: 1 branch, 1 clause, tried on events with one value at source\n"
    assert of_shop.stdout == text
    events.delete_rule(Name="typo")
