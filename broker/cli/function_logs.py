"""`broker logs`: what a function logs"""

import contextlib

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import print_json, print_json_line, printable
from broker.client import FunctionLogLine

WAIT_S = 10.0
DATE_CHARS = 11  # of a time, that people don't want to see on each line


@click.command()
@click.argument("function")
@click.option("-n", "--lines", default=100, show_default=True, help="How many, of the end.")
@click.option("-f", "--follow", is_flag=True, help="Go on with those that come, until Ctrl-C.")
@click.option("--request", "request_id", default="", help="Only those of a request, by its id.")
@url_option
@json_option
def logs(
    function: str, lines: int, follow: bool, request_id: str, url: str | None, as_json: bool
) -> None:
    """Print the end of what FUNCTION has logged, in all its versions.

    Each line has its time (UTC) and the beginning of its request's id. With --follow and --json, a
    line of JSON for each.
    """
    with connected(url) as client, contextlib.suppress(KeyboardInterrupt):
        page = client.function_log(function, lines=lines)
        if as_json and not follow:
            print_json({"lines": _of(page.lines, request_id)})
            return
        _print(_of(page.lines, request_id), as_json=as_json)
        while follow:
            page = client.function_log(function, after=page.next, wait_s=WAIT_S)
            _print(_of(page.lines, request_id), as_json=as_json)


def _of(lines: list[FunctionLogLine], request_id: str) -> list[FunctionLogLine]:
    return [line for line in lines if not request_id or request_id.startswith(line.request)]


def _print(lines: list[FunctionLogLine], *, as_json: bool) -> None:
    for line in lines:
        if as_json:
            print_json_line(line)
        else:
            text = printable(line.text.replace("\t", "  "))
            click.echo(f"{line.time[DATE_CHARS:]} {line.request} {text}")
