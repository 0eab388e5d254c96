"""the daemon under measurement, as a process of its own on an empty directory"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.bench import daemon
from broker.bench.daemon import Daemon

ROOT = Path(__file__).parent.parent
# For processes that are started from here: this is not an installed package.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
)


def parent() -> Path:
    """Where data lies: BENCH_DIR, for /tmp may be memory, and syncs must reach a disk."""
    return Path(os.environ.get("BENCH_DIR", tempfile.gettempdir()))


@contextmanager
def running(config_text: str = "") -> Iterator[Daemon]:
    """A daemon on an empty directory, which goes with it."""
    with daemon.running(parent(), config_text) as started:
        yield started
