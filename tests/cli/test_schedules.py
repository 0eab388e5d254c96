import json

from tests.cli.conftest import Run


def test_schedules_are_made_listed_paused_resumed_and_deleted(run: Run) -> None:
    made = run("schedules", "create", "nightly", "cron(30 2 * * ? 2098)", "--to-queue", "heard")
    assert made.exit_code == 0, made.output
    assert "2098-01-01 02:30:00 UTC" in made.output
    again = run("schedules", "create", "nightly", "rate(1 day)", "--to-queue", "heard")
    assert (again.exit_code, "There is a schedule nightly" in again.output) == (2, True)
    listed = run("schedules")
    assert "nightly" in listed.stdout
    assert "2098-01-01 02:30:00 UTC" in listed.stdout
    assert "sqs:heard" in listed.stdout
    assert run("schedules", "pause", "nightly").exit_code == 0
    assert json.loads(run("schedules", "show", "nightly").stdout)["enabled"] is False
    assert "paused" in run("schedules", "list", "--prefix", "night").stdout
    assert run("schedules", "resume", "nightly").exit_code == 0
    (shown,) = json.loads(run("schedules", "list", "--json").stdout)["schedules"]
    assert shown["next_run_ms"] == 4_039_381_800_000
    assert run("schedules", "delete", "nightly", "--yes").exit_code == 0
    assert run("schedules", "show", "nightly").exit_code == 1


def test_a_schedule_runs_when_it_is_asked_to(run: Run) -> None:
    target = ("--to-queue", "heard", "--input", "now", "--time-zone", "Europe/Berlin")
    assert run("schedules", "create", "rarely", "at(2098-01-01T00:00:00)", *target).exit_code == 0
    assert run("schedules", "run", "rarely").exit_code == 0
    received = run("receive", "heard", "--wait", "10")
    assert "now" in received.stdout
    run("schedules", "delete", "rarely", "--yes")


def test_what_is_no_expression_is_refused_with_its_text(run: Run) -> None:
    refused = run("schedules", "create", "never", "cron(* * * * * *)", "--to-queue", "heard")
    assert refused.exit_code == 1
    assert "Invalid Schedule Expression cron(* * * * * *)." in refused.output
