"""the Python runtime: asks for events, calls the handler, answers

It runs in the function's own process, with nothing but the standard library, and in any Python from
3.8 on. It speaks the Lambda Runtime API on one connection that stays open.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

ROOT = "/2018-06-01/runtime/"


class RuntimeApi:
    """The worker's side of the Runtime API."""

    def __init__(self, address: str) -> None:
        self._host = address
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def next(self) -> tuple[dict[str, str], bytes]:
        """The first event: its headers, names in lower case, and its body."""
        self._send(self._request("GET", "invocation/next"))
        return self._answer()

    def respond(self, request_id: str, body: bytes) -> tuple[dict[str, str], bytes]:
        """Give the result of the handler, and take the next event."""
        path = "invocation/" + request_id + "/response"
        return self._report(self._request("POST", path, body))

    def fail(self, request_id: str, error: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """Say that the handler has failed, and take the next event."""
        path = "invocation/" + request_id + "/error"
        return self._report(self._request("POST", path, encode(error), error["errorType"]))

    def fail_init(self, error: dict[str, Any]) -> None:
        """No event can ever be handled."""
        self._send(self._request("POST", "init/error", encode(error), error["errorType"]))
        self._answer()

    def _report(self, request: bytes) -> tuple[dict[str, str], bytes]:
        """Both in one write: the answer to the first is of no interest."""
        self._send(request + self._request("GET", "invocation/next"))
        self._answer()
        return self._answer()

    def _request(
        self, method: str, path: str, body: bytes = b"", error_type: str | None = None
    ) -> bytes:
        head = f"{method} {ROOT}{path} HTTP/1.1\r\nHost: {self._host}\r\n"
        if method == "POST":
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        if error_type is not None:
            head += f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n"
        return head.encode() + b"\r\n" + body

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except ConnectionError:  # the daemon has ended
            sys.exit(0)

    def _answer(self) -> tuple[dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {"status": lines[0].split(" ")[1]}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        parts = [self._buffer]
        missing = length - len(self._buffer)
        while missing > 0:
            chunk = self._socket.recv(min(missing, 1 << 20))
            if not chunk:
                sys.exit(0)
            parts.append(chunk)
            missing -= len(chunk)
        whole = b"".join(parts)
        self._buffer = whole[length:]
        return headers, whole[:length]

    def _receive(self) -> None:
        chunk = self._socket.recv(65536)
        if not chunk:  # the daemon has ended
            sys.exit(0)
        self._buffer += chunk


class Identity:
    """Who called, for mobile applications; never known here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Client:
    """The client part of a client context."""

    def __init__(self, members: dict[str, Any]) -> None:
        for name in (
            "installation_id",
            "app_title",
            "app_version_name",
            "app_version_code",
            "app_package_name",
        ):
            setattr(self, name, members.get(name))


class ClientContext:
    """What the caller said of itself."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.custom = members.get("custom")
        self.env = members.get("env")
        self.client = Client(members["client"]) if "client" in members else None


class Context:
    """What a handler is told beside its event."""

    def __init__(self, headers: dict[str, str]) -> None:
        environment = os.environ
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        context = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(context)) if context else None
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        """How long it may run still, in milliseconds."""
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message: object) -> None:
        """Write into the function's log."""
        sys.stdout.write(str(message))


class RequestIdFilter(logging.Filter):
    """Gives each log record the id of the request that is handled."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = RequestIdFilter.request_id
        return True


def encode(document: object) -> bytes:
    """JSON as bytes."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


def error_of(error: BaseException, stack: list[traceback.FrameSummary]) -> dict[str, Any]:
    """An exception as the Runtime API wants it."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": RequestIdFilter.request_id,
        "stackTrace": traceback.format_list(stack),
    }


class InitError(Exception):
    """The handler can't be had."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.document = {"errorMessage": message, "errorType": error_type, "stackTrace": []}


def find_handler(name: str) -> Callable[[Any, Context], Any]:
    """The function that `module.function` names, of the code's directory. Raises: InitError."""
    module_name, _, function_name = name.rpartition(".")
    if not module_name:
        raise InitError(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except SyntaxError as error:
        text = f"Syntax error in module '{module_name}': {error}"
        raise InitError("Runtime.UserCodeSyntaxError", text) from None
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise InitError("Runtime.ImportModuleError", text) from None
    handler = getattr(module, function_name, None)
    if handler is None:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise InitError("Runtime.HandlerNotFound", text)
    found: Callable[[Any, Context], Any] = handler
    return found


def serve(api: RuntimeApi, handler: Callable[[Any, Context], Any]) -> None:
    """Handle events, one after another, for ever."""
    headers, body = api.next()
    while True:
        context = Context(headers)
        RequestIdFilter.request_id = context.aws_request_id
        os.environ["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]  # SDKs send it on
        report = None
        try:
            result = handler(json.loads(body.decode("utf-8")), context)
        except Exception as error:
            # Without what stands for this file.
            report = error_of(error, traceback.extract_tb(error.__traceback__)[1:])
        else:
            try:
                answer = encode(result)
            except (TypeError, ValueError, RecursionError) as error:
                report = {
                    "errorMessage": f"Unable to marshal response: {error}",
                    "errorType": "Runtime.MarshalError",
                    "requestId": context.aws_request_id,
                    "stackTrace": [],
                }
        if report is None:
            sys.stdout.flush()
            headers, body = api.respond(context.aws_request_id, answer)
        else:
            log_error(report)
            headers, body = api.fail(context.aws_request_id, report)


def log_error(report: dict[str, Any]) -> None:
    """The error in the function's log, as Lambda writes it there."""
    lines = [f"[ERROR] {report['errorType']}: {report['errorMessage']}"]
    if report["stackTrace"]:
        lines += ["Traceback (most recent call last):", "".join(report["stackTrace"]).rstrip("\n")]
    print("\n".join(lines), flush=True)


def set_up_logging() -> None:
    """Records of handlers that use `logging` stand in the log as on Lambda."""
    handler = logging.StreamHandler(sys.stdout)
    text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    formatter = logging.Formatter(text, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.terminator = ""
    handler.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(handler)


def main() -> None:
    """Never returns but when the daemon has gone, or the function can't be served."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    set_up_logging()
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except InitError as error:
        log_error(error.document)
        api.fail_init(error.document)
        sys.exit(1)
    except Exception as error:
        report = error_of(error, traceback.extract_tb(error.__traceback__))
        log_error(report)
        api.fail_init(report)
        sys.exit(1)
    serve(api, handler)


if __name__ == "__main__":
    main()
