"""`broker start`: run the daemon in the foreground"""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from broker.cli.logs import configure_logging
from broker.config import ConfigError, load_config

if TYPE_CHECKING:
    from broker.daemon import Started

config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="BROKER_CONFIG",
    help="Configuration file (TOML).",
)


@click.command()
@config_option
@click.option("--data-dir", envvar="BROKER_DATA_DIR", help="Where the data lies.")
@click.option(
    "--listen", envvar="BROKER_LISTEN", metavar="ADDR:PORT", help="Default 127.0.0.1:4566."
)
def start(config: Path | None, data_dir: str | None, listen: str | None) -> None:
    """Run the daemon until SIGTERM or Ctrl-C."""
    # Here and not above: no other command, nor --help, should wait for these to load.
    import trio

    from broker.daemon import EXIT_CONFIG, CannotStart, Options, run

    try:
        configure_logging(load_config(config).log)
        trio.run(run, Options(config, data_dir, listen), _tell)
    except ConfigError as error:
        click.echo(f"broker: {error}", err=True)
        sys.exit(EXIT_CONFIG)
    except CannotStart as refusal:
        click.echo(f"broker: {refusal}", err=True)
        sys.exit(refusal.code)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # before it was ready; after that the daemon handles it


def _tell(started: "Started") -> None:
    """What a person wants to know first, and what to type next."""
    click.echo(f"broker is ready on {started.url}")
    click.echo(f"  data         {started.data_directory}")
    click.echo("  durability   an answer means on disk: every commit is synced")
    click.echo(f"  config       {started.config or 'none (defaults)'}")
    if started.local_networks:
        networks = ", ".join(started.local_networks)
        click.echo(f"  deliveries   may reach this machine: {networks}")
    status = f"broker status --url {started.url}"
    click.echo(f"  try          curl {started.url}/healthz   or   {status}")
    sys.stdout.flush()
