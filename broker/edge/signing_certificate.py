"""/SimpleNotificationService-<hex>.pem: the certificates that signed deliveries are verified by"""

from broker.edge.http.message import Request, Response
from broker.runtime.signing_certificates import SigningCertificates

_PREFIX = b"/SimpleNotificationService-"
MEDIA_TYPE = "application/x-pem-file"


def certificate_response(signing: SigningCertificates, request: Request) -> Response | None:
    """None if the path isn't a certificate's. Needs no credentials: certificates are public."""
    if not request.raw_path.startswith(_PREFIX) or request.method not in ("GET", "HEAD"):
        return None
    # Looked up by its whole name among those that there are: no path leads to another file.
    pem = signing.certificate(request.raw_path[1:].decode("ascii", "replace"))
    if pem is None:
        return Response(404, b"There is no such certificate.\n", "text/plain")
    return Response(200, pem, MEDIA_TYPE)
