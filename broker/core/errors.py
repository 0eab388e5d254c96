"""the root of the errors that core raises"""

__all__ = ["BrokerError"]


class BrokerError(Exception):
    """What happened, in the broker's own words; the edge decides how it looks on the wire."""
