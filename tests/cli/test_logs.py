"""What a log line looks like, for each of its readers."""

import json
import logging
from collections.abc import Iterator

import pytest

from broker.cli.logs import configure_logging
from broker.config.tables import LogSettings


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def fail() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("broker.x").exception("it failed", extra={"queue": "orders"})


def test_every_line_of_an_entry_has_its_priority(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="journald"))
    fail()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "<3>it failed"
    assert lines[-1] == "<3>  second"
    assert all(line.startswith("<3>") for line in lines)


def test_a_json_entry_is_one_line_with_its_extras(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    fail()
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["queue"]) == ("error", "broker.x", "orders")
    assert entry["exception"].endswith("first\nsecond")


def test_a_level_holds_back_what_is_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="human", level="warning"))
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("WARNING loud")
