"""`broker import`: send the messages of a file of JSON lines to a queue

What is promised. A line counts as done when the broker has answered that its message is on disk,
and the count is kept in a file beside the source. So an import that was cut off goes on without
loss. It goes on without duplicates too, but for one bulk: one whose answer never came, because the
machine, this program or the connection died, may have been stored, and is sent again. (A FIFO queue
drops those duplicates within its deduplication window.) Ctrl-C and SIGTERM wait for the answer, and
leave nothing in doubt.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

import click
import msgspec

from broker.cli.connection import EXIT_REFUSED, connected, json_option, url_option
from broker.cli.import_source import Bulk, Place, PlaceFile, Source
from broker.cli.message_lines import MessageLine, entry
from broker.cli.output import print_json
from broker.cli.pace import Pace
from broker.cli.progress import Advance, progress
from broker.client import BrokerClientError, BrokerUnanswered, Client
from broker.client.results import QueueInfo
from broker.core.limits import BULK_MESSAGES_MAX, LONG_DELAY_S_MAX, MIB

BULK_MESSAGES = 1_000
BULK_BYTES = 4 * MIB  # of lines; a body of 1 MiB may take six
WRONG_SHOWN = 20
WRONG_KEPT = 1_000  # for --json


@click.command("import")
@click.argument("queue")
@click.option("--input", "-i", "source", default="-", metavar="FILE", help="- is standard input.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Messages a second, at most.")
@click.option(
    "--bulk",
    type=click.IntRange(1, BULK_MESSAGES_MAX),
    default=BULK_MESSAGES,
    show_default=True,
    help="Messages of one request: as many may come twice if a crash cuts this off.",
)
@click.option("--resume", is_flag=True, help="Go on where an import of this FILE was cut off.")
@click.option("--from-line", type=click.IntRange(1), help="Begin with this line.")
@click.option("--dry-run", is_flag=True, help="Check all lines, send nothing.")
@url_option
@json_option
def import_(
    queue: str,
    source: str,
    rate: float | None,
    bulk: int,
    resume: bool,
    from_line: int | None,
    dry_run: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Send the messages of a file of JSON lines, as `broker export` writes them, to QUEUE.

    Bodies, attributes and the ids of groups and deduplication are as they were; message ids, times
    and receive counts begin anew. A line needs no more than {"body": "..."}.

    (A FIFO queue drops messages whose deduplication id it has seen in the last five minutes.)

    Stops at a line that can't be sent, with all before it sent. How far it came is noted in
    FILE.QUEUE.imported until all is done: --resume goes on from there.
    """
    if resume and (source == "-" or from_line or dry_run):
        raise click.UsageError("--resume needs --input FILE, no --from-line and no --dry-run.")
    with connected(url) as client, _opened(source) as file:
        info = client.queue(queue)
        lines = Source(file)
        if dry_run:
            lines.skip((from_line or 1) - 1)
            _check(lines, info, as_json)
            return
        kept = None if source == "-" else PlaceFile(Path(source), queue)
        _begin(lines, kept, resume, from_line)
        sending = _Sending(client, queue, lines, kept, Pace(rate))
        total = None if source == "-" else os.fstat(file.fileno()).st_size
        try:
            with progress("importing", total, "bytes") as advance, _signals(sending):
                advance(lines.place().offset)
                sending.run(bulk, advance)
        except BrokerClientError as error:
            click.echo(f"broker: {sending.told(error)}", err=True)
            raise
    _tell(sending, as_json)


