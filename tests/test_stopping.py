"""How a daemon stops."""

import signal

from tests.daemon import Daemon


def test_a_second_signal_does_not_cut_the_stop_short(daemon: Daemon) -> None:
    assert daemon.process is not None
    for _ in range(3):
        daemon.process.send_signal(signal.SIGTERM)
    assert daemon.stop() == 0, daemon.log()
    assert '"stopped"' in daemon.log()
