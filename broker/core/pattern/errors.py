"""what is wrong with a pattern, or with an event that is to be matched"""

from broker.core.errors import BrokerError

__all__ = ["InvalidEvent", "InvalidEventPattern"]


class InvalidEventPattern(BrokerError):
    """The pattern is refused. `reason` is the service's own text, without its position suffix.

    `at` is the offset in the pattern's text at which the service's reader stands, if it refuses.
    """

    def __init__(self, reason: str, at: int | None = None) -> None:
        super().__init__(f"Event pattern is not valid. Reason: {reason}")
        self.reason = reason
        self.at = at


class InvalidEvent(BrokerError):
    """The event is not a JSON object. The message is the service's own text."""

    def __init__(self) -> None:
        super().__init__("Parameter Event is not valid.")
