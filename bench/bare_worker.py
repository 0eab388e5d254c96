"""the Python bootstrap with nothing around it: the ceiling of what a warm worker can do"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from broker.bench.load import Sample, percentiles_ms
from broker_subprocess.runtimes import BOOTSTRAPS

NO_OP = "def handler(event, context):\n    return event\n"

_EVENT = (
    b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: 0\r\n"
    b"Lambda-Runtime-Invoked-Function-Arn: a\r\nLambda-Runtime-Trace-Id: t\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def bare_worker(seconds: float) -> Sample:
    """Events a second that one worker handles, given by a loop that does nothing else."""
    with tempfile.TemporaryDirectory() as code, socket.create_server(("127.0.0.1", 0)) as listener:
        Path(code, "app.py").write_text(NO_OP)
        environment = {
            **os.environ,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{listener.getsockname()[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "a",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "a",
            "AWS_LAMBDA_LOG_STREAM_NAME": "a",
            "LAMBDA_TASK_ROOT": code,
            "_HANDLER": "app.handler",
        }
        bootstrap = [sys.executable, str(BOOTSTRAPS / "bootstrap.py")]
        with subprocess.Popen(bootstrap, env=environment) as worker:
            connection, _ = listener.accept()
            with connection:
                sample = _drive(connection, seconds)
            worker.kill()
    return sample


def _drive(connection: socket.socket, seconds: float) -> Sample:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.recv(65_536)
    event = _EVENT
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        connection.sendall(event)
        connection.recv(65_536)  # the result, and it asks for the next event
        event = _ACCEPTED + _EVENT
        latencies.append(time.perf_counter() - started)
    return Sample(len(latencies) / seconds, *percentiles_ms(sorted(latencies)))
