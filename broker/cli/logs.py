"""logs on stderr: for people on a terminal, for journald under systemd, else JSON lines"""

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from broker.config.tables import LogSettings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


class _Human(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


class _Journald(logging.Formatter):
    """Levels as journald's prefixes; it adds the time itself. Source: sd-daemon(3)."""

    def format(self, record: logging.LogRecord) -> str:
        # Each line is an entry of its own to journald, with a priority of its own.
        prefix = f"<{_PRIORITIES.get(record.levelname, 6)}>"
        return prefix + super().format(record).replace("\n", f"\n{prefix}  ")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({k: v for k, v in vars(record).items() if k not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(settings: LogSettings) -> None:
    """Set up the root logger."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings.format))
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _is_journal(fd: int) -> bool:
    """Whether journald reads it. The variable alone may be inherited. Source: systemd.exec(5)."""
    status = os.fstat(fd)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _formatter(chosen: str) -> logging.Formatter:
    if chosen == "auto":
        if _is_journal(sys.stderr.fileno()):
            chosen = "journald"
        else:
            chosen = "human" if sys.stderr.isatty() else "json"
    formatters: dict[str, Callable[[], logging.Formatter]] = {
        "human": _Human,
        "journald": _Journald,
        "json": _Json,
    }
    return formatters[chosen]()
