"""how a stream begins: a WebSocket or server-sent events, as the client asks for it"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import msgspec

from broker.core.errors import InvalidParameter
from broker.edge.http.channel import Channel
from broker.edge.http.message import Request, Response
from broker.edge.native.errors import NotAcceptable
from broker.edge.native.operation import JSON, MSGPACK
from broker.edge.native.server_sent_events import EVENT_STREAM
from broker.edge.native.websocket import handshake

_MEDIA_TYPES = {"json": JSON, "msgpack": MSGPACK}

Format = Annotated[
    Literal["json", "msgpack"] | None,
    msgspec.Meta(description="Of the frames over a WebSocket; json by default."),
]


def stream_response(
    request: Request,
    wanted: str | None,
    over_websocket: Callable[[Channel, str], Awaitable[None]],
    over_events: Callable[[Channel], Awaitable[None]],
) -> Response:
    """The response of which one of the two takes the connection over.

    `wanted` is the query's format; a WebSocket is given the media type of its frames.
    Raises: MalformedRequest, NotAcceptable, InvalidParameter.
    """
    media_type = _MEDIA_TYPES[wanted] if wanted else None
    if request.upgrade == "websocket":
        response, spoken = handshake(request, media_type)

        async def take_over(channel: Channel) -> None:
            await over_websocket(channel, spoken)

        response.takeover = take_over
        return response
    if EVENT_STREAM not in request.headers.get("accept", ""):
        raise NotAcceptable(
            "A stream is a WebSocket, asked for with Upgrade: websocket over HTTP/1.1, or "
            f"server-sent events, asked for with Accept: {EVENT_STREAM}."
        )
    if media_type not in (None, JSON):
        raise InvalidParameter("Server-sent events come in JSON: leave out the parameter format.")
    headers = (("Cache-Control", "no-store"),)
    return Response(200, b"", EVENT_STREAM, headers, takeover=over_events)
