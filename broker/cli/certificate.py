"""`broker certificate`: what SNS deliveries are signed with, and a new one in its place"""

import time

import click
import msgspec

from broker.cli.confirm import confirm, yes_option
from broker.cli.connection import connected, json_option, url_option
from broker.cli.listing_group import ListingGroup
from broker.cli.output import print_json, print_table, time_text


@click.group(cls=ListingGroup)
def certificate() -> None:
    """List or rotate what SNS deliveries are signed with. Lists if nothing else is said."""


@certificate.command("list")
@url_option
@json_option
def list_certificates(url: str | None, as_json: bool) -> None:
    """List certificates, the current one first."""
    with connected(url) as client:
        found = client.signing_certificates()
        address = client.url
    if as_json:
        print_json({"signing_certificates": [msgspec.structs.asdict(each) for each in found]})
        return
    now_ms = int(time.time() * 1000)
    print_table(
        ("certificate", "signs", "valid from", "valid until", "SHA-256 fingerprint"),
        [
            (
                address + each.path,
                "yes" if each.current else "",
                time_text(each.not_before_ms, now_ms),
                time_text(each.not_after_ms, now_ms),
                each.fingerprint_sha256,
            )
            for each in found
        ],
    )


@certificate.command()
@yes_option
@url_option
@json_option
def rotate(yes: bool, url: str | None, as_json: bool) -> None:
    """Sign with a new certificate from now on. What was signed before still verifies."""
    with connected(url) as client:
        confirm("Make a new certificate, and delete the private key of the current one?", yes)
        made = client.rotate_signing_certificate()
    if as_json:
        print_json(msgspec.structs.asdict(made))
    else:
        click.echo(f"{made.name} is the current certificate.", err=True)
