"""`broker certificate`: what deliveries are signed with is listed and rotated."""

import json

import pytest

from broker.client import Client
from tests.cli.conftest import Run


def test_certificates_are_listed_with_their_urls(run: Run, client: Client) -> None:
    listed = run("certificate")
    (current, *_) = json.loads(run("certificate", "list", "--json").stdout)["signing_certificates"]

    assert current["current"]
    assert client.url + current["path"] in listed.stdout
    assert current["fingerprint_sha256"] in listed.stdout


def test_a_rotation_makes_another_one_current_and_keeps_the_old(run: Run, client: Client) -> None:
    before = client.signing_certificates()

    made = json.loads(run("certificate", "rotate", "--yes", "--json").stdout)

    after = client.signing_certificates()
    assert [each.name for each in after] == [made["name"], *(each.name for each in before)]
    assert [each.current for each in after] == [True] + [False] * len(before)


def test_a_rotation_asks_first(run: Run, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    before = client.signing_certificates()

    assert run("certificate", "rotate").exit_code == 2
    monkeypatch.setattr("broker.cli.confirm._somebody_there", lambda: True)
    assert run("certificate", "rotate", stdin="n\n").exit_code == 1
    assert client.signing_certificates() == before

    yes = run("certificate", "rotate", stdin="y\n")
    assert client.signing_certificates()[0].name in yes.stderr
