"""the native API under /v1: plain JSON, resource paths, problems for refusals"""

import logging
from typing import Any

from broker.core.errors import BrokerError, NotSupported
from broker.core.names import Namespace
from broker.edge.http.message import MalformedTarget, Request, Response
from broker.edge.native import bodies
from broker.edge.native.errors import MalformedRequest
from broker.edge.native.operation import Answer, Call, Operation, operations
from broker.edge.native.problems import internal_error, problem_response
from broker.edge.native.router import Router
from broker.runtime.broker import Broker

log = logging.getLogger(__name__)


class NativeApi:
    """Answers the requests whose path begins with /v1/."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._router = Router(operations.all)

    async def handle(self, request: Request, namespace: Namespace) -> Response:
        """Answer one request; `namespace` is meant if the query doesn't name another."""
        try:
            operation, labels = self._router.find(request.method, request.raw_path)
            if "idempotency-key" in request.headers:
                raise NotSupported("The header Idempotency-Key is not supported by this broker.")
            namespace, query = bodies.decode_query(operation, request, namespace)
            call = Call(self._broker, namespace, request)
            arguments = _arguments(operation, request, query)
            result = await operation.handler(call, *labels, *arguments)
        except BrokerError as refusal:
            return problem_response(refusal)
        except MalformedTarget as malformed:
            return problem_response(MalformedRequest(f"In the URL, {malformed}."))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return internal_error()
        if isinstance(result, Response):
            return result
        status = operation.status
        if isinstance(result, Answer):
            status, result = result.status, result.result
        if result is None:
            return Response(status)
        media_type, body = bodies.encode(operation, request, result)
        return Response(status, body, media_type)


def _arguments(operation: Operation, request: Request, query: Any) -> list[Any]:
    arguments = []
    if operation.query is not None:
        arguments.append(query)
    if operation.body is not None and not operation.media:
        arguments.append(bodies.decode_body(operation, request))
    elif request.body and not operation.takes_body:
        raise MalformedRequest("The operation takes no body.")
    return arguments
