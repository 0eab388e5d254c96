"""Standard Webhooks: headers by which a receiver that shares a secret knows a delivery is ours"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence

from broker.core.errors import InvalidParameter

PREFIX = "whsec_"
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64  # Standard Webhooks, signature scheme


def new_secret(random: bytes) -> str:
    """A secret as receivers are given it, of 24 to 64 random bytes."""
    assert SECRET_BYTES_MIN <= len(random) <= SECRET_BYTES_MAX
    return PREFIX + b64encode(random).decode()


def check_secret(secret: str) -> None:
    """Refuse what is not a secret. Raises: InvalidParameter, which doesn't show it."""
    _key(secret)


def sign(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt to deliver `body`, with a signature by each secret.

    While a secret is being replaced there are two, and a receiver may have either. The message id
    stays the same from attempt to attempt; the time is the attempt's.
    Raises: InvalidParameter, for what `check_secret` refuses.
    """
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digests = (hmac.digest(_key(secret), signed, hashlib.sha256) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{b64encode(each).decode()}" for each in digests),
    }


def _key(secret: str) -> bytes:
    try:
        if not secret.startswith(PREFIX):
            raise ValueError
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise InvalidParameter(f"A webhook secret is {PREFIX} followed by base64.") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise InvalidParameter(
            f"A webhook secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, not {len(key)}."
        )
    return key
