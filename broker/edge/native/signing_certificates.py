"""/v1/signing-certificates: what SNS deliveries are signed with; a new one in its place"""

from broker.core.errors import LimitExceeded, StoreFull
from broker.edge.native.operation import Call, Result, operations
from broker.runtime.signing_certificates import SigningCertificate as Certificate


class SigningCertificate(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A certificate. Its validity begins a day before it was made."""

    name: str
    path: str  # of its URL on this broker, where it comes in PEM
    current: bool  # new deliveries are signed with it
    not_before_ms: int
    not_after_ms: int
    fingerprint_sha256: str  # in hexadecimal


class SigningCertificates(Result, frozen=True, kw_only=True, omit_defaults=False):
    """The current certificate, and those before it, the newest first."""

    signing_certificates: list[SigningCertificate]


@operations.add("GET", "/v1/signing-certificates", answers={200: SigningCertificates})
async def list_signing_certificates(call: Call) -> SigningCertificates:
    """All certificates that deliveries were ever signed with. They are the same in all namespaces.

    They are kept, and served, so that what was signed before a rotation still verifies.
    """
    found = call.broker.signing.all()
    return SigningCertificates(signing_certificates=[_shown(call, each) for each in found])


@operations.add(
    "POST",
    "/v1/signing-certificates",
    answers={201: SigningCertificate},
    raises=(LimitExceeded, StoreFull),
)
async def rotate_signing_certificate(call: Call) -> SigningCertificate:
    """Make a new certificate and sign with it from now on; answered when it is on disk.

    The private key of the one before is deleted.
    """
    return _shown(call, await call.broker.signing.rotate())


def _shown(call: Call, certificate: Certificate) -> SigningCertificate:
    return SigningCertificate(
        name=certificate.name,
        path=f"/{certificate.name}",
        current=certificate.name == call.broker.signing.current.name,
        not_before_ms=certificate.not_before_ms,
        not_after_ms=certificate.not_after_ms,
        fingerprint_sha256=certificate.fingerprint,
    )
