"""the store against an oracle: any sequence of commands, time passing, restarts and crashes"""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import rule

from broker.core import commands
from tests.store.moving_machine import MovingMachine
from tests.store.oracle import Message
from tests.store.store_machine import NAMES, WIDE


class StandardQueues(MovingMachine):
    """Some messages have a group, whose fair share of the receives they count towards."""

    FIFO = False


class FifoQueues(MovingMachine):
    """Every message has a group; most of what is sent again is a duplicate."""

    FIFO = True

    def __init__(self) -> None:
        super().__init__()
        self.sequences: dict[bytes, int] = {}  # message id: as it was accepted

    def check_accepted(self, accepted: list[commands.Accepted], expected: list[Message]) -> None:
        super().check_accepted(accepted, expected)
        for one in accepted:
            known = self.sequences.setdefault(one.message_id, one.sequence)
            assert one.sequence == known, "a duplicate has another sequence number"
        new = [one.sequence for one in accepted if one.message_id not in self.sequences]
        assert new == sorted(new)

    @rule(
        name=st.sampled_from(NAMES),
        scope=st.sampled_from(("queue", "messageGroup")),
        delay_s=st.sampled_from((0, 0, 1, 900)),
    )
    def change_scope_or_delay(self, name: str, scope: str, delay_s: int) -> None:
        queue = self.oracle.queues.get(name)
        if queue is not None:
            changed = replace(queue.settings, scope=scope, delay_ms=delay_s * 1000)
            self.put_queue(name, changed, None)


for machine in (StandardQueues, FifoQueues):
    machine.TestCase.settings = settings(
        max_examples=80,
        stateful_step_count=60,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )

TestStandardQueues = StandardQueues.TestCase
TestFifoQueues = FifoQueues.TestCase


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.store.space.allocate", lambda file, length_bytes: None)
    monkeypatch.setattr("broker.core.queue.send.FAN_OUT_TARGETS_MAX", WIDE)
