"""`broker bench`: measure this machine, or a broker that runs"""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import click

from broker import __version__
from broker.bench.address import Address
from broker.bench.daemon import running
from broker.bench.disk import fdatasyncs, is_memory
from broker.bench.load import MeasurementFailed, Sample
from broker.bench.measure import MEASUREMENTS
from broker.cli.connection import EXIT_REFUSED, connected, json_option
from broker.cli.output import print_json, print_table

SYNCS_PER_COMMIT = 2  # LMDB's: the pages, then the page that makes them valid


@click.command()
@click.option(
    "--url",
    metavar="URL",
    help="Measure the broker that runs there, on queues that are made for it and deleted again.",
)
@click.option(
    "--data-dir-parent",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    help="Where a broker is started on an empty directory, and so the disk that is measured. "
    "By default where temporary files are.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 600),
    default=3.0,
    show_default=True,
    help="For each measurement.",
)
@json_option
def bench(url: str | None, data_dir_parent: Path | None, seconds: float, as_json: bool) -> None:
    """Measure how many messages a second this machine takes, each on disk when it is answered.

    Starts a broker of its own, unless --url names one; BROKER_URL doesn't count here, for the load
    is heavy. The load comes from this machine too, and needs processors as the broker does. Bodies
    have 256 bytes.
    """
    if url is not None and data_dir_parent is not None:
        raise click.UsageError("Either --url or --data-dir-parent: a broker has its disk already.")
    parent = data_dir_parent or Path(tempfile.gettempdir())
    syncs = None
    before = signal.signal(signal.SIGTERM, _exit)  # so that no broker is left behind
    try:
        if url is None:
            if is_memory(parent):
                _say(f"{parent} is memory, no disk (give --data-dir-parent); measured all the same")
            _say(f"fdatasync in {parent}")
            syncs = fdatasyncs(parent, seconds)
        with _address(url, parent) as address:
            samples = {}
            for measurement in MEASUREMENTS:
                _say(measurement.name)
                samples[measurement.name] = measurement.run(address, seconds)
    except (MeasurementFailed, OSError) as error:
        click.echo(f"broker: {error}", err=True)
        sys.exit(EXIT_REFUSED)
    finally:
        signal.signal(signal.SIGTERM, before)
    if as_json:
        _print_json(url, parent, seconds, syncs, samples)
    else:
        _print_table(syncs, samples)
    errors = sum(sample.errors for sample in samples.values())
    if errors:
        click.echo(f"broker: {errors:,} requests failed; the figures mean nothing.", err=True)
        sys.exit(EXIT_REFUSED)


@contextmanager
def _address(url: str | None, parent: Path) -> Iterator[Address]:
    """Of the broker that is named, or of one that is started for it."""
    if url is None:
        with running(parent) as daemon:
            yield daemon.address
        return
    address = _parsed(url)
    with connected(url) as client:
        client.status()
    yield address


def _parsed(url: str) -> Address:
    parts = urlsplit(url)
    with suppress(ValueError):  # of a port that is none
        if parts.scheme == "http" and parts.hostname and parts.path in ("", "/"):
            return Address(parts.hostname, parts.port or 80)
    raise click.UsageError(f"--url {url}: write it as http://HOST:PORT.")


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _say(what: str) -> None:
    click.echo(f"{what} ...", err=True)


def _print_table(syncs: Sample | None, samples: dict[str, Sample]) -> None:
    def row(name: str, sample: Sample) -> tuple[object, ...]:
        return (name, f"{sample.value:,.0f}", _ms(sample.p50_ms), _ms(sample.p99_ms))

    rows = [row(name, sample) for name, sample in samples.items()]
    if syncs is not None:
        rows.insert(0, row("fdatasync of a page (the disk alone)", syncs))
    print_table(("", "a second", "p50 ms", "p99 ms"), rows)
    if syncs is not None:
        # What one sender, who waits, can't exceed.
        ceiling = syncs.value / SYNCS_PER_COMMIT
        click.echo(
            f"\nA commit syncs {SYNCS_PER_COMMIT} times: one connection that waits for each answer "
            f"gets at most {ceiling:,.0f} a second on this disk.\n"
            "Many connections share commits: there the processors are the bound, which this load "
            "uses too."
        )


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _print_json(
    url: str | None,
    parent: Path,
    seconds: float,
    syncs: Sample | None,
    samples: dict[str, Sample],
) -> None:
    def shown(sample: Sample) -> dict[str, object]:
        return {
            "per_second": round(sample.value, 1),
            "p50_ms": sample.p50_ms,
            "p99_ms": sample.p99_ms,
            "errors": sample.errors,
        }

    commits = None if syncs is None else round(syncs.value / SYNCS_PER_COMMIT, 1)
    print_json(
        {
            "version": __version__,
            "url": url,
            "data_dir_parent": None if url else str(parent),
            "seconds": seconds,
            "cpus": os.cpu_count(),
            "body_bytes": 256,
            "durability": "synced",
            "fdatasync": None if syncs is None else shown(syncs),
            "commits_per_second_at_most": commits,
            "measurements": [{"name": n, **shown(sample)} for n, sample in samples.items()],
        }
    )
