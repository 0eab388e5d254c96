"""The daemon as its operator meets it: start, refusals, signals, notifications, logs."""

import errno
import http.client
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from prometheus_client.parser import text_string_to_metric_families

from tests.daemon import Daemon, running_daemon

PATIENCE_S = 20.0  # with a real process, on a busy machine


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll a real process for something that it will do."""
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)


def start(*arguments: str, environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    """`broker start`, with nothing from this environment that would matter to it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("BROKER_", "NOTIFY_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "broker.cli", "start", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, **(environment or {})},
    )


def refusal(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """The exit code and the message of a daemon that can't start."""
    process = start(*arguments, environment=environment)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert out == ""
    assert "Traceback" not in err
    return process.returncode, err


def get(daemon: Daemon, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(daemon.listen, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


# Starting


def test_a_daemon_says_where_it_is_and_what_to_type_next(tmp_path: Path) -> None:
    process = start("--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(6)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    url = lines[0].removeprefix("broker is ready on ").strip()
    assert url.startswith("http://127.0.0.1:")
    assert str(tmp_path / "data") in lines[1]
    assert "synced" in lines[2]
    assert "none" in lines[3]
    assert "may reach this machine: 127.0.0.0/8, ::1/128" in lines[4]
    assert f"curl {url}/healthz" in lines[5]


def test_the_environment_says_what_the_options_would(tmp_path: Path) -> None:
    config = tmp_path / "named.toml"
    config.write_text('[[queue]]\nname = "from-the-file"\n')
    environment = {
        "BROKER_CONFIG": str(config),
        "BROKER_DATA_DIR": str(tmp_path / "elsewhere"),
        "BROKER_LISTEN": "[::1]:0",
    }
    process = start(environment=environment)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(4)]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert told[0].startswith("broker is ready on http://[::1]:")
    assert str(tmp_path / "elsewhere") in told[1]
    assert str(config) in told[3]
    assert "from-the-file" in err
    assert (tmp_path / "elsewhere").is_dir()


def test_a_signing_certificate_that_is_damaged_is_exit_code_74(tmp_path: Path) -> None:
    arguments = ("--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    Daemon(tmp_path / "data").start().stop()
    (damaged,) = (tmp_path / "data" / "signing").glob("*.pem")
    damaged.write_text("-----BEGIN CERTIFICATE-----\n")

    code, message = refusal(*arguments)

    assert code == 74
    assert str(damaged.parent) in message
    assert "backup" in message
    assert damaged.read_text() == "-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[http]\n\nlisen = "a"\n', ":3: http.lisen: "),
        ('[[queue]]\nname = "a b"\n', ":2: queue[0].name: "),
        ("[http\n", ":1: file: "),
        ('[[function]]\nname = "f"\ninvoker = "none"\n', ""),
        ('[functions]\nupload_settings = { isolation = "x" }\n', ""),
    ],
)
def test_a_mistake_in_the_configuration_is_exit_code_78(
    text: str, place: str, tmp_path: Path
) -> None:
    config = tmp_path / "broker.toml"
    config.write_text(text)
    arguments = ("--config", str(config), "--data-dir", str(tmp_path / "data"))
    code, message = refusal(*arguments, "--listen", "127.0.0.1:0")
    assert code == 78
    assert f"broker: {config}{place}" in message


def test_a_missing_configuration_is_exit_code_78(tmp_path: Path) -> None:
    code, message = refusal("--config", str(tmp_path / "none.toml"))
    assert (code, "none.toml: No such file" in message) == (78, True)


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:99999", "::1:80"])
def test_an_address_that_is_none_is_exit_code_78(listen: str, tmp_path: Path) -> None:
    code, message = refusal("--data-dir", str(tmp_path / "data"), "--listen", listen)
    assert (code, "write it as 127.0.0.1:4566" in message) == (78, True)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.168.1.7", "[fe80::1]", "example.com"])
def test_only_loopback_is_listened_on_without_authentication(host: str, tmp_path: Path) -> None:
    code, message = refusal("--data-dir", str(tmp_path / "data"), "--listen", f"{host}:4566")
    assert code == 78
    assert "no authentication is configured" in message
    assert "Listen on 127.0.0.1:4566" in message
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_is_exit_code_69(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        code, message = refusal("--data-dir", str(tmp_path / "data"), "--listen", listen)
    assert code == 69
    assert f"can't listen on {listen}: {os.strerror(errno.EADDRINUSE)}" in message


def test_a_data_directory_in_use_is_exit_code_74(daemon: Daemon) -> None:
    code, message = refusal("--data-dir", str(daemon.data_dir), "--listen", "127.0.0.1:0")
    assert code == 74
    assert str(daemon.data_dir) in message
    assert get(daemon, "/healthz") == (200, "ok\n")


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_data_directory_that_cannot_be_is_exit_code_74(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, message = refusal("--data-dir", str(tmp_path / place), "--listen", "127.0.0.1:0")
    assert code == 74
    assert f"broker: The data directory {tmp_path / place} can't be used: " in message


def test_a_data_directory_of_something_else_is_exit_code_74(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"something else" * 1_000)
    code, message = refusal("--data-dir", str(tmp_path), "--listen", "127.0.0.1:0")
    assert code == 74
    assert f"broker: {tmp_path}: MDB_INVALID" in message


# Stopping


def long_poll(daemon: Daemon, wait_s: int) -> http.client.HTTPConnection:
    """A receive that has reached its queue and waits there."""
    sqs = daemon.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    connection = http.client.HTTPConnection(daemon.listen, timeout=PATIENCE_S)
    body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": wait_s})
    target = {"X-Amz-Target": "AmazonSQS.ReceiveMessage"}
    connection.request("POST", "/", body, {"Content-Type": "application/x-amz-json-1.0", **target})
    # Its turn has come when a request after it, on another connection, is answered.
    get(daemon, "/readyz")
    return connection


def test_a_waiting_receive_is_answered_before_the_daemon_stops(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        assert daemon.process is not None
        connection = long_poll(daemon, wait_s=20)
        daemon.process.send_signal(signal.SIGTERM)
        response = connection.getresponse()
        assert (response.status, response.headers["Connection"]) == (200, "close")
        assert daemon.process.wait(PATIENCE_S) == 0


def test_a_request_that_takes_longer_than_the_grace_is_cut(tmp_path: Path) -> None:
    began = tmp_path / "began"
    os.mkfifo(began)
    script = json.dumps(f"echo > {began}; exec sleep 600")
    function = f"""
        [broker]
        shutdown_grace_s = 0.2
        [[function]]
        name = "slow"
        invoker = "subprocess"
        timeout_s = 900
        settings = {{ command = ["/bin/sh", "-c", {script}] }}
    """
    with running_daemon(tmp_path, function) as daemon:
        assert daemon.process is not None
        connection = http.client.HTTPConnection(daemon.listen, timeout=PATIENCE_S)
        connection.request("POST", "/2015-03-31/functions/slow/invocations", "{}")
        began.read_text()  # until the function has come so far
        daemon.process.send_signal(signal.SIGTERM)
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
        assert daemon.process.wait(PATIENCE_S) == 0


def test_a_stopped_daemon_is_found_by_nobody_and_finds_its_messages_again(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        sqs = daemon.client("sqs")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="kept")
        assert daemon.stop() == 0
        with pytest.raises(EndpointConnectionError):
            sqs.send_message(QueueUrl=url, MessageBody="refused")
        daemon.start()
        (message,) = daemon.client("sqs").receive_message(QueueUrl=url)["Messages"]
        assert message["Body"] == "kept"


def test_a_daemon_whose_store_dies_exits_74_to_be_restarted(daemon: Daemon) -> None:
    assert daemon.process is not None
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
    (store,) = (int(pid) for pid in children.read_text().split() if "store.process" in command(pid))
    os.kill(store, signal.SIGKILL)
    assert daemon.process.wait(PATIENCE_S) == 74


def command(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


# Reloading


def test_sighup_takes_in_what_the_file_declares_now(tmp_path: Path) -> None:
    first = '[[queue]]\nname = "kept"\n[[queue]]\nname = "changed"\n'
    with running_daemon(tmp_path, first) as daemon:
        assert daemon.process is not None
        assert daemon.config is not None
        sqs = daemon.client("sqs")

        def queues() -> set[str]:
            return {url.rpartition("/")[2] for url in sqs.list_queues().get("QueueUrls", [])}

        assert queues() == {"kept", "changed"}
        daemon.config.write_text(
            '[[queue]]\nname = "changed"\ndelay_s = 7\n[[queue]]\nname = "new"\n'
        )
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded" in daemon.log())
        assert queues() == {"kept", "changed", "new"}
        url = sqs.get_queue_url(QueueName="changed")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
        assert attributes["Attributes"] == {"DelaySeconds": "7"}

        daemon.config.write_text('[[queue]]\nname = "not-made"\n[[queue]]\nname = "a b"\n')
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "not reloaded" in daemon.log())
        assert f"{daemon.config}:4: queue[1].name" in daemon.log()
        assert queues() == {"kept", "changed", "new"}

        daemon.config.unlink()
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "No such file" in daemon.log())
        assert get(daemon, "/readyz") == (200, "ready\n")


# systemd


@pytest.fixture
def notifications(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd would listen on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(PATIENCE_S)
        yield receiver


def test_systemd_is_told_of_every_step(tmp_path: Path, notifications: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": notifications.getsockname()}
    daemon = Daemon(tmp_path / "data", environment=environment).start()
    assert daemon.process is not None

    def told() -> list[str]:
        return notifications.recv(4_096).decode().split("\n")

    assert told()[0] == "READY=1"
    daemon.process.send_signal(signal.SIGHUP)
    reloading, monotonic = told()
    assert reloading == "RELOADING=1"
    assert int(monotonic.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1_000
    assert told()[0] == "READY=1"
    assert daemon.stop() == 0
    assert told()[0] == "STOPPING=1"


def test_the_watchdog_is_told_only_while_the_store_answers(
    tmp_path: Path, notifications: socket.socket
) -> None:
    environment = {"NOTIFY_SOCKET": notifications.getsockname(), "WATCHDOG_USEC": "400000"}
    daemon = Daemon(tmp_path / "data", environment=environment).start()
    assert daemon.process is not None
    for _ in range(3):
        while notifications.recv(4_096) != b"WATCHDOG=1":
            pass
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
    (store,) = (int(pid) for pid in children.read_text().split() if "store.process" in command(pid))
    os.kill(store, signal.SIGSTOP)
    try:
        # One may have been on its way; then there is silence for several intervals.
        notifications.settimeout(1.0)
        heard = [_receive(notifications) for _ in range(3)]
        assert heard[-1] is None
    finally:
        os.kill(store, signal.SIGCONT)
    notifications.settimeout(PATIENCE_S)
    assert notifications.recv(4_096) == b"WATCHDOG=1"
    assert daemon.stop() == 0


def _receive(receiver: socket.socket) -> bytes | None:
    try:
        return receiver.recv(4_096)
    except TimeoutError:
        return None


def test_a_watchdog_of_another_process_is_left_alone(
    tmp_path: Path, notifications: socket.socket
) -> None:
    environment = {
        "NOTIFY_SOCKET": notifications.getsockname(),
        "WATCHDOG_USEC": "1000",
        "WATCHDOG_PID": "1",
    }
    daemon = Daemon(tmp_path / "data", environment=environment).start()
    assert get(daemon, "/healthz")[0] == 200
    assert daemon.stop() == 0
    assert notifications.recv(4_096).startswith(b"READY=1")
    assert notifications.recv(4_096).startswith(b"STOPPING=1")


# Logs


QUEUE = '[[queue]]\nname = "logged"\n'


def logged(
    tmp_path: Path, stderr: int, environment: dict[str, str], config_text: str = QUEUE
) -> None:
    """Run a daemon that logs to the descriptor, and stop it."""
    config = tmp_path / "broker.toml"
    config.write_text(config_text)
    arguments = ["--config", str(config), "--data-dir", str(tmp_path / "data")]
    process = subprocess.Popen(
        [sys.executable, "-m", "broker.cli", "start", *arguments, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("broker is ready")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def test_logs_are_json_lines_for_programs(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        # The variable of a journal that is connected to something else.
        logged(tmp_path, file.fileno(), {"JOURNAL_STREAM": "1:2"})
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= lines[0].keys()
    assert lines[0]["message"] == "created queue logged"
    assert lines[-1]["message"] == "stopped"


def test_logs_have_priorities_for_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        status = os.fstat(file.fileno())
        logged(tmp_path, file.fileno(), {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "<6>created queue logged"
    assert lines[-1] == "<6>stopped"


def test_logs_are_short_lines_for_people_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        logged(tmp_path, theirs, {})
        text = b""
        while select.select([ours], [], [], 0)[0]:
            text += os.read(ours, 4_096)
    finally:
        os.close(ours)
        os.close(theirs)
    lines = text.decode().splitlines()
    assert lines[0].endswith(" INFO    created queue logged")
    assert lines[0][2] == lines[0][5] == ":"


def test_the_configuration_may_choose_format_and_level(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        logged(tmp_path, file.fileno(), {}, QUEUE + '[log]\nformat = "human"\nlevel = "warning"\n')
    assert "created" not in (tmp_path / "log").read_text()


# Health


def test_health_readiness_and_metrics_are_served(daemon: Daemon) -> None:
    sqs = daemon.client("sqs")
    url = sqs.create_queue(QueueName="counted")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    assert get(daemon, "/healthz") == (200, "ok\n")
    assert get(daemon, "/readyz") == (200, "ready\n")
    status, text = get(daemon, "/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(text)}
    messages = {
        (sample.labels["queue"], sample.labels["state"]): sample.value
        for sample in families["broker_queue_messages"].samples
    }
    assert messages["counted", "visible"] == 1
    assert messages["counted", "in_flight"] == 0
    assert families["broker_store_used_bytes"].samples[0].value > 0
    assert families["broker_store_full"].samples[0].value == 0


def test_parameters_that_cannot_be_read_are_a_clear_400(daemon: Daemon) -> None:
    status, text = get(daemon, "/?Action=ListQueues&QueueNamePrefix=%ff")
    assert status == 400
    assert "can't be read" in text


def test_an_unknown_operation_is_named_in_valid_json(daemon: Daemon) -> None:
    connection = http.client.HTTPConnection(daemon.listen, timeout=PATIENCE_S)
    connection.request("POST", "/", "{}", {"X-Amz-Target": 'Say"hello".Now'})
    answer = json.loads(connection.getresponse().read())
    assert answer["__type"] == "UnknownOperationException"
    assert 'Say"hello".Now' in answer["message"]
    connection.close()


def test_the_limit_of_open_files_is_raised_for_the_connections(tmp_path: Path) -> None:
    limited = 'ulimit -Sn 300; ulimit -Hn 2000; exec "$@"'
    command = [sys.executable, "-m", "broker.cli", "start", "--data-dir", str(tmp_path / "data")]
    process = subprocess.Popen(
        ["/bin/sh", "-c", limited, "sh", *command, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
    assert line.split()[3:5] == ["2000", "2000"]
    assert "only 1744 connections fit below the limit of 2000 open files" in err
