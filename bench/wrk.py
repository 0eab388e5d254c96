"""the same load as `broker.bench.load` makes, by wrk, which takes less of the processor"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from broker.bench.address import Address
from broker.bench.load import Sample, constant, run_load

WRK = shutil.which("wrk")


def run_wrk(address: Address, request: bytes, connections: int, seconds: float) -> Sample:
    """The same as `run_load` of a constant request, with wrk, if it is here: it takes less CPU."""
    if WRK is None:
        return run_load(address, constant(request), connections, seconds)
    script = Path(__file__).with_name("constant.lua")
    with tempfile.NamedTemporaryFile(prefix="bench-request-") as file:
        file.write(request)
        file.flush()
        arguments = [WRK, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
        found = subprocess.run(
            [*arguments, "-s", str(script), f"http://{address}/"],
            env={**os.environ, "BENCH_REQUEST": file.name},
            capture_output=True,
            text=True,
            check=True,
        )
    figures = json.loads(found.stdout.strip().rpartition("\n")[2])
    return Sample(
        figures["requests"] / (figures["duration_us"] / 1e6),
        figures["p50_us"] / 1000,
        figures["p99_us"] / 1000,
        errors=figures["errors"],
    )
