from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, running_daemon

collect_ignore = ["service"]  # they take over a machine: `make test-service`


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon without configuration, on an empty data directory."""
    with running_daemon(tmp_path) as running:
        yield running
