"""a schedule as requests and answers of EventBridge Scheduler have it"""

from typing import Any

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.limits import (
    EVENT_RETRY_AGE_S_MAX,
    EVENT_RETRY_AGE_S_MIN,
    EVENT_RETRY_ATTEMPTS_MAX,
    SCHEDULE_DESCRIPTION_CHARS_MAX,
    SCHEDULE_EXPRESSION_CHARS_MAX,
    SCHEDULE_GROUP_ID_CHARS_MAX,
    SCHEDULE_WINDOW_MINUTES_MAX,
    TIME_ZONE_CHARS_MAX,
)
from broker.core.names import Namespace
from broker.core.registry import DEFAULT_GROUP
from broker.core.resources import Schedule, ScheduleTarget
from broker.core.schedule.occasion import schedule_arn
from broker.edge.aws.service import Members, Refused, check_supported
from broker.edge.aws.validation import Violations
from broker.runtime.schedules import schedule_key

__all__ = [
    "GetScheduleResponse",
    "ScheduleMembers",
    "TargetMember",
    "check_client_token",
    "schedule_members",
]

_TIME_S_END = 253_402_300_800  # the first second of the year 10000
_ROLE = r"arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@\/-]+"
_DEAD_LETTER_QUEUE = r"arn:aws[a-z-]*:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+"
_KMS_KEY = r"arn:aws[a-z-]*:kms:[a-z0-9\-]+:\d{12}:(key|alias)\/[0-9a-zA-Z-_]*"
_SOURCE = r"(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)"
_CLIENT_TOKEN = "[a-zA-Z0-9-_]+"


class FlexibleTimeWindow(Members, kw_only=True):
    mode: str
    maximum_window_in_minutes: int | None = None


class DeadLetterConfig(Members, kw_only=True):
    arn: str | None = None


class RetryPolicy(Members, kw_only=True):
    maximum_event_age_in_seconds: int | None = None
    maximum_retry_attempts: int | None = None


class SqsParameters(Members, kw_only=True):
    message_group_id: str | None = None


class EventBridgeParameters(Members, kw_only=True):
    detail_type: str
    source: str


class TargetMember(Members, kw_only=True):
    arn: str
    role_arn: str
    dead_letter_config: DeadLetterConfig | None = None
    retry_policy: RetryPolicy | None = None
    input: str | None = None
    sqs_parameters: SqsParameters | None = None
    event_bridge_parameters: EventBridgeParameters | None = None
    ecs_parameters: Refused = None
    event_bridge_put_events_v2_parameters: Refused = msgspec.field(
        default=None, name="EventBridgePutEventsV2Parameters"
    )
    event_bridge_put_raw_events_parameters: Refused = None
    kinesis_parameters: Refused = None
    sage_maker_pipeline_parameters: Refused = None


class ScheduleMembers(Members, kw_only=True):
    """What CreateSchedule and UpdateSchedule take."""

    schedule_expression: str
    target: TargetMember
    flexible_time_window: FlexibleTimeWindow
    group_name: str = DEFAULT_GROUP
    schedule_expression_timezone: str | None = None
    start_date: float | None = None  # seconds since the epoch
    end_date: float | None = None
    description: str | None = None
    state: str = "ENABLED"
    kms_key_arn: str | None = None
    client_token: str | None = None
    action_after_completion: str = "NONE"

    def schedule(self, name: str) -> Schedule:
        """The schedule of that name. Raises: InvalidParameter, NotSupported."""
        self._check(name)
        target = self.target
        check_supported(target)
        window = self.flexible_time_window
        retry = target.retry_policy or RetryPolicy()
        event = target.event_bridge_parameters
        return Schedule(
            name=schedule_key(self.group_name, name),
            schedule_expression=self.schedule_expression,
            time_zone=self.schedule_expression_timezone or "UTC",
            start_ms=_milliseconds("StartDate", self.start_date),
            end_ms=_milliseconds("EndDate", self.end_date),
            window_minutes=window.maximum_window_in_minutes if window.mode != "OFF" else None,
            enabled=self.state == "ENABLED",
            delete_after_completion=self.action_after_completion == "DELETE",
            description=self.description or "",
            kms_key_arn=self.kms_key_arn,
            client_token=self.client_token or "",
            target=ScheduleTarget(
                arn=target.arn,
                role_arn=target.role_arn,
                input=target.input,
                message_group_id=(target.sqs_parameters or SqsParameters()).message_group_id,
                detail_type=event.detail_type if event is not None else None,
                source=event.source if event is not None else None,
                dead_letter_target_arn=(target.dead_letter_config or DeadLetterConfig()).arn,
                retry_attempts=retry.maximum_retry_attempts,
                maximum_event_age_s=retry.maximum_event_age_in_seconds,
            ),
        )

    def _check(self, name: str) -> None:
        v = Violations()
        v.name("name", name)
        v.name("groupName", self.group_name)
        v.length("scheduleExpression", self.schedule_expression, 1, SCHEDULE_EXPRESSION_CHARS_MAX)
        v.length(
            "scheduleExpressionTimezone",
            self.schedule_expression_timezone,
            1,
            TIME_ZONE_CHARS_MAX,
        )
        v.length("description", self.description, 0, SCHEDULE_DESCRIPTION_CHARS_MAX)
        v.choice("state", self.state, ["ENABLED", "DISABLED"])
        v.choice("actionAfterCompletion", self.action_after_completion, ["NONE", "DELETE"])
        v.pattern("kmsKeyArn", self.kms_key_arn, _KMS_KEY)
        check_client_token(v, self.client_token)
        self._check_window(v)
        _check_target(v, self.target)
        v.check()
        window = self.flexible_time_window
        if (window.mode == "FLEXIBLE") != (window.maximum_window_in_minutes is not None):
            raise InvalidParameter(
                "MaximumWindowInMinutes must be provided for the mode FLEXIBLE, and only for it."
            )

    def _check_window(self, v: Violations) -> None:
        window = self.flexible_time_window
        v.choice("flexibleTimeWindow.mode", window.mode, ["OFF", "FLEXIBLE"])
        v.range(
            "flexibleTimeWindow.maximumWindowInMinutes",
            window.maximum_window_in_minutes,
            1,
            SCHEDULE_WINDOW_MINUTES_MAX,
        )


