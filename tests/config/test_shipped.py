"""The configuration and the systemd unit that are shipped: complete, valid, and hardened."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest

from broker.config import Config, load_config, tables
from broker.config.declared import declared_resources
from broker.core.names import Namespace

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = CONFIG / "broker.toml"
UNIT = CONFIG / "broker.service"
SETTINGS = ("broker", "http", "store", "queues", "schedules", "functions", "deliveries", "log")
NO_DEFAULT = {
    ("broker", "data_dir"),
    ("http", "public_url"),
    ("store", "quota_mb"),
    ("deliveries", "ca_file"),
    ("functions", "allow_upload"),  # on in the example, off without it
}
RESOURCES = {
    "queue": tables.QueueTable,
    "topic": tables.TopicTable,
    "subscription": tables.SubscriptionTable,
    "event_bus": tables.EventBusTable,
    "rule": tables.RuleTable,
    "schedule": tables.ScheduleTable,
    "function": tables.FunctionTable,
    "event_source_mapping": tables.EventSourceMappingTable,
}


@pytest.fixture
def uncommented(tmp_path: Path) -> Path:
    """The example with every setting and resource in force."""
    text = EXAMPLE.read_text()
    file = tmp_path / "broker.toml"
    (tmp_path / "hook.secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")  # it is named
    file.write_text(re.sub(r"^# (\[\[[\w.]+\]\]|\w+ = .*)$", r"\1", text, flags=re.MULTILINE))
    return file


def test_the_example_works_as_it_is() -> None:
    config = load_config(EXAMPLE)
    assert config == Config(functions=tables.FunctionSettings(allow_upload=True))
    assert declared_resources(config, Namespace(), EXAMPLE) == []


def test_the_example_shows_every_setting_with_its_default(uncommented: Path) -> None:
    shown = tomllib.loads(uncommented.read_text())
    defaults = msgspec.json.decode(msgspec.json.encode(Config()))
    for table in SETTINGS:
        assert shown[table].keys() == defaults[table].keys()
        for key, default in defaults[table].items():
            assert shown[table][key] == default or (table, key) in NO_DEFAULT


def test_the_example_shows_every_key_of_every_resource(uncommented: Path) -> None:
    shown = tomllib.loads(uncommented.read_text())
    for name, table in RESOURCES.items():
        keys = {key for each in shown[name] for key in each}
        assert keys == set(table.__struct_fields__), name


def test_the_example_is_valid_with_everything_uncommented(uncommented: Path) -> None:
    config = load_config(uncommented)
    resources = declared_resources(config, Namespace(), uncommented)
    destinations = 1  # of the function: a resource of their own
    declared = sum(len(getattr(config, name)) for name in RESOURCES)
    assert len(resources) == declared + destinations


# The unit

analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)


@analyze
def test_the_unit_is_valid(tmp_path: Path) -> None:
    # Only the command isn't where it will be.
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.M))
    checked = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@analyze
def test_the_unit_leaves_little_exposed() -> None:
    checked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    overall = re.search(r"Overall exposure level for broker\.service: ([0-9.]+)", checked.stdout)
    assert overall is not None, checked.stderr
    assert float(overall[1]) < 2.0


def test_the_unit_agrees_with_the_daemon() -> None:
    settings = dict(
        line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"\w+=", line)
    )
    assert float(settings["TimeoutStopSec"]) > 2 * tables.BrokerSettings().shutdown_grace_s
    assert settings["RestartPreventExitStatus"] == "78"
    assert settings["KillMode"] == "mixed"
