"""the Celery application of these tests; as a program, its producer

Its tasks tell of themselves in a FIFO, in which the test waits for them, and stop at a gate, which
is another: so a test decides what happens when, and sleeps on no clock.
"""

import json
import os
import sys
import time
from ast import literal_eval
from typing import Any

from celery import Celery
from celery.exceptions import Reject

app = Celery("tests", broker=os.environ["CELERY_BROKER"])
app.conf.update(
    broker_transport_options=literal_eval(os.environ["CELERY_TRANSPORT_OPTIONS"]),
    task_default_queue=os.environ["CELERY_QUEUE"],
    task_ignore_result=True,
    worker_enable_remote_control=False,  # talk between workers, in queues of their own
    worker_hijack_root_logger=False,
)


def tell(**report: Any) -> None:
    """One line, which a pipe takes whole."""
    with open(os.environ["CELERY_REPORTS"], "w") as reports:
        reports.write(json.dumps(report) + "\n")


@app.task(name="note", bind=True)
def note(self: Any, value: Any) -> None:
    tell(value=value, at=time.time(), eta=self.request.eta)


@app.task(name="fail_twice", bind=True, max_retries=3)
def fail_twice(self: Any, value: str) -> None:
    tell(value=value, retries=self.request.retries)
    if self.request.retries < 2:
        raise self.retry(countdown=1)


@app.task(name="stop_at_the_gate", bind=True, acks_late=True)
def stop_at_the_gate(self: Any, value: Any) -> None:
    worker = self.request.hostname.removeprefix("celery@")
    tell(value=value, state="begun", worker=worker)
    with open(os.environ["CELERY_GATE"]) as gate:
        gate.read(1)
    tell(value=value, state="ended", worker=worker)


@app.task(name="reject", acks_late=True)
def reject(value: Any) -> None:
    tell(value=value)
    raise Reject("not by me", requeue=False)


if __name__ == "__main__":
    for line in sys.stdin:  # a task's name, its argument, and options of `apply_async`
        name, value, options = json.loads(line)
        app.send_task(name, args=[value], **options)
