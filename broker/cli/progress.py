"""a progress bar for people who wait: on stderr, if that is a terminal"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[..., None]  # how many more are done; `note`: what to say beside the bar


@contextmanager
def progress(
    what: str, total: int | None, unit: str = "messages", *, shown: bool = True
) -> Iterator[Advance]:
    """A bar that goes when the block is left; `total` may be a guess, or None.

    Not to be `shown` while anything else is printed on the same terminal.
    """
    # Imported late: only what takes long needs it.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit} {{task.fields[note]}}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
        redirect_stdout=False,  # it would redirect it to stderr
        redirect_stderr=False,
    ) as bar:
        task = bar.add_task(what, total=total or None, note="")

        def advance(count: int, note: str = "") -> None:
            bar.update(task, advance=count, note=note)

        yield advance
