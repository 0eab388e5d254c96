"""the command's root: the list of commands, each loaded when it is called"""

import errno
import os
from importlib import import_module

import click

from broker import __version__

# Loaded late, so that `broker start` doesn't wait for what only other commands need.
COMMANDS = {
    "start": "broker.cli.start:start",
    "check": "broker.cli.check:check",
    "status": "broker.cli.status:status",
    "env": "broker.cli.env:env",
    "send": "broker.cli.messages:send",
    "receive": "broker.cli.messages:receive",
    "peek": "broker.cli.peek:peek",
    "show": "broker.cli.peek:show",
    "dead-letters": "broker.cli.dead_letters:dead_letters",
    "edit": "broker.cli.edit:edit",
    "redrive": "broker.cli.redrive:redrive",
    "discard": "broker.cli.redrive:discard",
    "export": "broker.cli.export:export",
    "import": "broker.cli.import_:import_",
    "purge": "broker.cli.queues:purge",
    "queues": "broker.cli.queues:queues",
    "stats": "broker.cli.stats:stats",
    "topics": "broker.cli.topics:topics",
    "subscriptions": "broker.cli.subscriptions:subscriptions",
    "deliveries": "broker.cli.deliveries:deliveries",
    "schedules": "broker.cli.schedules:schedules",
    "publish": "broker.cli.publish:publish",
    "put-event": "broker.cli.publish:put_event",
    "subscribe": "broker.cli.subscribe:subscribe",
    "archives": "broker.cli.archives:archives",
    "replays": "broker.cli.replays:replays",
    "tail": "broker.cli.tail:tail",
    "test-pattern": "broker.cli.why:test_pattern",
    "why": "broker.cli.why:why",
    "why-not": "broker.cli.why:why_not",
    "lint": "broker.cli.lint:lint",
    "invoke": "broker.cli.invoke:invoke",
    "logs": "broker.cli.function_logs:logs",
    "usage": "broker.cli.usage:usage",
    "plugin": "broker.cli.plugin:plugin",
    "certificate": "broker.cli.certificate:certificate",
    "bench": "broker.cli.bench:bench",
    "completion": "broker.cli.completion:completion",
}

EPILOG = """\b
Exit codes:
  0   done
  1   the broker refused, the function failed, or there was something wrong with the data
  2   the command line was wrong
  3   no broker answers at the address
  4   the broker did not answer in time; the request may have been done
  69  start: can't listen    74  start: the store failed
  78  start, check: the configuration was wrong
\b
The address is --url, else BROKER_URL, else http://127.0.0.1:4566.
"""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # What is still buffered for a full disk would fail once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            place = error.filename or "the output"
            raise click.ClickException(f"{place} can't be written: {error.strerror}") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="broker")
def main() -> None:
    """A durable event broker: queues, topics, rules and functions on this machine."""
