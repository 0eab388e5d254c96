"""the process that tries JSON paths (RFC 9535): `python -m broker.edge.json_path`

Reads lines of JSON and answers each with one: first the path, answered with null or what is wrong
with it; then lists of bodies, each answered with a list of booleans. Ends with its input.
"""

import resource
import signal
import sys

import msgspec
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery

CPU_S_MAX = 120  # for one whose daemon was killed while it was busy


def main() -> None:
    """Answer standard input on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches the whole foreground group
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    lines = sys.stdin.buffer
    try:
        path = JSONPathEnvironment().compile(msgspec.json.decode(lines.readline(), type=str))
    except (JSONPathError, RecursionError) as error:
        _answer(str(error) or "it is nested too deeply")
        return
    _answer(None)
    decode = msgspec.json.Decoder(list[str]).decode
    for line in lines:
        _answer([selects(path, body) for body in decode(line)])


def selects(path: JSONPathQuery, body: str) -> bool:
    """Whether the path selects anything in a body; in what isn't JSON it selects nothing.

    Nor does it in what is nested too deeply to be looked through.
    """
    try:
        return path.find_one(msgspec.json.decode(body)) is not None
    except (msgspec.DecodeError, JSONPathError, RecursionError):
        return False


def _answer(value: str | list[bool] | None) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
