"""docs/plugins.md: the plugin is written, tested, built, installed and used as the page says."""

import os
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.client import Client
from tests.daemon import Daemon
from tests.module_map import ROOT

PAGE = (ROOT / "docs" / "plugins.md").read_text()
BROKER = [sys.executable, "-m", "broker.cli"]


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as the page has it."""
    folder = tmp_path_factory.mktemp("tutorial")
    run(*BROKER, "plugin", "new", "lines", cwd=folder)
    written = folder / "broker-lines"
    run(sys.executable, "-m", "pytest", "-q", cwd=written)  # before anything is changed
    for path, text in re.findall(r"^```python (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        assert (written / path).exists(), path
        (written / path).write_text(text)
    return written


@pytest.fixture(scope="module")
def installed(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is installed: built into a wheel first, as by anybody else."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "install", "--no-deps", "--target", str(target), str(plugin), cwd=plugin)
    return target


class Shout(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())


@pytest.fixture
def function_port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Shout) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_its_test_passes(plugin: Path) -> None:
    assert "1 passed" in run(sys.executable, "-m", "pytest", cwd=plugin)


def test_it_is_listed_and_checked(installed: Path) -> None:
    listed = run(*BROKER, "plugin", "list", cwd=installed, PYTHONPATH=str(installed))
    assert "broker-lines" in listed
    assert "port             integer, required            On this machine." in listed
    checked = run(*BROKER, "plugin", "check", "lines", cwd=installed, PYTHONPATH=str(installed))
    assert checked == "lines loads, starts and stops\n"


def test_it_runs_a_function(installed: Path, tmp_path: Path, function_port: int) -> None:
    (config,) = re.findall(r"^```toml broker.toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "broker.toml").write_text(config.replace("7001", str(function_port)))
    environment = {"PYTHONPATH": str(installed)}
    daemon = Daemon(tmp_path / "data", tmp_path / "broker.toml", environment=environment).start()
    try:
        with Client(daemon.url) as client:
            assert client.invoke("hello", {"a": "b"}).payload == {"A": "B"}
            states = {each.name: each.state for each in client.plugins()}
        assert states == dict.fromkeys(("http", "lambda", "lines", "subprocess"), "running")
    finally:
        daemon.stop()
