"""an event that a function gave up: who sent it there, and which queues may keep its dead letter

A function that keeps what it gives up, by a dead-letter queue or a destination of its own, keeps it
alone. Otherwise the event goes where its sender's events go that can't be delivered at all.
"""

from dataclasses import dataclass

from broker.core.message import Message, Via
from broker.core.names import Namespace, dead_letter_queue
from broker.core.registry import DEFAULT_BUS, Resources
from broker.core.routing import dead_letter_queues
from broker.core.rule_dead_letters import TOO_OFTEN, TOO_OLD, rule_dead_letter
from broker.core.rule_targets import RuleTarget, rule_arn

__all__ = ["PROTOCOL", "Sender", "replay_via", "sender_of"]

PROTOCOL = "replay"  # of what a replay put into a function's queue

# Lambda's conditions, as EventBridge puts them. An event that got too old without an attempt waited
# for room or for a way to the function; which of them, nobody noted.
_CODES = {"ZeroReservedConcurrency": "THROTTLING"}
_LIMITS = {"RetriesExhausted": TOO_OFTEN, "EventAgeExceeded": TOO_OLD}


@dataclass(frozen=True, slots=True)
class Sender:
    """What put an event into a function's queue: a rule, or a replay of a bus."""

    source: dict[str, str]  # the attribute of a dead letter that names it
    queues: list[str]  # for a dead letter, the best place first; see `sender_of`

    def dead_letter(
        self, event_json: str, function_arn: str, condition: str, error: str, attempts: int
    ) -> Message:
        """Of an event that the function gave up for that condition, after so many attempts."""
        return rule_dead_letter(
            self.source,
            event_json,
            function_arn,
            _CODES.get(condition, "ERROR_FROM_TARGET"),
            error or condition,
            condition=_LIMITS.get(condition),
            attempts=max(attempts - 1, 0),
        )


def replay_via(bus: str) -> Via:
    """How events of a replay on a bus come to a function that gets them in the rules' place."""
    return Via(bus, "raw", PROTOCOL)


def sender_of(resources: Resources, namespace: Namespace, via: Via | None) -> Sender | None:
    """Who sent what waits in a function's queue; None if it is no event of a bus.

    Its queues are those that are there. A target that is gone can't say any more where its dead
    letters go, and a bus of another namespace has no say here: then the next best place takes them.
    Where there is none, it is the default bus's own queue, to be made first.
    """
    if via is None:
        return None
    if via.protocol == PROTOCOL:
        bus = via.subscription
        source = {"EVENT_BUS_ARN": namespace.arn("events", f"event-bus/{bus}")}
        return Sender(source, _queues(resources, None, bus))
    if via.protocol != "events":
        return None
    rule, _, target_id = via.subscription.rpartition("|")
    targets = resources.rule_targets.get(rule, ())
    target = next((each for each in targets if each.target.id == target_id), None)
    # A rule of another namespace is named by its ARN, and its bus isn't here.
    bus = rule.rpartition("|")[0] or DEFAULT_BUS
    source = {"RULE_ARN": rule_arn(namespace, rule)}
    return Sender(source, _queues(resources, target, bus))


def _queues(resources: Resources, target: RuleTarget | None, bus: str) -> list[str]:
    last = dead_letter_queue(DEFAULT_BUS)
    queues = dict.fromkeys([*dead_letter_queues(resources, target, bus), last])
    return [name for name in queues if name in resources.queues] or [last]
