"""asking before what can't be undone"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def yes_option(command: F) -> F:
    """--yes."""
    return click.option("--yes", is_flag=True, help="Don't ask.")(command)


def confirm(question: str, yes: bool) -> None:
    """Go on only if that is wanted: `--yes`, or the answer of whoever sits at the terminal."""
    if yes:
        return
    if not _somebody_there():
        raise click.UsageError("There is nobody to ask: give --yes.")
    click.confirm(question, abort=True)


def _somebody_there() -> bool:
    return sys.stdin.isatty()
