"""What every request to /v1 has in common: paths, methods, media types, parameters, refusals."""

import json

from tests.edge.native.conftest import Api


async def test_an_unknown_path_is_not_found(api: Api) -> None:
    for path in ("/v1/", "/v1/nothing", "/v1/queues/", "/v1/queues/orders/messages/x/y"):
        answer = await api("GET", path)
        assert (answer.status, answer.body["code"]) in (
            (404, "PathNotFound"),
            (404, "QueueDoesNotExist"),
        )


async def test_a_wrong_method_is_told_the_right_ones(api: Api) -> None:
    answer = await api("DELETE", "/v1/queues/orders/messages")

    assert (answer.status, answer.body["code"]) == (405, "MethodNotAllowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_a_problem_has_the_members_of_rfc_9457_and_a_code(api: Api) -> None:
    answer = await api("GET", "/v1/queues/nowhere")

    assert answer.media_type == "application/problem+json"
    assert answer.body == {
        "type": "urn:event-broker:problem:QueueDoesNotExist",
        "title": "Queue does not exist",
        "status": 404,
        "detail": "The specified queue does not exist.",
        "code": "QueueDoesNotExist",
    }


async def test_a_body_of_another_media_type_is_refused(api: Api) -> None:
    form = "application/x-www-form-urlencoded"
    answer = await api("POST", "/v1/queues/orders/messages", b'{"body":"a"}', media_type=form)

    assert (answer.status, answer.body["code"]) == (415, "UnsupportedMediaType")
    assert "application/json" in answer.body["detail"]


async def test_msgpack_is_refused_where_the_operation_does_not_take_it(api: Api) -> None:
    answer = await api.packed("/v1/queues/orders/messages", {"body": "a"})

    assert answer.status == 415


async def test_a_body_that_is_not_json_is_refused(api: Api) -> None:
    for body in (b"{", b'"\\ud800"', b"\xff", b'{"body":' + b"[" * 100_000):
        answer = await api("POST", "/v1/queues/orders/messages", body)
        assert (answer.status, answer.body["code"]) == (400, "MalformedRequest")


async def test_a_refusal_names_the_place_in_the_body(api: Api) -> None:
    answer = await api(
        "POST", "/v1/queues/orders/messages/bulk", {"messages": [{"body": "a"}, {"body": 1}]}
    )

    assert answer.body["detail"] == "messages[1].body: Expected str, got int"


async def test_a_body_where_none_is_taken_is_refused(api: Api) -> None:
    answer = await api("POST", "/v1/queues/orders/purge", {"really": True})

    assert (answer.status, answer.body["code"]) == (400, "MalformedRequest")


async def test_an_unknown_parameter_is_refused(api: Api) -> None:
    for target in ("/v1/queues?colour=red", "/v1/status?verbose=1"):
        answer = await api("GET", target)
        assert (answer.status, answer.body["code"]) == (400, "MalformedRequest")


async def test_an_idempotency_key_is_refused_by_name(api: Api) -> None:
    message = {"body": "a"}
    answer = await api("POST", "/v1/queues/orders/messages", message, idempotency_key="1")

    assert (answer.status, answer.body["code"]) == (501, "NotSupported")
    assert "Idempotency-Key" in answer.body["detail"]
    assert await api.receive("orders") == []


async def test_a_namespace_of_its_own_is_named_in_the_query(api: Api) -> None:
    await api("PUT", "/v1/queues/theirs?account=111111111111&region=eu-west-1", {})

    theirs = await api("GET", "/v1/queues?account=111111111111&region=eu-west-1")
    ours = await api("GET", "/v1/queues")

    (queue,) = theirs.body["queues"]
    assert queue["arn"] == "arn:aws:sqs:eu-west-1:111111111111:theirs"
    assert [each["name"] for each in ours.body["queues"]] == ["orders", "spare"]


async def test_a_namespace_that_can_be_none_is_refused(api: Api) -> None:
    for query in ("account=me", "region=Berlin", "account=", "region="):
        answer = await api("GET", f"/v1/queues?{query}")
        assert (answer.status, answer.body["code"]) == (400, "MalformedRequest")


async def test_labels_are_decoded_after_the_path_was_split(api: Api) -> None:
    assert (await api("GET", "/v1/queues/%6Frders")).body["name"] == "orders"
    assert (await api("GET", "/v1/queues/orders%2Fmessages")).body["code"] == "QueueDoesNotExist"


async def test_head_is_answered_like_get(api: Api) -> None:
    assert (await api("HEAD", "/v1/queues")).status == 200


async def test_a_body_left_out_is_an_empty_object(api: Api) -> None:
    answer = await api("POST", "/v1/queues/orders/receive")

    assert (answer.status, json.loads(answer.raw)) == (200, {"messages": []})


async def test_a_query_that_is_no_utf_8_is_the_requests_fault(api: Api) -> None:
    answer = await api("GET", "/v1/queues?prefix=%ff")

    assert (answer.status, answer.body["code"]) == (400, "MalformedRequest")
