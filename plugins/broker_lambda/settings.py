"""settings of a function on AWS Lambda: which one, where, and with whose credentials"""

import os.path
import re
from typing import Annotated, Literal

import httpx
import msgspec

from broker.plugin import Secret, Settings, SettingsError, read_settings

__all__ = ["LambdaSettings", "parse_settings"]

HEADER_TEXT = re.compile(r"[\x21-\x7e]*")  # they are sent within headers


class LambdaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The function to invoke. What is not given is the invoked function's own, or AWS's."""

    function_name: Annotated[
        str | None,
        msgspec.Meta(description="A name or an ARN; by default the function's own name."),
    ] = None
    qualifier: Annotated[str | None, msgspec.Meta(description="A version or an alias.")] = None
    region: Annotated[str | None, msgspec.Meta(description="By default the function's own.")] = None
    endpoint_url: Annotated[
        str | None, msgspec.Meta(description="Of what speaks Lambda's API; by default AWS.")
    ] = None
    access_key_id: Annotated[
        str | None, msgspec.Meta(description="By default AWS_ACCESS_KEY_ID of the daemon.")
    ] = None
    secret_access_key: Annotated[Secret | None, msgspec.Meta(description="Likewise.")] = None
    session_token: Annotated[Secret | None, msgspec.Meta(description="Likewise.")] = None

    profile: Annotated[str | None, msgspec.Meta(description="Of the shared credentials file.")] = (
        None
    )
    credentials_file: Annotated[
        str | None, msgspec.Meta(description="An absolute path; by default ~/.aws/credentials.")
    ] = None
    invocation_type: Annotated[
        Literal["RequestResponse", "Event"],
        msgspec.Meta(description="Wait for the function there, or leave it to Lambda."),
    ] = "RequestResponse"

    def __repr__(self) -> str:
        return f"LambdaSettings({self.function_name!r}, ...)"


def parse_settings(settings: Settings) -> LambdaSettings:
    """The settings, checked without asking the network.

    Raises: SettingsError, which shows no value.
    """
    parsed = read_settings(settings, LambdaSettings)
    for key in ("function_name", "qualifier", "region", "access_key_id", "secret_access_key"):
        if getattr(parsed, key) == "":
            raise SettingsError(f"`{key}` must not be empty")
    for key in ("region", "access_key_id", "session_token"):
        value = getattr(parsed, key) or ""
        if not HEADER_TEXT.fullmatch(value) or ("/" in value and key != "session_token"):
            raise SettingsError(f"`{key}` has characters it cannot have")
    if parsed.access_key_id is not None and parsed.secret_access_key is None:
        raise SettingsError("`secret_access_key` is missing beside `access_key_id`")
    if parsed.access_key_id is None and parsed.secret_access_key is not None:
        raise SettingsError("`access_key_id` is missing beside `secret_access_key`")
    if parsed.access_key_id is None and parsed.session_token is not None:
        raise SettingsError("`access_key_id` is missing beside `session_token`")
    if parsed.credentials_file is not None and not os.path.isabs(parsed.credentials_file):
        raise SettingsError("`credentials_file` must be an absolute path")
    if parsed.access_key_id is not None and (parsed.profile or parsed.credentials_file):
        raise SettingsError("`access_key_id` and `profile` or `credentials_file`: one of them")
    if parsed.endpoint_url is not None:
        _check_endpoint(parsed.endpoint_url)
    return parsed


def _check_endpoint(endpoint_url: str) -> None:
    try:
        url = httpx.URL(endpoint_url)
    except httpx.InvalidURL:
        raise SettingsError("`endpoint_url` is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError("`endpoint_url` must begin with http:// or https:// and name a host")
    if url.userinfo or url.query or url.fragment:
        raise SettingsError("`endpoint_url` must not have credentials, a query or a fragment")