def check_client_token(v: Violations, token: str | None) -> None:
    """Of any request that has one."""
    v.length("clientToken", token, 1, 64)
    v.pattern("clientToken", token, _CLIENT_TOKEN)


def _check_target(v: Violations, target: TargetMember) -> None:
    v.length("target.arn", target.arn, 1, 1_600)
    v.length("target.roleArn", target.role_arn, 1, 1_600)
    v.pattern("target.roleArn", target.role_arn, _ROLE)
    v.length("target.input", target.input, 1, 1 << 30)
    if target.dead_letter_config is not None:
        path = "target.deadLetterConfig.arn"
        v.length(path, target.dead_letter_config.arn, 1, 1_600)
        v.pattern(path, target.dead_letter_config.arn, _DEAD_LETTER_QUEUE)
    if target.retry_policy is not None:
        v.range(
            "target.retryPolicy.maximumEventAgeInSeconds",
            target.retry_policy.maximum_event_age_in_seconds,
            EVENT_RETRY_AGE_S_MIN,
            EVENT_RETRY_AGE_S_MAX,
        )
        v.range(
            "target.retryPolicy.maximumRetryAttempts",
            target.retry_policy.maximum_retry_attempts,
            0,
            EVENT_RETRY_ATTEMPTS_MAX,
        )
    if target.sqs_parameters is not None:
        v.length(
            "target.sqsParameters.messageGroupId",
            target.sqs_parameters.message_group_id,
            1,
            SCHEDULE_GROUP_ID_CHARS_MAX,
        )
    if target.event_bridge_parameters is not None:
        path = "target.eventBridgeParameters"
        v.length(f"{path}.detailType", target.event_bridge_parameters.detail_type, 1, 128)
        v.length(f"{path}.source", target.event_bridge_parameters.source, 1, 256)
        v.pattern(f"{path}.source", target.event_bridge_parameters.source, _SOURCE)


def _milliseconds(name: str, seconds: float | None) -> int | None:
    if seconds is None:
        return None
    if not 0 <= seconds < _TIME_S_END:
        raise InvalidParameter(f"{name} must lie between the years 1970 and 9999.")
    return int(seconds * 1000)


class GetScheduleResponse(Members, kw_only=True, omit_defaults=False):
    """One schedule, whole; what isn't set isn't there."""

    arn: str
    group_name: str
    name: str
    schedule_expression: str
    schedule_expression_timezone: str
    state: str
    creation_date: float
    last_modification_date: float
    target: TargetMember
    flexible_time_window: FlexibleTimeWindow
    action_after_completion: str
    start_date: float | msgspec.UnsetType = msgspec.UNSET
    end_date: float | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    kms_key_arn: str | msgspec.UnsetType = msgspec.UNSET


def schedule_members(namespace: Namespace, schedule: Schedule) -> GetScheduleResponse:
    """A schedule as GetSchedule answers it."""
    group, _, name = schedule.name.partition("/")
    optional: dict[str, Any] = {
        "start_date": schedule.start_ms / 1000 if schedule.start_ms is not None else None,
        "end_date": schedule.end_ms / 1000 if schedule.end_ms is not None else None,
        "description": schedule.description or None,
        "kms_key_arn": schedule.kms_key_arn,
    }
    return GetScheduleResponse(
        arn=schedule_arn(namespace, schedule.name),
        group_name=group,
        name=name,
        schedule_expression=schedule.schedule_expression,
        schedule_expression_timezone=schedule.time_zone,
        state="ENABLED" if schedule.enabled else "DISABLED",
        creation_date=schedule.created_at_ms / 1000,
        last_modification_date=schedule.modified_at_ms / 1000,
        target=_target_member(schedule.target),
        flexible_time_window=FlexibleTimeWindow(
            mode="OFF" if schedule.window_minutes is None else "FLEXIBLE",
            maximum_window_in_minutes=schedule.window_minutes,
        ),
        action_after_completion="DELETE" if schedule.delete_after_completion else "NONE",
        **{key: value for key, value in optional.items() if value is not None},
    )


def _target_member(target: ScheduleTarget) -> TargetMember:
    group, queue = target.message_group_id, target.dead_letter_target_arn
    event = None
    if target.detail_type is not None and target.source is not None:
        event = EventBridgeParameters(detail_type=target.detail_type, source=target.source)
    attempts, age_s = target.retry_attempts, target.maximum_event_age_s
    return TargetMember(
        arn=target.arn,
        role_arn=target.role_arn,
        input=target.input,
        dead_letter_config=DeadLetterConfig(arn=queue) if queue is not None else None,
        retry_policy=RetryPolicy(
            maximum_event_age_in_seconds=EVENT_RETRY_AGE_S_MAX if age_s is None else age_s,
            maximum_retry_attempts=EVENT_RETRY_ATTEMPTS_MAX if attempts is None else attempts,
        ),
        sqs_parameters=SqsParameters(message_group_id=group) if group is not None else None,
        event_bridge_parameters=event,
    )
