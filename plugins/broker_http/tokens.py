"""tokens of OAuth 2.0 for client credentials: asked for once, and used until they end"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlencode

import msgspec
import trio

from broker.plugin import InvokerUnavailable, SettingsError
from broker_http.secrets import secret_text
from broker_http.settings import OAuth, checked_header

__all__ = ["Ask", "Tokens"]

MARGIN_S = 60.0  # before it ends, a token is no longer used
LIFE_S = 3_600.0  # of one that doesn't say

Ask = Callable[[str, bytes, Mapping[str, str]], Awaitable[tuple[int, bytes]]]
"""POSTs to a URL a body with headers; the status and the body of the answer."""


@dataclass(slots=True)
class _Token:
    text: str = ""
    until: float = 0.0
    times_asked: int = 0
    failure: str = ""  # of the last time
    asking: trio.Lock = field(default_factory=trio.Lock)


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


class Tokens:
    """Those of all functions; functions with the same authorization share one."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._tokens: dict[tuple[str, str, bytes, str], _Token] = {}

    async def get(self, oauth: OAuth) -> str:
        """A token that is good still. Raises: InvokerUnavailable.

        Who has waited while another asked has that one's answer, also if there was none.
        """
        token = self._tokens.setdefault(_key(oauth), _Token())
        times_asked = token.times_asked
        async with token.asking:
            if trio.current_time() < token.until:
                return token.text
            if token.failure and token.times_asked > times_asked:
                raise InvokerUnavailable(token.failure)
            token.times_asked += 1
            token.failure = "the authorization server doesn't answer"  # unless it does now
            try:
                granted = await self._granted(oauth)
            except InvokerUnavailable as error:
                token.failure = str(error)
                raise
            token.failure = ""
            life_s = LIFE_S if granted.expires_in is None else granted.expires_in
            token.text = granted.access_token
            token.until = trio.current_time() + max(life_s - MARGIN_S, 0.0)
            return token.text

    def forget(self, oauth: OAuth) -> None:
        """It was refused: the next one is a new one."""
        if (token := self._tokens.get(_key(oauth))) is not None:
            token.until = 0.0

    async def _granted(self, oauth: OAuth) -> _Granted:
        form = {
            "grant_type": "client_credentials",
            "client_id": secret_text(oauth.client_id),
            "client_secret": secret_text(oauth.client_secret),
        }
        if oauth.scope:
            form["scope"] = oauth.scope
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        status, body = await self._ask(oauth.token_url, urlencode(form).encode(), headers)
        if status != 200:
            raise InvokerUnavailable(f"the authorization server answered {status}")
        try:
            # Not strictly: some servers say in a text for how many seconds it is good.
            granted = msgspec.json.decode(body, type=_Granted, strict=False)
            checked_header("authorization", "Authorization", f"Bearer {granted.access_token}")
        except (msgspec.DecodeError, UnicodeDecodeError, SettingsError):
            raise InvokerUnavailable("the authorization server's answer has no token") from None
        return granted


def _key(oauth: OAuth) -> tuple[str, str, bytes, str]:
    """Who knows no secret has no token by it."""
    secret = sha256(secret_text(oauth.client_secret).encode()).digest()
    return oauth.token_url, secret_text(oauth.client_id), secret, oauth.scope
