"""/v1/signing-certificates"""

import hashlib
import ssl

from broker.core.limits import SIGNING_CERTIFICATES_MAX
from tests.edge.native.conftest import EPOCH_MS, Api

DAY_MS = 86_400_000


async def test_the_certificate_is_described(api: Api) -> None:
    (shown,) = (await api("GET", "/v1/signing-certificates")).body["signing_certificates"]

    pem = api.broker.signing.certificate(shown["name"])
    assert pem is not None
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()
    assert shown == {
        "name": api.broker.signing.current.name,
        "path": f"/{api.broker.signing.current.name}",
        "current": True,
        "not_before_ms": EPOCH_MS - DAY_MS,
        "not_after_ms": EPOCH_MS + 3_650 * DAY_MS,
        "fingerprint_sha256": fingerprint,
    }


async def test_a_rotation_answers_with_the_new_one(api: Api) -> None:
    (before,) = (await api("GET", "/v1/signing-certificates")).body["signing_certificates"]

    made = await api("POST", "/v1/signing-certificates")

    assert (made.status, made.body["current"]) == (201, True)
    after = (await api("GET", "/v1/signing-certificates")).body["signing_certificates"]
    assert after == [made.body, {**before, "current": False}]


async def test_no_more_are_made_than_are_kept(api: Api) -> None:
    kept = api.broker.signing._certificates
    certificate = api.broker.signing.current.certificate
    kept.update({str(n): certificate for n in range(SIGNING_CERTIFICATES_MAX - 1)})

    refused = await api("POST", "/v1/signing-certificates")

    assert (refused.status, refused.body["code"]) == (409, "LimitExceeded")
