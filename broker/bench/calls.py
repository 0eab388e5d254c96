"""the few calls that a measurement makes beside its load"""

import http.client
import json

from broker.bench import requests
from broker.bench.address import Address
from broker.bench.load import MeasurementFailed


def post(address: Address, request: bytes) -> tuple[int, bytes]:
    """One raw request on a connection of its own; status and body. Raises: OSError."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    try:
        connection.connect()
        connection.sock.sendall(request)
        response = http.client.HTTPResponse(connection.sock, method="POST")
        response.begin()
        return response.status, response.read()
    finally:
        connection.close()


def call(address: Address, action: str, members: dict[str, object]) -> dict[str, object]:
    """One SQS action over the JSON protocol; its answer. Raises: MeasurementFailed, OSError."""
    status, body = post(address, requests.sqs(address, action, members))
    if status != 200:
        raise MeasurementFailed(f"{action}: {status} {body!r}")
    answer: dict[str, object] = json.loads(body) if body else {}
    return answer


def create_queue(address: Address, name: str) -> str:
    """The queue's URL. Raises: MeasurementFailed, OSError."""
    return str(call(address, "CreateQueue", {"QueueName": name})["QueueUrl"])
