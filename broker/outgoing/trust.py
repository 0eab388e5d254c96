"""whose certificates are trusted: the public authorities, and those of a file"""

import ssl
from functools import cache

import httpx

__all__ = ["ssl_context"]


@cache
def ssl_context(ca_file: str | None) -> ssl.SSLContext:
    """Made once for all who connect: it reads a large file. Raises: OSError."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
