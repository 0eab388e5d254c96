"""refusals of the native API's own: what was wrong with the HTTP request itself"""

from broker.core.errors import BrokerError


class PathNotFound(BrokerError):
    """There is nothing at this path."""


class MethodNotAllowed(BrokerError):
    """The path doesn't take this method."""  # with `allow` in the details


class MalformedRequest(BrokerError):
    """The body or a parameter does not have the shape that the operation takes."""


class UnsupportedMediaType(BrokerError):
    """The operation doesn't take a body of this media type."""


class NotAcceptable(BrokerError):
    """The operation can't answer in any form that the client accepts."""


class TagIsInvalid(BrokerError):
    """The stream holds no message by this tag: it never did, or it is settled already."""
