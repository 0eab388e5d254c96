"""`broker receive --follow`: messages of a queue as they come, by a stream"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
import msgspec

from broker.cli.connection import EXIT_REFUSED, connected
from broker.client import MessageStream, StreamMessage
from broker.core.limits import STREAM_CREDIT_MAX

CREDIT = 1_000  # what is acknowledged as it comes need not be many


def follow_queue(
    queue: str,
    count: int | None,
    visibility_timeout_s: int | None,
    acknowledge: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Print messages until `count` are printed, the stream ends, or the user interrupts.

    A message is acknowledged once it is printed, and confirmed before the next batch is printed.
    """
    left = STREAM_CREDIT_MAX if not acknowledge and count is None else count
    failed = False
    with connected(url) as client:
        credit = CREDIT if acknowledge else STREAM_CREDIT_MAX
        stream = client.stream(
            queue,
            credit=credit if left is None else min(credit, left),
            visibility_timeout_s=visibility_timeout_s,
        )
        try:
            with stream:
                while left is None or left > 0:
                    batch = next(stream)
                    with _interrupts_put_off():
                        _print(batch, as_json)
                        if left is not None:
                            left -= len(batch)
                        if acknowledge:
                            if left is not None:
                                stream.set_credit(min(credit, left))  # or more would be sent
                            failed |= _acknowledge(stream, batch)
        except KeyboardInterrupt:
            pass  # as one ends it
    if failed:
        sys.exit(EXIT_REFUSED)


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """An interrupt waits for the end of the block: what is printed is acknowledged too.

    A second one doesn't.
    """
    interrupted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            raise KeyboardInterrupt
        interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt


def _print(batch: list[StreamMessage], as_json: bool) -> None:
    for message in batch:
        if as_json:
            shown = msgspec.to_builtins(message, builtin_types=(bytes,))
            del shown["tag"]  # which means nothing when the stream has ended
            click.echo(msgspec.json.encode(shown))
        else:
            click.echo(message.body)
    # What can't be printed must not be deleted.
    sys.stdout.flush()


def _acknowledge(stream: MessageStream, batch: list[StreamMessage]) -> bool:
    """Whether any of them was not deleted."""
    stream.acknowledge(batch)
    ids = {message.tag: message.message_id for message in batch}
    errors = stream.confirm()
    for error in errors:
        click.echo(f"broker: {ids[error.tag]} was not deleted: {error.detail}", err=True)
    return bool(errors)
