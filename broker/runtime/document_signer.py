"""signs what topics deliver, as SNS does: in threads, since a signature takes most of a millisecond

A notification is signed once, however many endpoints get it.
"""

from collections import OrderedDict
from functools import partial

import msgspec
import trio

from broker.core.message import (
    Handshake,
    Notification,
    Signature,
    Via,
    handshake_document,
    notification_document,
)
from broker.core.sns_signature import string_to_sign
from broker.runtime.signing_certificates import Signer, SigningCertificates

REMEMBERED = 1_000  # signatures
THREADS_MAX = 2
QUEUE_PROTOCOLS = ("sqs", "lambda")


class DocumentSigner:
    """Makes signatures with the certificate that is current."""

    def __init__(self, certificates: SigningCertificates, origin: str) -> None:
        self.certificates = certificates
        self.origin = origin  # `https://host` by which endpoints reach the broker
        self._limiter = trio.CapacityLimiter(THREADS_MAX)
        self._made: OrderedDict[tuple[bytes, str, str], str] = OrderedDict()

    async def signed(self, notification: Notification, version: str) -> Notification:
        """The notification with the signature that goes into queues and to functions."""
        signature = await self.signature(notification, version, QUEUE_PROTOCOLS)
        return msgspec.structs.replace(notification, signature=signature)

    async def signature(
        self, body: Notification | Handshake, version: str, protocols: tuple[str, ...]
    ) -> Signature:
        """A signature of the body for endpoints of these protocols; `version` is "1" or "2"."""
        signer = self.certificates.current
        by_protocol = {}
        for protocol in protocols:
            text = string_to_sign(_document(body, protocol, self.origin))
            by_protocol[protocol] = await self._sign(text, version, signer)
        return Signature(version, signer.name, by_protocol)

    async def _sign(self, text: bytes, version: str, signer: Signer) -> str:
        key = text, version, signer.name
        found = self._made.get(key)
        if found is None:
            sign = partial(signer.sign, text, version)
            found = await trio.to_thread.run_sync(sign, limiter=self._limiter)
            self._made[key] = found
            if len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        return found


def _document(body: Notification | Handshake, protocol: str, origin: str) -> dict[str, str]:
    """What of a document is signed doesn't depend on its subscription."""
    if isinstance(body, Handshake):
        return handshake_document(body, None, origin)
    return notification_document(body, Via("", "envelope", protocol), None, origin)
