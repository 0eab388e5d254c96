"""programs in JavaScript, run by Node.js against a daemon"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon

FOLDER = Path(__file__).with_name("javascript")
NODE = shutil.which("node")

needs_node = [
    pytest.mark.skipif(NODE is None, reason="there is no node on PATH"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules" / "sqs-consumer").is_dir(),
        reason="the SDK is not installed: run `make javascript-sdk`",
    ),
]


def start(
    broker: Daemon, program: str, environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """The program as a process, which finds the broker as programs do."""
    assert NODE is not None
    return subprocess.Popen(
        [NODE, program],
        cwd=FOLDER,
        text=True,
        stdout=subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": broker.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "any",
            **(environment or {}),
        },
        **options,
    )


def run(broker: Daemon, program: str, environment: Mapping[str, str] | None = None) -> Any:
    """The JSON that the program prints."""
    with start(broker, program, environment, stderr=subprocess.PIPE) as process:
        try:
            printed, errors = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    return json.loads(printed)


def verdicts(broker: Daemon, authority: Path, documents: list[dict[str, Any]]) -> list[Any]:
    """What AWS's own validator of SNS documents says of each: None, or what is wrong."""
    with start(
        broker,
        "verify.js",
        {"NODE_EXTRA_CA_CERTS": str(authority)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            printed, errors = process.communicate(json.dumps(documents), timeout=100)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    found: list[Any] = json.loads(printed)
    return found
