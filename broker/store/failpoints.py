"""named places where a test makes the store die"""

from collections.abc import Callable


class Crashed(BaseException):
    """What a test's failpoint raises; no handler in the store catches it."""


class Failpoints:
    """Nothing happens at a failpoint unless a test has armed it."""

    def __init__(self) -> None:
        self._armed: dict[str, Callable[[], None]] = {}

    def arm(self, name: str, action: Callable[[], None]) -> None:
        """Run `action` the next time the place is reached."""
        self._armed[name] = action

    def reach(self, name: str) -> None:
        """Called by the store at the place."""
        if self._armed and (action := self._armed.pop(name, None)):
            action()
