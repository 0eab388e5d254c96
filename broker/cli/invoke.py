"""`broker invoke`: run a function"""

import sys

import click
import msgspec

from broker.cli.connection import EXIT_REFUSED, connected, json_option, url_option
from broker.cli.output import print_json, read_text


@click.command()
@click.argument("function")
@click.option("--payload", default="{}", metavar="JSON", help="@FILE or - reads it.")
@click.option("--async", "asynchronous", is_flag=True, help="Put it into the function's queue.")
@click.option("--log", is_flag=True, help="Print the end of the function's log on stderr.")
@url_option
@json_option
def invoke(
    function: str,
    payload: str,
    asynchronous: bool,
    log: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Run FUNCTION and print what it answers; with --async the request's id.

    A function that fails ends the command with exit code 1.
    """
    text = read_text(payload, "--payload")
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"--payload must be JSON: {error}") from None
    with connected(url) as client:
        if asynchronous:
            accepted = client.invoke_async(function, document)
            if as_json:
                print_json({"request_id": accepted.request_id})
            else:
                click.echo(accepted.request_id)
            return
        invocation = client.invoke(function, document)
    if log:
        click.echo(invocation.log_tail, nl=False, err=True)
    if as_json:
        print_json(invocation)
    else:
        click.echo(msgspec.json.encode(invocation.payload).decode())
    if invocation.function_error is not None:
        click.echo(f"broker: the function failed ({invocation.function_error})", err=True)
        sys.exit(EXIT_REFUSED)
