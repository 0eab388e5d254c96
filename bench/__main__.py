"""`python -m bench [--json FILE] [--quick] [names...]`: measure, print a table, write JSON"""

import argparse
import importlib
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.report import Row, table, to_json
from bench.settings import QUICK, Settings

QUESTIONS = (
    "ceilings",
    "send_message",
    "batches",
    "bulk",
    "full_cycle",
    "stream",
    "fifo",
    "bodies",
    "fan_out",
    "rules",
    "put_events",
    "filters",
    "endpoints",
    "functions",
    "backlog",
    "housekeeping",
    "store_process",
)


def main() -> None:
    """Answer the questions that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(QUESTIONS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: bench/results/<time>")
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    parser.add_argument("--repeats", type=int, help="runs of each (default 3)")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(QUESTIONS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    settings = QUICK if arguments.quick else Settings()
    if arguments.repeats:
        settings = Settings(arguments.repeats, settings.seconds, settings.backlog_messages)
    started = time.monotonic()
    rows: list[Row] = []
    for name in arguments.names or QUESTIONS:
        print(f"{name} ...", flush=True)
        rows += importlib.import_module(f"bench.{name}").measure(settings)
    print(table(rows))
    path = arguments.json or _default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(rows, time.monotonic() - started))
    print(f"\nwritten to {path}")


def _default_path() -> Path:
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path(__file__).parent / "results" / f"{at}.json"


if __name__ == "__main__":
    main()
