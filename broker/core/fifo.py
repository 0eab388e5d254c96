"""FIFO queues: which settings only they have, and which of these go together"""

from broker.core.errors import InvalidParameter
from broker.core.names import is_fifo
from broker.core.resources import Queue

DEDUPLICATION_SCOPES = ("queue", "messageGroup")
FIFO_THROUGHPUT_LIMITS = ("perQueue", "perMessageGroupId")

# What only a FIFO queue can have other than so.
_STANDARD = {
    "content_based_deduplication": False,
    "deduplication_scope": "queue",
    "fifo_throughput_limit": "perQueue",
}


def check_fifo_settings(queue: Queue) -> None:
    """Raises: InvalidParameter, naming the setting.

    Throughput per message group needs deduplication per message group: with one scope for the
    whole queue all groups would have to wait for the same records. Source: SQS API, CreateQueue.
    """
    assert queue.fifo == is_fifo(queue.name)
    if not queue.fifo:
        for setting, default in _STANDARD.items():
            if getattr(queue, setting) != default:
                raise InvalidParameter(
                    f"{setting} is for FIFO queues, whose names end in .fifo.", setting=setting
                )
    elif (
        queue.fifo_throughput_limit == "perMessageGroupId"
        and queue.deduplication_scope != "messageGroup"
    ):
        raise InvalidParameter(
            "fifo_throughput_limit can be perMessageGroupId only when deduplication_scope is "
            "messageGroup.",
            setting="fifo_throughput_limit",
        )
