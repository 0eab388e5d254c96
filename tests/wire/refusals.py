"""what a client sees of a refusal, compared whole: code, HTTP status and text"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError


@contextmanager
def raises_refusal(code: str, message: str | None = None, status: int = 400) -> Iterator[None]:
    """Passes if the call is answered with just this error; a message of None may be any."""
    with pytest.raises(ClientError) as caught:
        yield
    response = caught.value.response
    expected = code, status, response["Error"]["Message"] if message is None else message
    assert (
        response["Error"]["Code"],
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Message"],
    ) == expected
    assert response["ResponseMetadata"]["RequestId"]
