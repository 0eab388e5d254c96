"""settings of a function that runs on this host: its program, or its code and the runtime for it"""

import os.path
import re
from typing import Annotated, Literal

import msgspec

from broker.plugin import Settings, SettingsError, read_settings

__all__ = ["SubprocessSettings", "parse_settings"]

# Python and Node.js are there by bootstraps of our own; everything else brings its own.
RUNTIME = re.compile(r"python3(\.[0-9]{1,2})?|nodejs([0-9]{1,2}\.x)?|provided(\.[a-z0-9]{1,16})?")


class SubprocessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to start: for each event, or if a `runtime` is given once for many.

    With `provided` the command speaks the Lambda Runtime API itself; it is the file `bootstrap` of
    the code unless another one is given.
    """

    command: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="The program, by path or found on PATH, and its arguments."),
    ] = ()
    cwd: Annotated[
        str | None,
        msgspec.Meta(description="An absolute path; by default the code's, or the daemon's."),
    ] = None
    runtime: Annotated[
        str | None,
        msgspec.Meta(description="python3.12, python3, nodejs22.x, nodejs, provided."),
    ] = None
    code: Annotated[
        str | None,
        msgspec.Meta(description="The directory of the code, an absolute path, if not uploaded."),
    ] = None
    idle_s: Annotated[
        float, msgspec.Meta(description="A worker without events for so long is ended.")
    ] = 300.0
    isolation: Annotated[
        Literal["bubblewrap"] | None,
        msgspec.Meta(description="Workers write to a /tmp of their own only, and see nobody else."),
    ] = None


def parse_settings(settings: Settings) -> SubprocessSettings:
    """The settings, checked without looking at the disk.

    Raises: SettingsError.
    """
    parsed = read_settings(settings, SubprocessSettings)
    if parsed.runtime is None:
        _check_stdio(parsed)
    else:
        _check_runtime(parsed, parsed.runtime)
    if any("\0" in part for part in parsed.command):
        raise SettingsError("`command` must not contain NUL characters")
    for key, path in (("cwd", parsed.cwd), ("code", parsed.code)):
        if path is not None and (not os.path.isabs(path) or "\0" in path):
            raise SettingsError(f"`{key}` must be an absolute path")
    return parsed


def _check_stdio(settings: SubprocessSettings) -> None:
    if not settings.command or not settings.command[0]:
        raise SettingsError("`command` must name a program, or `runtime` a runtime")
    if settings.code is not None:
        raise SettingsError("`code` is of no use without `runtime`")
    if settings.isolation is not None:
        raise SettingsError("`isolation` is for functions with a `runtime`")


def _check_runtime(settings: SubprocessSettings, runtime: str) -> None:
    if not RUNTIME.fullmatch(runtime):
        raise SettingsError(
            f"`runtime` {runtime!r} is not to be had: python3.N, nodejsN.x and provided are; "
            "any other runs as provided, with a bootstrap of its own"
        )
    if settings.command and not runtime.startswith("provided"):
        raise SettingsError("`command` with `runtime` is for provided: the others know theirs")
    if settings.idle_s <= 0:
        raise SettingsError("`idle_s` must be more than 0")
