"""which command runs a function's code, by the name of its runtime"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from broker_subprocess.settings import SubprocessSettings

__all__ = ["BOOTSTRAPS", "RuntimeMissing", "command"]

BOOTSTRAPS = Path(__file__).parent / "bootstraps"


class RuntimeMissing(Exception):
    """This host hasn't what the runtime needs; the message says what."""


def command(settings: SubprocessSettings, code: str, path: str) -> tuple[str, ...]:
    """The command, with programs looked for on `path`. Blocks: it may ask a program its version.

    Raises: RuntimeMissing.
    """
    runtime = settings.runtime or ""
    if runtime.startswith("python"):
        return _python(runtime, path), str(BOOTSTRAPS / "bootstrap.py")
    if runtime.startswith("nodejs"):
        return _node(runtime, path), str(BOOTSTRAPS / "bootstrap.mjs")
    words = settings.command or (os.path.join(code, "bootstrap"),)
    # Asked here, because what a worker is started through says only how that ended.
    if not _is_program(words[0], settings.cwd or code, path):
        raise RuntimeMissing(f"{words[0]} is not there or is not executable")
    return words


def _is_program(name: str, cwd: str, path: str) -> bool:
    if "/" in name:
        name = os.path.join(cwd, name)
    return shutil.which(name, path=path) is not None


def _python(runtime: str, path: str) -> str:
    found = shutil.which(runtime, path=path)
    if found is not None and _version(found):  # a version manager's shim may be there without it
        return found
    if f"python3.{sys.version_info.minor}".startswith(runtime):
        return sys.executable
    raise RuntimeMissing(f"there is no {runtime} on this host")


def _node(runtime: str, path: str) -> str:
    found = shutil.which("node", path=path)
    version = _version(found) if found is not None else ""
    if not found or not version:
        raise RuntimeMissing("there is no Node.js on this host")
    wanted = runtime.removeprefix("nodejs").removesuffix(".x")
    if wanted and version.removeprefix("v").partition(".")[0] != wanted:
        raise RuntimeMissing(f"the Node.js of this host, {found}, is {version} and not {wanted}.x")
    return found


@cache
def _version(program: str) -> str:
    """What it says of its version; "" if it doesn't run."""
    try:
        asked = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip()
