"""`broker export`: write the messages of a queue to a file, as JSON lines, and leave them there

Each line has its message's cursor, so the file itself tells where an interrupted export goes on.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import click

from broker.cli.connection import EXIT_REFUSED, connected, url_option
from broker.cli.message_lines import BadLine, decode, encode
from broker.cli.progress import progress
from broker.cli.scan import depth, scan, wanted_options

_TAIL_BYTES = 1 << 16


@click.command()
@click.argument("queue")
@click.option("--output", "-o", default="-", metavar="FILE", help="- is standard output.")
@click.option("--resume", is_flag=True, help="Go on where an export into this FILE was cut off.")
@click.option("--after", default="", metavar="CURSOR", help="Begin behind this message.")
@wanted_options
@url_option
def export(
    queue: str,
    output: str,
    resume: bool,
    after: str,
    filters: dict[str, Any],
    url: str | None,
) -> None:
    """Write all messages of QUEUE as JSON lines, in the order they become visible.

    Nothing is received or deleted. Of a queue that is in use meanwhile, messages that are received
    or come back may be written twice or not at all; one that nobody touches is written once.
    """
    if resume and (output == "-" or after):
        raise click.UsageError("--resume needs --output FILE, and no --after.")
    count = 0
    last = after
    with connected(url) as client:
        total = depth(client, queue)  # before a file is made for a queue that isn't there
        with _opened(output, resume) as (file, cursor):
            last = last or cursor
            printed = output == "-" and sys.stdout.isatty()
            try:
                with progress("exporting", total, shown=not printed) as advance:
                    for page in scan(client, queue, last, **filters):
                        file.writelines(map(encode, page.items))
                        file.flush()
                        count += len(page.items)
                        last = page.next or last
                        advance(page.scanned, note=f"({count:,} written)")
                if output != "-":
                    os.fsync(file.fileno())
            except BaseException as error:
                how = "--resume" if output != "-" else f"--after {last}" if last else "a new start"
                click.echo(f"broker: cut off after {count:,} messages; {how} goes on.", err=True)
                if isinstance(error, OSError):
                    click.echo(f"broker: {output}: {error.strerror}", err=True)
                    if output == "-":  # or the interpreter tries again to write at its end
                        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                    sys.exit(EXIT_REFUSED)
                raise
    click.echo(f"{count:,} messages of {queue} written.", err=True)


@contextmanager
def _opened(output: str, resume: bool) -> Iterator[tuple[IO[bytes], str]]:
    """Where to write, and the cursor behind which to go on."""
    if output == "-":
        yield sys.stdout.buffer, ""
        return
    path = Path(output)
    try:
        file = path.open("r+b" if resume else "xb")
    except FileExistsError:
        raise click.UsageError(
            f"{path} is there already. --resume goes on with it; else give another name."
        ) from None
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None
    try:
        yield file, _cut_to_last_line(file, path) if resume else ""
    finally:
        with suppress(OSError):  # what was told to be written has been synced before
            file.close()


def _cut_to_last_line(file: IO[bytes], path: Path) -> str:
    """Drop a line that was cut off, go to the file's end; the cursor of the last whole line."""
    size = file.seek(0, os.SEEK_END)
    length = _TAIL_BYTES
    while True:
        start = max(0, size - length)
        file.seek(start)
        tail = file.read()
        end = tail.rfind(b"\n") + 1
        begin = tail.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if start == 0 or (end and begin):
            break
        length *= 4
    cursor = ""
    if end:
        try:
            cursor = decode(tail[begin:end]).cursor
        except BadLine as bad:
            raise click.UsageError(f"{path}: its last line is no exported message: {bad}") from None
        if not cursor:
            raise click.UsageError(f"{path}: its last line has no cursor to go on from.")
    file.truncate(start + end)
    file.seek(start + end)
    return cursor
