"""why a message is in a dead-letter queue, as far as it tells by what it carries

A redrive policy leaves the queue that gave the message up; functions, rules and schedules leave
attributes, as on AWS; what a topic gave up stays as it is, as on SNS, and its entry has the
cause. The latest cause counts: a letter that was then received too often has the queue's mark. Of
what carries none, no cause is known: somebody sent it there.
"""

import re
from dataclasses import dataclass

from broker.core.message import AnyBody, Attributes, Notification, Via
from broker.core.names import Arn, Namespace
from broker.core.rule_targets import rule_arn

MAX_RECEIVE_COUNT_EXCEEDED = "MaxReceiveCountExceeded"
TEXT_CHARS_MAX = 200  # of a cause that many messages have in common

# What differs between messages that fail alike: ids, and numbers of any kind.
_PARTICULAR = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b[0-9a-fA-F]{16,}\b|\d+(?:[.,:]\d+)*"
)


@dataclass(frozen=True, slots=True)
class DeadLetterCause:
    """What became of a message before it was a dead letter."""

    code: str  # MaxReceiveCountExceeded, or what the service that gave up wrote
    error: str = ""  # in the words of what failed, if it had any
    source_arn: str | None = None  # of the queue, rule or schedule that gave up

    @property
    def text(self) -> str:
        """For people; the same of messages whose errors differ in ids and numbers only."""
        line = _PARTICULAR.sub("#", self.error.strip().partition("\n")[0])
        if not line:
            return self.code
        # Lambda's codes are statuses of HTTP, and mostly 200.
        text = line if self.code.isdecimal() else f"{self.code}: {line}"
        return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"

    def mentions(self, text: str) -> bool:
        """Whether the text is part of the cause, as it is shown or as it was written."""
        return text in self.text or text in self.error or text in self.code

    def is_from(self, source: str) -> bool:
        """Whether that, an ARN or the name at its end, is what gave the message up."""
        if self.source_arn is None:
            return False
        arn = Arn.parse(self.source_arn)
        return source == self.source_arn or (arn is not None and arn.resource == source)


def cause_of(
    attributes: Attributes | None,
    dead_letter_source_arn: str | None,
    body: AnyBody | None = None,
    via: Via | None = None,
    namespace: Namespace = Namespace(),  # noqa: B008 (immutable)
) -> DeadLetterCause | None:
    """The cause of a dead letter in a queue of the namespace; None if nothing says it is one."""
    if dead_letter_source_arn is not None:
        return DeadLetterCause(MAX_RECEIVE_COUNT_EXCEEDED, source_arn=dead_letter_source_arn)
    if via is not None and via.cause is not None:
        code, _, error = via.cause.partition(": ")
        source_arn = via.arn(body.topic_arn) if isinstance(body, Notification) else None
        if via.protocol == "events":
            source_arn = rule_arn(namespace, via.subscription.rpartition("|")[0])
        if via.protocol == "scheduler":
            source_arn = namespace.arn("scheduler", f"schedule/{via.subscription}")
        return DeadLetterCause(code, error, source_arn)
    given = {name: each.string_value or "" for name, each in (attributes or {}).items()}
    # Source: Lambda developer guide, asynchronous invocation, dead-letter queues.
    if {"RequestID", "ErrorCode", "ErrorMessage"} <= given.keys():
        return DeadLetterCause(given["ErrorCode"], given["ErrorMessage"])
    # Source: EventBridge user guide, using dead-letter queues to process undelivered events; and
    # that of EventBridge Scheduler.
    for source in ("RULE_ARN", "EVENT_BUS_ARN", "SCHEDULE_ARN"):
        if {source, "ERROR_CODE"} <= given.keys():
            error = given.get("ERROR_MESSAGE", "")
            return DeadLetterCause(given["ERROR_CODE"], error, given[source] or None)
    return None
