"""namespaces, ARNs and ids"""

import re
from dataclasses import dataclass, field
from typing import NewType
from urllib.parse import quote

QueueName = NewType("QueueName", str)
ReceiptHandle = NewType("ReceiptHandle", bytes)
MessageId = NewType("MessageId", bytes)  # 16 bytes; shown as a UUID

PARTITION = "aws"
FIFO_SUFFIX = ".fifo"
STANDARD_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
FIFO_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
QUEUE_NAME = re.compile(rf"{STANDARD_QUEUE_NAME.pattern}|{FIFO_QUEUE_NAME.pattern}")
TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo")
EVENT_BUS_NAME = re.compile(r"[/.\-_A-Za-z0-9]{1,256}")
ARCHIVE_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,48}")
REPLAY_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
RULE_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
SCHEDULE_NAME = re.compile(r"[0-9a-zA-Z\-_.]{1,64}")  # and a schedule group's
LOG_GROUP_NAME = re.compile(r"[._/#A-Za-z0-9-]{1,512}")
FUNCTION_NAME = re.compile(r"[A-Za-z0-9-_]{1,64}")
ALIAS_NAME = re.compile(r"(?!^[0-9]+$)[A-Za-z0-9-_]{1,128}")
LATEST = "$LATEST"  # the version of a function that can be changed
MESSAGE_GROUP_ID = re.compile(
    r"[!-~]{1,128}"
)  # what ASCII prints, without the blank; other ids too
ACCOUNT = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[a-z0-9-]{1,32}")  # also names that AWS hasn't: people call it "local"


@dataclass(frozen=True, slots=True)
class Namespace:
    """An account in a region: every resource lives in one."""

    account: str = "000000000000"
    region: str = "us-east-1"
    text: str = field(init=False, repr=False, compare=False)  # as in the store's keys

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", f"{self.account}/{self.region}")

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> "Namespace":
        """The namespace that `str()` wrote."""
        account, _, region = text.partition("/")
        return cls(account, region)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this namespace, e.g. `arn("sqs", "orders")`."""
        return f"arn:{PARTITION}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN, taken apart."""

    service: str
    namespace: Namespace
    resource: str

    @classmethod
    def parse(cls, text: str) -> "Arn | None":
        """None if `text` is no ARN of a regional resource."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or not parts[5]:
            return None
        if not REGION.fullmatch(parts[3]) or not ACCOUNT.fullmatch(parts[4]):
            return None
        return cls(parts[2], Namespace(parts[4], parts[3]), parts[5])

    def __str__(self) -> str:
        return self.namespace.arn(self.service, self.resource)


def function_queue(label: str) -> QueueName:
    """The internal queue in which asynchronous invocations wait, of a function's label.

    The slash keeps internal names apart from every name that SQS allows.
    """
    return QueueName(f"function/{label}")


def delivery_queue(subscription_name: str) -> QueueName:
    """The internal queue in which what is for an HTTP endpoint waits, by `<topic>:<uuid>`."""
    return QueueName(f"delivery/{subscription_name}")


def topic_queue(topic_name: str) -> QueueName:
    """The internal queue in which a FIFO topic's archive lies, and which remembers its ids.

    It is no FIFO queue, so its name doesn't end as the topic's does.
    """
    return QueueName(f"topic/{topic_name.removesuffix(FIFO_SUFFIX)}")


def target_queue(rule: str, target_id: str) -> QueueName:
    """The internal queue in which what leaves the namespace waits, of a rule's target.

    `rule` is a rule's name among all of its namespace, `<bus>|<rule>`.
    """
    return QueueName(f"target/{rule}|{target_id}")


SCHEDULES = QueueName("schedules/runs")
"""The internal queue in which each schedule's next run waits, of rules and of Scheduler."""


def dead_letter_queue(bus: str) -> QueueName:
    """The internal queue for what an event bus could not deliver, and nobody else keeps."""
    return QueueName(f"dead-letters/{bus}")


def keeps_dead_letters(queue: str) -> bool:
    """Whether a queue is an event bus's own for dead letters: internal, and to be looked into."""
    return queue.startswith("dead-letters/")


def archive_queue(archive: str) -> QueueName:
    """The internal queue in which an archive's events lie."""
    return QueueName(f"archive/{archive}")


def function_label(resource: str) -> str:
    """What is to be invoked, by an ARN's `function:NAME[:QUALIFIER]`; see `label_of`."""
    parts = resource.split(":")
    if len(parts) < 2 or parts[0] != "function":
        return resource
    return label_of(parts[1], parts[2] if len(parts) > 2 else None)


def label_of(function: str, qualifier: str | None) -> str:
    """A function by name, or one of its versions or aliases by `NAME:QUALIFIER`."""
    return function if qualifier in (None, LATEST) else f"{function}:{qualifier}"


def labelled(label: str) -> tuple[str, str]:
    """The name and the qualifier, "" for none, that make a label."""
    name, _, qualifier = label.partition(":")
    return name, qualifier


def event_bus_name(resource: str) -> str:
    """The name in an ARN's `event-bus/NAME`; "" if it is no bus's."""
    kind, _, name = resource.partition("/")
    return name if kind == "event-bus" else ""


def destination_name(arn: Arn) -> str:
    """The name in an ARN's `api-destination/NAME/ID`; "" if it is no API destination's."""
    kind, _, rest = arn.resource.partition("/")
    if arn.service != "events" or kind != "api-destination":
        return ""
    return rest.partition("/")[0]


def log_group_name(arn: Arn) -> str:
    """The name in an ARN's `log-group:NAME[:*]`; "" if it is no log group's."""
    if arn.service != "logs" or not arn.resource.startswith("log-group:"):
        return ""
    return arn.resource.removeprefix("log-group:").removesuffix(":*")


def log_file_name(group: str) -> str:
    """The file that a log group's lines are written into."""
    return quote(group, safe="") + ".log"


def is_fifo(name: str) -> bool:
    """Whether a queue or topic of this name is a FIFO one: the suffix says so, nothing else can."""
    return name.endswith(FIFO_SUFFIX)


def is_internal(queue: str) -> bool:
    """Whether a queue is the broker's own and not to be seen through SQS."""
    return "/" in queue


def uuid_text(message_id: bytes) -> str:
    """16 bytes in the usual form, 8-4-4-4-12."""
    h = message_id.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def uuid_bytes(text: str) -> bytes:
    """The 16 bytes that `uuid_text` wrote."""
    return bytes.fromhex(text.replace("-", ""))
