"""The response that a client gets for a function's answer."""

import json
from typing import Any

import pytest

from tests.integration.apigateway.gateways import Reply, RunningFront, reply


def said(front: RunningFront, answer: Any, accept: str = "*/*") -> Reply:
    return front.ask("/v1/said", json.dumps(answer), {"accept": accept})


def test_status_headers_and_body_are_the_functions(front: RunningFront) -> None:
    answered = said(front, {"statusCode": 402, "headers": {"X-Gateway-Model": "qwen"}, "body": "通义"})

    assert (answered.status, answered.body.decode()) == (402, "通义")
    assert answered.headers["x-gateway-model"] == "qwen"


def test_an_answer_without_a_type_is_json(front: RunningFront) -> None:
    assert said(front, {"body": "{}"}).headers["content-type"] == "application/json"
    assert said(front, {"headers": {"content-type": "text/plain"}}).headers["content-type"] == "text/plain"


def test_an_empty_answer_is_a_success(front: RunningFront) -> None:
    answered = said(front, {})

    assert (answered.status, answered.body) == (200, b"")


def test_repeated_headers_stay_apart_and_both_maps_count(front: RunningFront) -> None:
    answered = said(
        front, {"headers": {"X-A": "1", "X-B": "3"}, "multiValueHeaders": {"x-a": ["1", "2"], "Set-Cookie": ["c", "d"]}}
    )

    own = [(name, value) for name, value in answered.header_list if name in {"x-a", "x-b", "set-cookie"}]
    assert sorted(own) == [("set-cookie", "c"), ("set-cookie", "d"), ("x-a", "1"), ("x-a", "2"), ("x-b", "3")]


@pytest.mark.parametrize(("given", "sent"), [(True, "true"), (False, "false")])
def test_a_truth_value_is_a_header_in_small_letters(front: RunningFront, given: bool, sent: str) -> None:
    assert said(front, {"headers": {"x-should-retry": given}}).headers["x-should-retry"] == sent


def test_headers_that_api_gateway_keeps_for_itself_come_under_another_name(front: RunningFront) -> None:
    answered = said(front, {"headers": {"WWW-Authenticate": "Bearer", "Content-Length": "7"}, "body": "four"})

    assert answered.headers["x-amzn-remapped-www-authenticate"] == "Bearer"
    assert "www-authenticate" not in answered.headers
    assert answered.headers["content-length"] == "4"


def test_a_status_without_a_body_has_none_and_the_connection_lives_on(front: RunningFront) -> None:
    connection = front.connection()
    connection.request("POST", "/v1/said", '{"statusCode": 204, "body": "left out"}')
    empty = reply(connection)
    connection.request("POST", "/v1/said", '{"body": "next"}')
    following = reply(connection)
    connection.close()

    assert (empty.status, empty.body) == (204, b"")
    assert following.body == b"next"


def test_base64_becomes_bytes_for_a_client_that_accepts_binary_first(front: RunningFront) -> None:
    answer = {"body": "/wA=", "isBase64Encoded": True}

    assert said(front, answer, accept="multipart/form-data, */*").body == b"\xff\x00"
    assert said(front, answer).body == b"/wA="


def test_half_a_surrogate_pair_becomes_a_question_mark(front: RunningFront) -> None:
    assert said(front, {"body": "a\ud83d"}).body == b"a?"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        [],
        {"message": "hello"},
        {"statusCode": 200, "cookies": []},
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 103},
        {"statusCode": 200.0},
        {"body": {"a": 1}},
        {"headers": ["x"]},
        {"headers": {"x-a": ["1", "2"]}},
        {"headers": {"x-a": 1}},
        {"headers": {"x-a": None}},
        {"headers": {"x-a": "1\r\nx-b: 2"}},
        {"headers": {"x a": "1"}},
        {"headers": {"x-a": "通"}},
        {"multiValueHeaders": {"x-a": "1"}},
    ],
)
def test_a_malformed_answer_is_a_bad_gateway(front: RunningFront, answer: Any) -> None:
    answered = said(front, answer)

    assert (answered.status, answered.json["error"]["code"]) == (502, "gateway_failed")
    assert answered.headers["x-request-id"] == answered.headers["x-amzn-requestid"]


def test_a_malformed_answer_is_named_in_the_log_without_its_content(front: RunningFront) -> None:
    said(front, {"secret": "sk-1234"})

    assert "Said: its response is malformed: it has unknown fields: secret" in front.log()
    assert "sk-1234" not in front.log()
