"""a daemon with functions, and how its tests wait for them: on FIFOs, never on the clock"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.daemon import Daemon, running_daemon

SCRIPT = Path(__file__).with_name("function.py")


def function_table(name: str, handler: str, more: str = "", **environment: str) -> str:
    """A `[[function]]` of the configuration."""
    variables = ", ".join(f'{key} = "{value}"' for key, value in environment.items())
    return f"""
[[function]]
name = "{name}"
invoker = "subprocess"
handler = "{handler}"
timeout_s = 60
settings = {{ command = ["{sys.executable}", "-S", "-E", "{SCRIPT}"] }}
environment = {{ {variables} }}
{more}
"""


@contextmanager
def daemon_with_functions(folder: Path) -> Iterator[Daemon]:
    """Functions for every case; their FIFOs lie in the folder under their names."""
    for name in ("tell", "record", "block", "block.gate"):
        os.mkfifo(folder / name)
    config = "".join(
        (
            '[[queue]]\nname = "dead-letters"\n',
            function_table("echo", "echo", 'description = "says it again"', STAGE="test"),
            function_table("exit", "exit"),
            function_table("nothing", "nothing"),
            function_table("tell", "tell", FIFO=str(folder / "tell")),
            function_table("record", "tell", FIFO=str(folder / "record")),
            function_table("off", "echo", "reserved_concurrency = 0"),
            function_table(
                "block",
                "block",
                "reserved_concurrency = 1",
                FIFO=str(folder / "block"),
                GATE=str(folder / "block.gate"),
            ),
            function_table(
                "fail",
                "fail",
                'retry_delays_s = [0.05]\ndead_letter_queue = "dead-letters"',
                FIFO=str(folder / "attempts"),
            ),
        )
    )
    with running_daemon(folder, config) as running:
        yield running


def told(fifo: Path) -> Any:
    """What the next function writes into the FIFO; waits for it."""
    return fifo.read_text()


def open_gate(folder: Path) -> None:
    """Let the function `block` end; waits until it stands at its gate."""
    (folder / "block.gate").write_text("")
