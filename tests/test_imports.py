"""What a process loads at start-up, which is most of the time that start-up takes."""

import subprocess
import sys

import pytest

HEAVY = ("trio", "httpx", "rich", "click", "prometheus_client", "asyncio", "ssl", "http.client")


def loaded(module: str) -> set[str]:
    """The modules that importing the module brings in, in a process of its own."""
    script = f"import sys, {module}; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("broker.store.process", HEAVY),
        ("broker.cli.main", ("trio", "httpx", "prometheus_client", "broker.daemon", "lmdb")),
        # Its plugins, and what signs, load while the store starts.
        (
            "broker.daemon",
            ("httpx", "cryptography", "rich", "asyncio", "jsonpath_rfc9535", "regex"),
        ),
        # What is shipped stands without what is not.
        ("broker.cli.bench", ("bench", "tests")),
    ],
)
def test_nothing_heavy_is_loaded_that_is_not_needed(module: str, unwanted: tuple[str, ...]) -> None:
    assert loaded(module).isdisjoint(unwanted)
