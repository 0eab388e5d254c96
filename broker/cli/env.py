"""`broker env`: exports that point AWS SDKs and tools at the broker"""

import os
import shlex

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import print_json


@click.command()
@url_option
@json_option
def env(url: str | None, as_json: bool) -> None:
    """Print exports for AWS SDKs and tools:  eval "$(broker env)"

    A region and credentials are added only where none are set; any credentials will do.
    """
    with connected(url) as client:
        found = client.status()
        address = client.url
    variables = {"AWS_ENDPOINT_URL": address}
    if not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        variables["AWS_REGION"] = variables["AWS_DEFAULT_REGION"] = found.region
    if not (os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_PROFILE")):
        variables["AWS_ACCESS_KEY_ID"] = found.account
        variables["AWS_SECRET_ACCESS_KEY"] = "any"
    if as_json:
        print_json(variables)
        return
    mine = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or found.region
    if mine != found.region:
        click.echo(f"# your region is {mine}; what the configuration declares is in {found.region}")
    # https://github.com/aws/aws-cli/issues/8737
    click.echo("# version 1 of the AWS CLI ignores AWS_ENDPOINT_URL for SQS: give --endpoint-url")
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
