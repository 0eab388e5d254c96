"""what can go wrong between a client and the broker"""


class BrokerClientError(Exception):
    """Base of all that the client raises."""


class BrokerRefused(BrokerClientError):
    """The broker refused a request and said why. Programs decide by `code`."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        reason: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.reason = reason
        self.retry_after_s = retry_after_s


class BrokerUnanswered(BrokerClientError):
    """The connection broke, or time was up, before the answer: the request may have been done."""


class BrokerNotRunning(BrokerClientError):
    """Nothing answers at the broker's address."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(
            f"no broker answers at {url} ({cause}). Start one with `broker start`, "
            "or name another address in BROKER_URL."
        )
        self.url = url


class StreamEnded(BrokerClientError):
    """The broker has ended a stream and said why. Programs decide by `code`.

    What is held may still be settled until the stream is left.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
