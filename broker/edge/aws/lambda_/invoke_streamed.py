"""Lambda's InvokeWithResponseStream: the result piece by piece, as the function writes it"""

import base64
import contextlib

import msgspec
import trio

from broker.core.errors import BrokerError, InvalidParameter, NotSupported
from broker.core.limits import PAYLOAD_SYNC_BYTES_MAX
from broker.edge.aws.event_stream import CONTENT_TYPE, event_frame
from broker.edge.aws.lambda_.invoke import client_context_of, not_one_of
from broker.edge.aws.lambda_.location import locate_label
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.service import Call
from broker.edge.http.channel import Channel
from broker.edge.http.message import Response
from broker.runtime.attempt import Attempt
from broker.runtime.functions import check_payload
from broker.runtime.invokers import log_tail

CHUNK_BYTES_MAX = 64 * 1024


@lambda_.route("POST", "/2021-11-15/functions/{}/response-streaming-invocations")
async def invoke_with_response_stream(call: Call, label: str) -> Response:
    """Run a function and send what it answers, as it comes."""
    headers = call.request.headers
    if "x-amz-tenant-id" in headers:
        raise NotSupported("TenantId is not supported by this broker.")
    namespace, name = locate_label(call, label)
    functions = call.broker.functions
    version = functions.find(namespace, name).version
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    log_type = headers.get("x-amz-log-type", "None")
    if log_type not in ("None", "Tail"):
        raise not_one_of("logType", log_type, "Tail, None")
    if kind == "DryRun":
        return Response(204, headers=(("x-amzn-RequestId", call.request_id),))
    if kind != "RequestResponse":
        raise InvalidParameter("A streamed invocation is of type RequestResponse or DryRun.")
    client_context = client_context_of(headers.get("x-amz-client-context"))
    payload = check_payload(call.request.body, PAYLOAD_SYNC_BYTES_MAX, "RequestResponse")
    trace_header = call.request.trace_header
    functions.check_room(namespace, name, trace_header)  # while it can still be said by a status

    async def answer(channel: Channel) -> None:
        stream = _Stream(channel)
        complete: dict[str, str] = {}
        try:
            invoked = await functions.invoke(
                namespace,
                name,
                payload,
                client_context=client_context,
                write_response=stream.write,
                trace_header=trace_header,
            )
        except BrokerError as error:
            complete = {"ErrorCode": type(error).__name__, "ErrorDetails": error.message}
        else:
            complete = await _completed(stream, invoked.attempt)
            if log_type == "Tail":
                complete["LogResult"] = base64.b64encode(log_tail(invoked.attempt)).decode()
        await stream.send("InvokeComplete", msgspec.json.encode(complete), "application/json")
        with contextlib.suppress(OSError):
            await channel.finish()

    return Response(
        200,
        content_type=CONTENT_TYPE,
        headers=(
            ("x-amzn-RequestId", call.request_id),
            ("X-Amz-Executed-Version", version),
            ("X-Amzn-Remapped-Content-Type", "application/octet-stream"),
        ),
        takeover=answer,
    )


async def _completed(stream: "_Stream", attempt: Attempt) -> dict[str, str]:
    """What the last event says; a result that wasn't streamed is sent before it."""
    result = attempt.result
    if result.function_error is not None:
        return {
            "ErrorCode": result.function_error,
            "ErrorDetails": result.payload.decode("utf-8", "replace"),
        }
    if not result.streamed:
        await stream.write(result.payload)
    return {}


class _Stream:
    """The client's end. One that has gone doesn't stop the function: it goes on for nobody."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._gone = False

    async def write(self, data: bytes) -> None:
        """Pass on a piece; returns when there is room for more."""
        for start in range(0, len(data), CHUNK_BYTES_MAX):
            piece = data[start : start + CHUNK_BYTES_MAX]
            await self.send("PayloadChunk", piece, "application/octet-stream")

    async def send(self, event_type: str, payload: bytes, content_type: str) -> None:
        """Send one event."""
        if self._gone:
            await trio.lowlevel.checkpoint()
            return
        self._gone = True
        with contextlib.suppress(OSError):
            await self._channel.send(event_frame(event_type, payload, content_type))
            self._gone = False
