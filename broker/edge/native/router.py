"""finding the operation for a method and a path"""

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from broker.edge.native.errors import MethodNotAllowed, PathNotFound
from broker.edge.native.operation import Operation

Shape = tuple[bytes | None, ...]  # a path's segments, None for labels


class Router:
    """Looks a path up by its segments; how many operations there are doesn't matter."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._methods: dict[Shape, dict[str, Operation]] = {}
        self._masks: dict[int, set[tuple[int, ...]]] = {}  # where labels are, by segment count
        for operation in operations:
            segments = [each.encode() for each in operation.path.split("/")]
            labels = tuple(n for n, each in enumerate(segments) if each.startswith(b"{"))
            self._masks.setdefault(len(segments), set()).add(labels)
            methods = self._methods.setdefault(_masked(segments, labels), {})
            assert operation.method not in methods, f"{operation.path} is there twice"
            methods[operation.method] = operation
            if operation.method == "GET":
                methods["HEAD"] = operation

    def find(self, method: str, raw_path: bytes) -> tuple[Operation, list[str]]:
        """The operation and the labels, percent-decoded. Raises: PathNotFound, MethodNotAllowed."""
        segments = raw_path.split(b"/")
        # The fewer labels, the better a template fits: `/queues/all` before `/queues/{name}`.
        for labels in sorted(self._masks.get(len(segments), ()), key=len):
            methods = self._methods.get(_masked(segments, labels))
            if methods is None:
                continue
            operation = methods.get(method)
            if operation is None:
                allow = ", ".join(sorted(methods))
                raise MethodNotAllowed(f"The path takes {allow}, not {method}.", allow=allow)
            return operation, [_decoded(segments[n]) for n in labels]
        raise PathNotFound


def _masked(segments: list[bytes], labels: tuple[int, ...]) -> Shape:
    return tuple(None if n in labels else each for n, each in enumerate(segments))


def _decoded(segment: bytes) -> str:
    return unquote_to_bytes(segment).decode("utf-8", "replace")
