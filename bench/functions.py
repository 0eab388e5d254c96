"""What does the broker add to a function that runs on this host?

Estimate: a warm invocation is four messages between daemon and worker and two with the client,
some 300 µs of the daemon's core: 2,000 to 3,000 a second, with a millisecond at most on top of what
the worker takes. A process for each event costs what a fork and an exec cost, and little more: two
messages to the process that starts it and back; and a request's way, if it comes by HTTP. An
asynchronous invocation is a send, a receive and a delete beside that: 1,000 a second.
"""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import trio

from bench.bare_worker import NO_OP, bare_worker
from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.load import Sample, constant, percentiles_ms, run_load, times
from broker.plugin import Host, Invocation
from broker_subprocess import SubprocessInvoker

CONNECTIONS = 8
PROGRAM = "/bin/cat"
EVENT = b'{"order":"1001"}'
PATIENCE_S = 120.0


def measure(settings: Settings) -> list[Row]:
    """Warm workers, a process for each event, and the asynchronous path."""
    with _functions() as address:
        return [
            _warm(address, settings, 1),
            _warm(address, settings, CONNECTIONS),
            _stdio(settings),
            _stdio_by_http(address, settings),
            _asynchronous(address, settings),
        ]


@contextmanager
def _functions() -> Iterator[Address]:
    with tempfile.TemporaryDirectory() as code:
        Path(code, "app.py").write_text(NO_OP)
        config = f"""
[[function]]
name = "warm"
invoker = "subprocess"
handler = "app.handler"
settings = {{ runtime = "python3", code = "{code}" }}
reserved_concurrency = {CONNECTIONS}
[[function]]
name = "program"
invoker = "subprocess"
settings = {{ command = ["{PROGRAM}"] }}
"""
        with running(config) as daemon:
            yield daemon.address


def _warm(address: Address, settings: Settings, connections: int) -> Row:
    row = Row(
        f"warm invocations, {connections} at a time",
        "events/s",
        ceiling="bare worker",
        accepted=None if connections == 1 else 0.2,
    )

    def run() -> Sample:
        ceiling = bare_worker(settings.seconds / 2)
        sample = _invoke(address, "warm", connections, settings)
        sample.ratio = sample.value / ceiling.value
        return sample

    return repeat(row, settings.repeats, run)


def _stdio(settings: Settings) -> Row:
    """The invoker alone, in turns with what it is held against."""
    row = Row(
        "a process for each event",
        "ms",
        ceiling="bare fork and exec",
        accepted=1.3,
        at_most=True,
    )

    def run() -> Sample:
        ours, bare = trio.run(_in_turns, settings.seconds)
        p50_ms, p99_ms = percentiles_ms(ours)
        return Sample(p50_ms, p50_ms, p99_ms, ratio=p50_ms / percentiles_ms(bare)[0])

    return repeat(row, settings.repeats, run)


async def _in_turns(seconds: float) -> tuple[list[float], list[float]]:
    """What events took in the invoker, and bare processes; sorted."""
    ours: list[float] = []
    bare: list[float] = []
    invoker = SubprocessInvoker()
    with tempfile.TemporaryDirectory() as state:
        async with invoker.running(Host(state_directory=Path(state))):
            await invoker.invoke(_program())
            end = time.perf_counter() + seconds
            while (started := time.perf_counter()) < end:
                await invoker.invoke(_program())
                between = time.perf_counter()
                subprocess.run([PROGRAM], input=EVENT, capture_output=True, check=True)  # noqa: ASYNC221
                ours.append(between - started)
                bare.append(time.perf_counter() - between)
    return sorted(ours), sorted(bare)


def _program() -> Invocation:
    return Invocation(
        request_id=str(uuid4()),
        function_name="program",
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:program",
        payload=EVENT,
        timeout_s=3.0,
        deadline_ms=int(time.time() * 1000) + 3_000,
        settings={"command": [PROGRAM]},
    )


def _stdio_by_http(address: Address, settings: Settings) -> Row:
    row = Row("the same by HTTP", "ms", ceiling="bare fork and exec")

    def run() -> Sample:
        ceiling = _bare_program(settings.seconds / 2)
        sample = _invoke(address, "program", 1, settings)
        assert sample.p50_ms is not None
        assert ceiling.p50_ms is not None
        sample.value = sample.p50_ms
        sample.ratio = sample.p50_ms / ceiling.p50_ms
        return sample

    return repeat(row, settings.repeats, run)


def _asynchronous(address: Address, settings: Settings) -> Row:
    row = Row("asynchronous invocations, to their end", "events/s", ceiling="synchronous")
    row.accepted = 0.4
    count = 100 if settings.quick else 500

    def run() -> Sample:
        ceiling = _invoke(address, "warm", CONNECTIONS, settings)
        before = _succeeded(address)
        request = wire.post(
            address, "/v1/functions/warm/invoke?mode=async", EVENT, "application/json"
        )
        started = time.perf_counter()
        script = times(request, count // 2)
        sent = run_load(address, script, CONNECTIONS * 2, PATIENCE_S, warm_up_s=0)
        while (done := _succeeded(address) - before) < count * CONNECTIONS:
            if time.perf_counter() > started + PATIENCE_S:
                break
            time.sleep(0.05)
        rate = done / (time.perf_counter() - started)
        lost = max(int(count * CONNECTIONS - done), 0)  # the last of the ceiling may be late
        return Sample(rate, ratio=rate / ceiling.value, errors=sent.errors + lost)

    return repeat(row, settings.repeats, run)


def _invoke(address: Address, function: str, connections: int, settings: Settings) -> Sample:
    path = f"/2015-03-31/functions/{function}/invocations"
    request = wire.post(address, path, EVENT, "application/json", service="lambda")
    script = constant(request, expected=b"1001")
    return run_load(address, script, connections, settings.seconds)


def _bare_program(seconds: float) -> Sample:
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        subprocess.run([PROGRAM], input=EVENT, capture_output=True, check=True)
        latencies.append(time.perf_counter() - started)
    return Sample(len(latencies) / seconds, *percentiles_ms(sorted(latencies)))


def _succeeded(address: Address) -> float:
    with urlopen(f"http://{address}/metrics") as response:
        text = response.read().decode()
    found = re.search(
        r'broker_invocations_total\{function="warm",outcome="success"\} ([0-9.e+]+)', text
    )
    return float(found[1]) if found else 0.0
