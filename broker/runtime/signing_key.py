"""RSA keys and their certificates: made, read, and what they sign

Imported late: the library takes as long to load as the rest of the runtime.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.x509.oid import NameOID

KEY_BITS = 2048  # what SNS has; a signature is a third of a kilobyte of each delivery

# The name in SNS's own certificates, which some receivers compare, whatever the region.
COMMON_NAME = "sns.amazonaws.com"

# Some receivers look at the dates. They get a day, lest a clock that is behind refuses a new
# certificate, and ten years, lest an operator has to remember anything: what a receiver trusts is
# the URL that a certificate comes from, and a key that is no longer to be trusted is rotated.
BACKDATED = timedelta(days=1)
VALIDITY = timedelta(days=3_650)

_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}


@dataclass(frozen=True, slots=True)
class NewKey:
    """A private key and the certificate of its public half, both in PEM."""

    certificate: bytes
    key: bytes

    @classmethod
    def generate(cls, now_ms: int) -> Self:
        """A new one, signed by itself. Takes about a tenth of a second."""
        now = datetime.fromtimestamp(now_ms // 1000, UTC)
        key = generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + VALIDITY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(COMMON_NAME)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )


class SigningKey:
    """The private key of a certificate."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    @classmethod
    def read(cls, certificate: bytes, key: bytes) -> Self:
        """The key of that certificate, both in PEM. Raises: ValueError, with what is wrong."""
        public = _certificate(certificate).public_key()
        try:
            # Its check of the numbers costs more than all else at a start. Whether the key and the
            # certificate are still what they were, one signature shows as well.
            private = serialization.load_pem_private_key(
                key, password=None, unsafe_skip_rsa_key_validation=True
            )
        except (ValueError, TypeError) as error:
            raise ValueError(f"the private key can't be read ({error})") from None
        if not isinstance(private, RSAPrivateKey) or not isinstance(public, RSAPublicKey):
            raise ValueError("they are not of RSA")
        try:
            signature = private.sign(b"", PKCS1v15(), hashes.SHA256())
            public.verify(signature, b"", PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            raise ValueError("the private key is not the certificate's, or is damaged") from None
        return cls(private)

    def sign(self, text: bytes, version: str) -> str:
        """The signature in base64: RSA PKCS#1 v1.5, over SHA-1 in version 1, SHA-256 in version 2.

        Takes the better part of a millisecond, without the interpreter's lock. From any thread.
        """
        return b64encode(self._key.sign(text, PKCS1v15(), _HASHES[version])).decode()


@dataclass(frozen=True, slots=True)
class Described:
    """What a certificate says of itself."""

    not_before_ms: int
    not_after_ms: int
    fingerprint: str  # SHA-256 of the certificate, in hexadecimal

    @classmethod
    def read(cls, certificate: bytes) -> Self:
        """Raises: ValueError, with what is wrong."""
        parsed = _certificate(certificate)
        return cls(
            int(parsed.not_valid_before_utc.timestamp()) * 1000,
            int(parsed.not_valid_after_utc.timestamp()) * 1000,
            parsed.fingerprint(hashes.SHA256()).hex(),
        )


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise ValueError(f"the certificate can't be read ({error})") from None
