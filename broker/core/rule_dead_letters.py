"""what becomes of an event that could not be delivered: EventBridge's dead letter

Its body is the event, whatever its target would have got; attributes say who gave it up, and why.
Source: EventBridge user guide, using dead-letter queues to process undelivered events.
"""

from broker.core.message import Message, MessageAttribute, message

__all__ = ["TOO_OFTEN", "TOO_OLD", "rule_dead_letter", "unmatched_dead_letter"]

ERROR_CHARS_MAX = 1_024
TOO_OFTEN, TOO_OLD = "MaximumRetryAttempts", "MaximumEventAgeInSeconds"


def rule_dead_letter(
    sender: dict[str, str],
    event_json: str,
    target_arn: str,
    code: str,
    error: str,
    *,
    condition: str | None = None,
    attempts: int = 0,
) -> Message:
    """An event that a target didn't take.

    `sender` names who sent it there: RULE_ARN, or EVENT_BUS_ARN of a replay to a function. `code`
    is one of EventBridge's, such as NO_RESOURCE; `condition` is MaximumRetryAttempts or
    MaximumEventAgeInSeconds if it was tried again and again.
    """
    attributes = {
        **sender,
        "TARGET_ARN": target_arn,
        "ERROR_CODE": code,
        "ERROR_MESSAGE": error[:ERROR_CHARS_MAX] or code,
    }
    if condition is not None:
        attributes["EXHAUSTED_RETRY_CONDITION"] = condition
    attributes["RETRY_ATTEMPTS"] = str(attempts)
    return message(event_json, _texts(attributes))


def unmatched_dead_letter(event_json: str, bus_arn: str) -> Message:
    """An event that no rule wanted, of a bus that is to keep such ones; a form of our own."""
    attributes = {
        "EVENT_BUS_ARN": bus_arn,
        "ERROR_CODE": "NO_RULE_MATCHED",
        "ERROR_MESSAGE": "No rule matched the event.",
    }
    return message(event_json, _texts(attributes))


def _texts(attributes: dict[str, str]) -> dict[str, MessageAttribute]:
    return {name: MessageAttribute("String", text) for name, text in attributes.items()}
