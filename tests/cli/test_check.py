"""`broker check`: the file, the line, the key and the problem, or that all is good."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import main


def check(folder: Path, text: str, *options: str) -> Result:
    path = folder / "broker.toml"
    path.write_text(text)
    return CliRunner().invoke(main, ["check", str(path), *options])


def test_a_good_file_is_called_good(tmp_path: Path) -> None:
    result = check(tmp_path, '[[queue]]\nname = "orders"\n')

    assert result.exit_code == 0
    assert "good" in result.stdout
    assert "1 queue" in result.stdout


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[broker", ":1: "),
        (f"a = {'[' * 5_000}{']' * 5_000}", ": file: this is nested too deeply"),
        ('[[queue]]\nname = "a"\ncolour = "red"\n', ":3: queue[0].colour: "),
        ('[[queue]]\nname = "a"\ndelay_s = 901\n', ":3: queue[0].delay_s: "),
        ('[[queue]]\nname = "a.b"\n', ":2: queue[0].name: "),
        ('[[subscription]]\ntopic = "t"\nqueue = "q"\n', ":2: subscription[0].topic: "),
        ('[[function]]\nname = "f"\ninvoker = "pigeon"\n', ":3: function[0].invoker: "),
        (
            '[[function]]\nname = "f"\ninvoker = "subprocess"\nsettings = {command = []}\n',
            ":4: function[0].settings: ",
        ),
        ('[deliveries]\nca_file = "nobody.pem"\n', ":2: deliveries.ca_file: "),
        (
            '[functions]\nupload_settings = { isolation = "none" }\n',
            ":2: functions.upload_settings: ",
        ),
    ],
)
def test_a_problem_is_told_with_its_line_and_key(tmp_path: Path, text: str, problem: str) -> None:
    result = check(tmp_path, text)

    assert result.exit_code == 78
    assert result.stderr.startswith(f"{tmp_path / 'broker.toml'}{problem}")


def test_json_tells_the_same(tmp_path: Path) -> None:
    good = check(tmp_path, '[[queue]]\nname = "orders"\n', "--json")
    bad = check(tmp_path, "[broker", "--json")

    assert json.loads(good.stdout) == {"ok": True, "resources": {"queue": 1}}
    assert json.loads(bad.stdout)["ok"] is False
    assert bad.exit_code == 78


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(tmp_path / "nowhere.toml")])

    assert result.exit_code == 78
