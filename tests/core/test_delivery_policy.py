"""Which delivery policies are refused, which one takes effect, and how long each retry waits."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.delivery_policy import (
    DeliveryPolicy,
    HealthyRetryPolicy,
    InvalidDeliveryPolicy,
    TopicPolicy,
    effective,
    effective_subscription_text,
    effective_topic_text,
    parse_subscription_policy,
    parse_topic_policy,
)

FUNCTIONS = ["linear", "arithmetic", "geometric", "exponential"]
RETRY = {"minDelayTarget": 1, "maxDelayTarget": 60, "numRetries": 50}


def retry(**members: Any) -> dict[str, Any]:
    return {"healthyRetryPolicy": {**RETRY, **members}}


def without(name: str) -> dict[str, Any]:
    return {"healthyRetryPolicy": {key: value for key, value in RETRY.items() if key != name}}


PATH = "healthyRetryPolicy"
NAMED = "numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries"
REFUSED = [
    (without("minDelayTarget"), f"{PATH}.minDelayTarget must be specified"),
    (without("maxDelayTarget"), f"{PATH}.maxDelayTarget must be specified"),
    (without("numRetries"), f"{PATH}.numRetries must be specified"),
    (retry(numRetries=None), f"{PATH}.numRetries must be specified"),
    (retry(minDelayTarget=0), f"{PATH}.minDelayTarget must be greater than or equal to 1"),
    (retry(minDelayTarget=3601), f"{PATH}.minDelayTarget must be less than or equal to 3600"),
    (retry(maxDelayTarget=0), f"{PATH}.maxDelayTarget must be greater than or equal to 1"),
    (retry(maxDelayTarget=3601), f"{PATH}.maxDelayTarget must be less than or equal to 3600"),
    (
        retry(minDelayTarget=61),
        f"{PATH}.maxDelayTarget must be greater than or equal to minDelayTarget",
    ),
    (retry(numRetries=-1), f"{PATH}.numRetries must be greater than or equal to 0"),
    (retry(numRetries=101), f"{PATH}.numRetries must be less than or equal to 100"),
    (retry(numNoDelayRetries=-1), f"{PATH}.numNoDelayRetries must be greater than or equal to 0"),
    (retry(numMinDelayRetries=-1), f"{PATH}.numMinDelayRetries must be greater than or equal to 0"),
    (retry(numMaxDelayRetries=-1), f"{PATH}.numMaxDelayRetries must be greater than or equal to 0"),
    (
        retry(numNoDelayRetries=17, numMinDelayRetries=17, numMaxDelayRetries=17),
        f"{PATH}.numRetries must be greater than or equal to total of {NAMED}",
    ),
    (
        retry(backoffFunction="cubic"),
        f"{PATH}.backoffFunction: the value [cubic] is not a valid backoff function",
    ),
    (
        retry(backoffFunction=""),
        f"{PATH}.backoffFunction: the value [] is not a valid backoff function",
    ),
    (
        retry(backoffFunction="\ud800"),
        f"{PATH}.backoffFunction: the value [?] is not a valid backoff function",
    ),
    (retry(backoffFunction=1), f"{PATH}.backoffFunction must be a string"),
    (retry(numRetries="5"), f"{PATH}.numRetries must be an integer"),
    (retry(numRetries=5.0), f"{PATH}.numRetries must be an integer"),
    (retry(numRetries=True), f"{PATH}.numRetries must be an integer"),
    (retry(numRetries=10**400), f"{PATH}.numRetries must be an integer"),
    (
        retry(maxDelayTarget=3600),
        f"{PATH}: total retry time must be less than or equal to 3600 seconds",
    ),
    (retry(retries=1), "Unexpected JSON member: retries"),
    ({"http": {}}, "Unexpected JSON member: http"),
    ({"healthyRetryPolicy": 1}, "healthyRetryPolicy must be a JSON object"),
    (
        {"throttlePolicy": {"maxReceivesPerSecond": 0}},
        "throttlePolicy.maxReceivesPerSecond must be greater than or equal to 1",
    ),
    ({"throttlePolicy": {"rate": 1}}, "Unexpected JSON member: rate"),
    ({"sicklyRetryPolicy": RETRY}, "sicklyRetryPolicy must be null"),
    ({"guaranteed": True}, "guaranteed must be false"),
    (
        {"requestPolicy": {"headerContentType": "image/png"}},
        "requestPolicy.headerContentType: the value [image/png] is not supported",
    ),
    ([], "the policy must be a JSON object"),
]


@pytest.mark.parametrize(("policy", "reason"), REFUSED)
def test_a_subscriptions_policy_is_refused_by_the_members_path(policy: Any, reason: str) -> None:
    with pytest.raises(InvalidDeliveryPolicy) as refused:
        parse_subscription_policy(json.dumps(policy))
    assert refused.value.reason == reason
    assert refused.value.message == f"Invalid parameter: DeliveryPolicy: {reason}"


REFUSED_OF_TOPICS = [
    (
        {"http": {"defaultHealthyRetryPolicy": {**RETRY, "numRetries": 101}}},
        "http.defaultHealthyRetryPolicy.numRetries must be less than or equal to 100",
    ),
    ({"throttlePolicy": {}}, "Unexpected JSON member: throttlePolicy"),
    ({"http": {"throttlePolicy": {}}}, "Unexpected JSON member: throttlePolicy"),
    ({"http": []}, "http must be a JSON object"),
    (
        {"http": {"disableSubscriptionOverrides": "true"}},
        "http.disableSubscriptionOverrides must be true or false",
    ),
    (
        {"http": {"defaultSicklyRetryPolicy": RETRY}},
        "http.defaultSicklyRetryPolicy must be null",
    ),
    (
        {"http": {"defaultRequestPolicy": {"headerContentType": "text/csv"}}},
        "http.defaultRequestPolicy.headerContentType: the value [text/csv] is not supported",
    ),
]


@pytest.mark.parametrize(("policy", "reason"), REFUSED_OF_TOPICS)
def test_a_topics_policy_is_refused_by_the_members_path(policy: Any, reason: str) -> None:
    with pytest.raises(InvalidDeliveryPolicy) as refused:
        parse_topic_policy(json.dumps(policy))
    assert refused.value.reason == reason


@pytest.mark.parametrize("parse", [parse_topic_policy, parse_subscription_policy])
def test_text_that_is_no_json_is_refused_in_the_readers_words(parse: Any) -> None:
    with pytest.raises(InvalidDeliveryPolicy) as refused:
        parse("{invalidjson}")
    assert refused.value.reason.startswith(
        "failed to parse JSON. Unexpected character ('i' (code 105)): "
        "was expecting double-quote to start field name\n at [Source: "
    )


BOTH = ["application/json", "text/plain", "text/plain; charset=UTF-8", "application/json;charset=x"]
RAW_ONLY = """application/atom+xml application/octet-stream application/soap+xml
application/x-www-form-urlencoded application/xhtml+xml application/xml text/css text/csv text/html
text/xml""".split()


def content_type(value: str) -> str:
    return json.dumps({"requestPolicy": {"headerContentType": value}})


@pytest.mark.parametrize("value", BOTH)
def test_every_delivery_may_have_these_content_types(value: str) -> None:
    for raw in (False, True):
        policy = parse_subscription_policy(content_type(value), raw_message_delivery=raw)
        assert policy.header_content_type == value


@pytest.mark.parametrize("value", [*RAW_ONLY, "text/csv; charset=UTF-8"])
def test_raw_messages_may_have_more(value: str) -> None:
    policy = parse_subscription_policy(content_type(value), raw_message_delivery=True)
    assert policy.header_content_type == value
    with pytest.raises(InvalidDeliveryPolicy):
        parse_subscription_policy(content_type(value))


@pytest.mark.parametrize("value", ["", "json", "text/plain\r\nX: y", "text/plain; q=1", "text/*"])
def test_no_delivery_may_have_others(value: str) -> None:
    with pytest.raises(InvalidDeliveryPolicy):
        parse_subscription_policy(content_type(value), raw_message_delivery=True)


def test_null_is_as_good_as_absent() -> None:
    nothing = parse_subscription_policy("{}")
    written_back = {
        "healthyRetryPolicy": None,
        "sicklyRetryPolicy": None,
        "throttlePolicy": None,
        "requestPolicy": {"headerContentType": None},
        "guaranteed": False,
    }
    assert parse_subscription_policy(json.dumps(written_back)) == nothing
    assert parse_topic_policy('{"http":null}') == parse_topic_policy("{}") == TopicPolicy()


DEFAULT_RETRY = (
    '{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,'
    '"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"}'
)
REQUEST = '{"headerContentType":"text/plain; charset=UTF-8"}'


def test_the_default_policy_is_written_as_sns_writes_it() -> None:
    assert effective(None, None) == DeliveryPolicy()
    assert effective_topic_text(None) == (
        f'{{"http":{{"defaultHealthyRetryPolicy":{DEFAULT_RETRY},'
        f'"disableSubscriptionOverrides":false,"defaultRequestPolicy":{REQUEST}}}}}'
    )
    assert effective_subscription_text(None, None) == (
        f'{{"healthyRetryPolicy":{DEFAULT_RETRY},"sicklyRetryPolicy":null,'
        f'"throttlePolicy":null,"requestPolicy":{REQUEST},"guaranteed":false}}'
    )


def topic(**http: Any) -> str:
    return json.dumps({"http": http})


TOPIC = {
    "defaultHealthyRetryPolicy": {**RETRY, "numRetries": 7},
    "defaultThrottlePolicy": {"maxReceivesPerSecond": 10},
    "defaultRequestPolicy": {"headerContentType": "application/json"},
}


def test_a_subscription_overrides_its_topic_part_by_part() -> None:
    own = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 5}})
    assert effective(topic(**TOPIC), own) == DeliveryPolicy(
        HealthyRetryPolicy(1, 60, 7), 5, "application/json"
    )
    assert effective(None, own) == DeliveryPolicy(max_receives_per_second=5)
    own = json.dumps(retry(numNoDelayRetries=3))
    assert effective(topic(**TOPIC), own).healthy_retry_policy == HealthyRetryPolicy(1, 60, 50, 3)


def test_a_topic_may_forbid_overrides() -> None:
    own = json.dumps({**retry(), "throttlePolicy": {"maxReceivesPerSecond": 5}})
    final = topic(**TOPIC, disableSubscriptionOverrides=True)
    assert effective(final, own) == effective(final, None)
    assert effective(final, own).max_receives_per_second == 10


def test_a_policy_takes_effect_as_it_is_written() -> None:
    final = topic(**TOPIC, disableSubscriptionOverrides=True)
    written = effective_topic_text(final)
    assert list(json.loads(written)["http"]) == [
        "defaultHealthyRetryPolicy",
        "disableSubscriptionOverrides",
        "defaultThrottlePolicy",
        "defaultRequestPolicy",
    ]
    assert effective_topic_text(written) == written
    own = effective_subscription_text(final, None)
    assert effective(None, own) == effective(final, None)


def delays(policy: HealthyRetryPolicy) -> list[float]:
    assert policy.delay_s(policy.num_retries + 1) is None
    every = [policy.delay_s(number) for number in range(1, policy.num_retries + 1)]
    return [delay for delay in every if delay is not None]


def backoff(function: str, shortest: int, longest: int, count: int) -> list[float]:
    return delays(HealthyRetryPolicy(shortest, longest, count, backoff_function=function))


def test_the_default_policy_waits_20_seconds_three_times() -> None:
    assert delays(HealthyRetryPolicy()) == [20, 20, 20]
    assert delays(HealthyRetryPolicy(num_retries=0)) == []


def test_the_phases_come_in_order() -> None:
    policy = HealthyRetryPolicy(1, 61, 10, 3, 2, 2, "linear")
    assert delays(policy) == [0, 0, 0, 1, 1, 1, 31, 61, 61, 61]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("linear", [1, 16, 31, 46, 61]),
        ("arithmetic", [1, 7, 19, 37, 61]),
        ("exponential", [1, 5, 13, 29, 61]),
    ],
)
def test_the_backoff_phase_goes_from_the_shortest_to_the_longest_delay(
    function: str, expected: list[float]
) -> None:
    assert backoff(function, 1, 61, 5) == expected


def test_geometric_delays_grow_by_a_factor() -> None:
    assert backoff("geometric", 5, 80, 5) == pytest.approx([5, 10, 20, 40, 80])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_single_retry_waits_the_shortest_delay(function: str) -> None:
    assert backoff(function, 2, 9, 1) == [2]
    assert backoff(function, 2, 9, 2) == [2, 9]
    assert backoff(function, 9, 9, 100) == [9] * 100


COUNTS = st.integers(0, 34)


@given(
    st.integers(1, 3600),
    st.integers(1, 3600),
    COUNTS,
    COUNTS,
    COUNTS,
    st.integers(0, 100),
    st.sampled_from(FUNCTIONS),
)
def test_every_wait_is_within_bounds_and_all_together_within_an_hour(
    one: int, other: int, no_delay: int, at_min: int, at_max: int, in_backoff: int, function: str
) -> None:
    count = no_delay + at_min + at_max + in_backoff
    members = {
        "minDelayTarget": min(one, other),
        "maxDelayTarget": max(one, other),
        "numRetries": count,
        "numNoDelayRetries": no_delay,
        "numMinDelayRetries": at_min,
        "numMaxDelayRetries": at_max,
        "backoffFunction": function,
    }
    policy = HealthyRetryPolicy(
        min(one, other), max(one, other), count, no_delay, at_min, at_max, function
    )
    waits = delays(policy)
    assert waits[:no_delay] == [0] * no_delay
    assert all(min(one, other) <= wait <= max(one, other) for wait in waits[no_delay:])
    assert all(earlier <= later for earlier, later in pairwise(waits))
    text = json.dumps({"healthyRetryPolicy": members})
    if count <= 100 and sum(waits) <= 3600:
        assert parse_subscription_policy(text).healthy_retry_policy == policy
    else:
        with pytest.raises(InvalidDeliveryPolicy, match=r"(100|3600 seconds)$"):
            parse_subscription_policy(text)


def test_the_waits_may_add_up_to_an_hour_and_not_more() -> None:
    parse_subscription_policy(json.dumps(retry(minDelayTarget=60, numRetries=60)))
    with pytest.raises(InvalidDeliveryPolicy, match="3600 seconds"):
        parse_subscription_policy(json.dumps(retry(minDelayTarget=60, numRetries=61)))
