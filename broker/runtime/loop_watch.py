"""notices who blocks the event loop: a thread looks at what the loop's thread is doing

Everything in the daemon waits for its turn on one thread; a plugin that doesn't give it up stops
all. It can't be interrupted, but it can be named, with the line it is at.
"""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Mapping

import trio

from broker.plugin import Invoker
from broker.runtime.metrics import LOOP_BLOCKED

__all__ = ["LoopWatch"]

log = logging.getLogger(__name__)

TICK_S = 0.25
BLOCKED_S = 1.0  # since the last tick was due


class LoopWatch:
    """Watches the loop on which `run` is called."""

    def __init__(self, invokers: Mapping[str, Invoker]) -> None:
        self._packages = {
            type(invoker).__module__.partition(".")[0]: name for name, invoker in invokers.items()
        }
        self._ticked = time.monotonic()
        self._told = False
        self._ended = threading.Event()

    async def run(self) -> None:
        """Until cancelled."""
        watched = threading.get_ident()
        thread = threading.Thread(target=self._watch, args=(watched,), daemon=True)
        thread.start()
        try:
            while True:
                self._ticked = time.monotonic()
                self._told = False
                await trio.sleep(TICK_S)
        finally:
            self._ended.set()

    def _watch(self, watched: int) -> None:
        while not self._ended.wait(TICK_S):
            late_s = time.monotonic() - self._ticked - TICK_S
            if late_s < BLOCKED_S or self._told:
                continue
            self._told = True
            frame = sys._current_frames().get(watched)
            if frame is not None:
                self._tell(late_s, traceback.extract_stack(frame), frame)

    def _tell(self, late_s: float, stack: traceback.StackSummary, frame: object) -> None:
        name, at = self._culprit(frame, stack)
        LOOP_BLOCKED.labels(name).inc()
        log.error(
            "%s blocks the event loop, for %.1f s so far, at %s",
            f"the invoker {name}" if name else "something",
            late_s,
            at,
        )

    def _culprit(self, frame: object, stack: traceback.StackSummary) -> tuple[str, str]:
        """The plugin whose code is being run, and where; "" if it is none's."""
        while frame is not None:
            package = str(frame.f_globals.get("__name__", "")).partition(".")[0]  # type: ignore[attr-defined]
            if package in self._packages:
                code = frame.f_code  # type: ignore[attr-defined]
                line = frame.f_lineno  # type: ignore[attr-defined]
                return self._packages[package], f"{code.co_filename}:{line} in {code.co_name}"
            frame = frame.f_back  # type: ignore[attr-defined]
        last = stack[-1]
        return "", f"{last.filename}:{last.lineno} in {last.name}"
