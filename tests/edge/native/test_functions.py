"""Functions over /v1: synchronous and asynchronous invocation."""

import trio

from tests.edge.native.conftest import HERE, Api

INVOKE = "/v1/functions/scripted/invoke"


async def test_a_synchronous_invocation_answers_with_the_functions_payload(api: Api) -> None:
    answer = await api("POST", INVOKE, {"ducks": 10})

    assert answer.status == 200
    assert answer.body["payload"] == {"ducks": 10}
    assert "function_error" not in answer.body


async def test_a_function_that_fails_is_a_result_with_its_log(api: Api) -> None:
    answer = await api("POST", INVOKE, {"fail": "no water"})

    assert answer.status == 200
    assert answer.body["function_error"] == "Unhandled"
    assert answer.body["payload"] == {"errorType": "Oops", "errorMessage": "no water"}
    start, why, end, report = answer.body["log_tail"].splitlines()
    assert start == f"START RequestId: {answer.body['request_id']} Version: $LATEST"
    assert why == "why"
    assert end == f"END RequestId: {answer.body['request_id']}"
    assert report.endswith("Memory Size: 128 MB\tStatus: error")


async def test_a_full_concurrency_limit_answers_429_with_its_reason(api: Api) -> None:
    api.broker.functions.ledger(HERE).acquire("scripted", 0.0)

    answer = await api("POST", INVOKE, {})

    assert (answer.status, answer.body["code"]) == (429, "TooManyRequests")
    assert answer.body["reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert answer.headers["Retry-After"] == "1"


async def test_a_target_that_throttles_passes_on_when_to_try_again(api: Api) -> None:
    answer = await api("POST", INVOKE, {"throttle": 7})

    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


async def test_a_function_that_cannot_be_reached_answers_502(api: Api) -> None:
    answer = await api("POST", INVOKE, {"unreachable": True})

    assert (answer.status, answer.body["code"]) == (502, "InvokerFailed")


async def test_an_asynchronous_invocation_waits_in_the_functions_queue(api: Api) -> None:
    api.broker.functions.ledger(HERE).acquire("scripted", 0.0)

    answer = await api("POST", f"{INVOKE}?mode=async", {"ducks": 10})

    assert answer.status == 202
    assert set(answer.body) == {"request_id"}
    await trio.testing.wait_all_tasks_blocked()
    status = (await api("GET", "/v1/status")).body
    depth = {queue["name"]: queue for queue in status["queues"]}["function/scripted"]
    assert depth["visible"] + depth["in_flight"] == 1


async def test_what_cannot_be_invoked_is_refused(api: Api) -> None:
    unknown = await api("POST", "/v1/functions/nowhere/invoke", {})
    broken = await api("POST", INVOKE, b"{")
    odd_mode = await api("POST", f"{INVOKE}?mode=later", {})

    assert (unknown.status, unknown.body["code"]) == (404, "FunctionDoesNotExist")
    assert (broken.status, broken.body["code"]) == (400, "InvalidPayload")
    assert (odd_mode.status, odd_mode.body["code"]) == (400, "MalformedRequest")


async def test_functions_are_listed(api: Api) -> None:
    (function,) = (await api("GET", "/v1/functions")).body["functions"]

    assert (function["name"], function["invoker"]) == ("scripted", "scripted")
    assert function["reserved_concurrency"] == 1
