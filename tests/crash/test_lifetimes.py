"""the daemon and its store process never outlive each other, and never share a directory"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.crash.processes import Watched, child_pids, store_pid
from tests.daemon import Daemon

PATIENCE_S = 30  # of the tests; all of it happens at once


@contextmanager
def watched_store(daemon: Daemon) -> Iterator[Watched]:
    assert daemon.process is not None
    watched = Watched(store_pid(daemon.process.pid))
    try:
        yield watched
    finally:
        watched.close()


def lock_is_free(daemon: Daemon) -> bool:
    with (daemon.data_dir / "lock").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_when_the_store_is_killed_the_daemon_exits_with_an_error(daemon: Daemon) -> None:
    assert daemon.process is not None
    with watched_store(daemon) as store:
        os.kill(store.pid, signal.SIGKILL)
        assert daemon.process.wait(PATIENCE_S) == 74
    assert "the store" in daemon.log()
    assert lock_is_free(daemon)


def test_when_the_daemon_is_killed_the_store_ends_and_frees_the_directory(daemon: Daemon) -> None:
    with watched_store(daemon) as store:
        daemon.kill()
        assert store.wait(PATIENCE_S)
    assert lock_is_free(daemon)
    daemon.start()


def test_a_store_that_hangs_keeps_its_directory_when_the_daemon_is_killed(daemon: Daemon) -> None:
    """It might write yet: another daemon must wait, and say so in the end."""
    with watched_store(daemon) as store:
        os.kill(store.pid, signal.SIGSTOP)
        try:
            daemon.kill()
            assert not lock_is_free(daemon)
            with pytest.raises(AssertionError, match="in use by another broker"):
                daemon.start()
        finally:
            os.kill(store.pid, signal.SIGCONT)
        assert store.wait(PATIENCE_S)
    daemon.start()


def test_sigterm_ends_both(daemon: Daemon) -> None:
    with watched_store(daemon) as store:
        assert daemon.stop() == 0
        assert store.wait(PATIENCE_S)
    assert lock_is_free(daemon)


def test_a_ctrl_c_of_the_whole_group_is_a_clean_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "broker.cli", "start", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert "ready" in process.stdout.readline()
        store = Watched(store_pid(process.pid))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert store.wait(PATIENCE_S)
        store.close()


def test_a_second_daemon_on_the_directory_is_refused_and_told_why(daemon: Daemon) -> None:
    assert daemon.process is not None
    second = subprocess.run(
        [
            *(sys.executable, "-m", "broker.cli", "start", "--listen", "127.0.0.1:0"),
            *("--data-dir", str(daemon.data_dir)),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert second.returncode == 74
    assert f"in use by another broker (process {daemon.process.pid})" in second.stderr
    assert "--data-dir" in second.stderr
    assert "Traceback" not in second.stderr
    assert child_pids(daemon.process.pid), "the first one goes on"
    assert httpx.get(f"{daemon.url}/healthz").status_code == 200
