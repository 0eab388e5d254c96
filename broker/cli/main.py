"""the command's root: options that all commands share, and the list of commands"""

import click

from broker import __version__
from broker.cli.start import start


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="broker")
def main() -> None:
    """A durable event broker: queues, topics, rules and functions on this machine."""


main.add_command(start)