class _Sending:
    """Sends bulk after bulk, and notes behind each that it was answered."""

    def __init__(
        self, client: Client, queue: str, lines: Source, kept: PlaceFile | None, pace: Pace
    ) -> None:
        self.queue = queue
        self.place = lines.place()  # behind what is done
        self.sent = 0
        self.wrong: list[tuple[int, str]] = []  # lines, and why they weren't sent
        self.done = False
        self.stopped = threading.Event()
        self.stopped_by = 0
        self._client = client
        self._lines = lines
        self._kept = kept
        self._pace = pace
        self._under_way: list[int] = []

    def run(self, bulk_messages: int, advance: Advance) -> None:
        """Until the end, a line that can't be sent, or `stop`."""
        self._save()
        while not self.stopped.is_set() and not self.wrong:
            bulk = self._lines.bulk(self._pace.bulk(bulk_messages), BULK_BYTES)
            if bulk.lines:
                self._pace.wait(len(bulk.lines), self.stopped.wait)
                if self.stopped.is_set():
                    return
                self._send(bulk)
            self.place = self._lines.place()
            self._save()
            advance(bulk.size, note=f"({self.sent:,} messages sent)")
            if bulk.bad is not None:
                self.wrong.append(bulk.bad)
            elif not bulk.size and not self.wrong:
                self.done = True
                if self._kept is not None:
                    self._kept.forget()
                return

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Finish what is under way; a second signal ends it at once."""
        if self.stopped.is_set():
            raise KeyboardInterrupt
        self.stopped_by = number
        self.stopped.set()

    def told(self, error: BrokerClientError) -> str:
        """What is known of the lines when the broker has failed."""
        text = self.how_to_go_on()
        if isinstance(error, BrokerUnanswered):
            first, last = self._under_way[0], self._under_way[-1]
            text += f" Whether lines {first:,} to {last:,} were sent is not known: that sends them."
        return text

    def how_to_go_on(self) -> str:
        """For people."""
        how = "--resume" if self._kept is not None else f"--from-line {self.place.lines + 1}"
        return f"{self.sent:,} messages sent, up to line {self.place.lines:,}; {how} goes on."

    def _send(self, bulk: Bulk) -> None:
        self._under_way = bulk.numbers
        result = self._client.send_many(self.queue, [entry(line) for line in bulk.lines])
        self.sent += len(bulk.lines) - len(result.errors)
        for error in result.errors:
            self.wrong.append((bulk.numbers[error.index], f"{error.code}: {error.detail}"))

    def _save(self) -> None:
        if self._kept is None:
            return
        try:
            self._kept.save(self.place)
        except OSError as error:
            raise click.UsageError(f"{self._kept.path}: {error.strerror}") from None


@contextmanager
def _signals(sending: _Sending) -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the answer to what was sent."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, sending.stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115  (what fails in the block is not its fault)
    except OSError as error:
        raise click.UsageError(f"{source}: {error.strerror}") from None
    with file:
        yield file


def _begin(lines: Source, kept: PlaceFile | None, resume: bool, from_line: int | None) -> None:
    """Go to where this import begins."""
    place: Place | None = None
    if kept is not None:
        try:
            place = kept.load()
        except (OSError, msgspec.DecodeError) as error:
            raise click.UsageError(f"{kept.path} can't be read: {error}") from None
        if resume and place is None:
            raise click.UsageError(f"{kept.path} isn't there: no import was cut off.")
        if place is not None and not resume and from_line is None:
            raise click.UsageError(
                f"An import of this file was cut off behind line {place.lines:,}. "
                "--resume goes on there, --from-line 1 begins anew."
            )
    if resume:
        assert place is not None
        if not lines.go_to(place):
            raise click.UsageError(
                f"The file has changed before line {place.lines + 1:,}, where --resume would go on."
            )
    elif from_line is not None:
        lines.skip(from_line - 1)


def _tell(sending: _Sending, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "sent": sending.sent,
                "lines": sending.place.lines,
                "done": sending.done,
                "refused": [{"line": n, "detail": why} for n, why in sending.wrong],
            }
        )
    if sending.done:
        click.echo(f"{sending.sent:,} messages sent to {sending.queue}.", err=True)
        return
    _print_wrong(sending.wrong)
    click.echo(f"broker: {sending.how_to_go_on()}", err=True)
    sys.exit(EXIT_REFUSED if sending.wrong else 128 + sending.stopped_by)


def _print_wrong(wrong: list[tuple[int, str]]) -> None:
    for number, why in wrong[:WRONG_SHOWN]:
        click.echo(f"broker: line {number:,}: {why}", err=True)
    if len(wrong) > WRONG_SHOWN:
        click.echo("broker: and more", err=True)


def _check(lines: Source, queue: QueueInfo, as_json: bool) -> None:
    """Say what is wrong with any line, by the rules that the broker has."""
    wrong: list[tuple[int, str]] = []  # the first of them
    messages = count = 0

    def note(number: int, why: str) -> None:
        nonlocal count
        count += 1
        if count <= WRONG_KEPT:
            wrong.append((number, why))

    while True:
        bulk = lines.bulk(BULK_MESSAGES, BULK_BYTES)
        for number, line in zip(bulk.numbers, bulk.lines, strict=True):
            why = _refusal(line, queue)
            if why is not None:
                note(number, why)
        messages += len(bulk.lines)
        if bulk.bad is not None:
            note(*bulk.bad)
            lines.pass_bad()
        elif not bulk.size:
            break
    if as_json:
        refused = [{"line": number, "detail": why} for number, why in wrong]
        print_json({"messages": messages, "wrong": count, "refused": refused})
    _print_wrong(wrong)
    click.echo(f"{messages:,} messages, {count:,} lines that can't be sent.", err=True)
    if count:
        sys.exit(EXIT_REFUSED)


def _refusal(line: MessageLine, queue: QueueInfo) -> str | None:
    # Imported late: the edge brings much with it.
    from broker.core.errors import BrokerError
    from broker.core.resources import Queue
    from broker.edge.native.message import Entry, Sending, to_message

    plain: Any = msgspec.to_builtins(entry(line), builtin_types=(bytes,))
    settings = Queue(
        name=queue.name,
        maximum_message_size=queue.maximum_message_size,
        fifo=queue.fifo,
        content_based_deduplication=queue.content_based_deduplication,
    )
    # How long a delay the broker allows, it says only to whoever asks for one.
    sending = Sending(settings, {}, now_ms=0, delay_s_max=LONG_DELAY_S_MAX)
    try:
        to_message(sending, msgspec.convert(plain, Entry), bytes(16))
    except BrokerError as refusal:
        return f"{type(refusal).__name__}: {refusal.message}"
    except msgspec.ValidationError as error:
        return str(error)
    return None
