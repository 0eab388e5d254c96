"""`broker why`, `why-not` and `test-pattern`"""

import json

from broker.client import Client
from tests.cli.conftest import Run

PATTERN = '{"detail": {"total": [{"numeric": [">", 100]}]}}'
EVENT = '{"source": "shop", "detail": {"total": 12}}'


def test_why_tells_rules_and_deliveries(run: Run, client: Client) -> None:
    event_id = client.put_event("shop", "sold", {"total": 12})
    told = run("why", event_id)
    assert told.exit_code == 0
    assert "sold from shop, put on default at " in told.stdout
    assert "rules that matched: shop" in told.stdout
    (message,) = client.receive("heard", wait_time_s=0)
    assert message.message_id in told.stdout
    assert "default/shop, target 1" in told.stdout
    (delivery,) = json.loads(run("why", event_id, "--json").stdout)["deliveries"]
    assert (delivery["queue"], delivery["state"]) == ("heard", "sent")


def test_why_tells_what_replays_made_of_an_event(run: Run, client: Client) -> None:
    event_id = client.put_event("shop", "sold", {"total": 12})
    run("replays", "start", "mended", "--event-id", event_id)
    told = run("why", event_id)
    assert "put on default at " in told.stdout
    assert "\nreplayed by mended at " in told.stdout
    for message in client.receive("heard", count=10, wait_time_s=0):
        assert message.message_id in told.stdout
    (replay,) = json.loads(run("why", event_id, "--json").stdout)["replays"]
    (delivery,) = replay["deliveries"]
    assert (delivery["queue"], delivery["state"]) == ("heard", "sent")


def test_an_event_that_is_not_known(run: Run) -> None:
    told = run("why", "nothing")
    assert told.exit_code == 1
    assert "No event nothing is in the ledger" in told.stderr


def test_why_not_tells_each_clause_that_failed(run: Run, client: Client) -> None:
    event_id = client.put_event("web", "sold", {"total": 12})
    told = run("why-not", "shop", event_id)
    assert told.exit_code == 1
    assert told.stdout.splitlines() == [
        "rule shop does not match:",
        '  source: wanted "shop", found "web"',
    ]
    told = run("why-not", "shop", EVENT)
    assert (told.exit_code, told.stdout) == (0, "rule shop matches\n")


def test_a_pattern_is_tried_on_an_event(run: Run) -> None:
    told = run("test-pattern", PATTERN, EVENT)
    assert told.exit_code == 1
    assert '  detail.total: wanted {"numeric":[">",100]}, found 12' in told.stdout
    told = run("test-pattern", PATTERN, "-", stdin=EVENT.replace("12", "120"))
    assert (told.exit_code, told.stdout) == (0, "the pattern matches\n")
    assert run("test-pattern", "[]", EVENT).exit_code == 2
    refused = run("test-pattern", '{"a": 1}', EVENT)
    assert refused.exit_code == 1
    assert '"a" must be an object or an array' in refused.stderr
