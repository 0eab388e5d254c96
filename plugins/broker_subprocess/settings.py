"""settings of a function that runs as a program: its command line and working directory"""

import os.path

import msgspec

from broker.plugin import Settings, SettingsError

__all__ = ["SubprocessSettings", "parse_settings"]


class SubprocessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to start for each event."""

    command: tuple[str, ...]  # the program, by path or found on PATH, and its arguments
    cwd: str | None = None  # an absolute path; the daemon's own working directory if not given


def parse_settings(settings: Settings) -> SubprocessSettings:
    """The settings, checked without looking at the disk.

    Raises: SettingsError.
    """
    try:
        parsed = msgspec.convert(dict(settings), SubprocessSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error).replace("`$.", "`")) from None
    if not parsed.command or not parsed.command[0]:
        raise SettingsError("`command` must name a program")
    if any("\0" in part for part in parsed.command):
        raise SettingsError("`command` must not contain NUL characters")
    if parsed.cwd is not None and (not os.path.isabs(parsed.cwd) or "\0" in parsed.cwd):
        raise SettingsError("`cwd` must be an absolute path")
    return parsed
