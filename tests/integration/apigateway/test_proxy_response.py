"""The HTTP response for a function's response."""

import json
from typing import Any

import pytest

from tests.integration.apigateway.gateways import Reply, RunningGateway, reply


def respond_with(gateway: RunningGateway, answer: Any, accept: str = "*/*") -> Reply:
    return gateway.ask("/v1/verbatim", json.dumps(answer), {"accept": accept})


def test_status_headers_and_body_come_from_the_function(gateway: RunningGateway) -> None:
    answered = respond_with(gateway, {"statusCode": 402, "headers": {"X-Gateway-Model": "qwen"}, "body": "通义"})

    assert (answered.status, answered.body.decode()) == (402, "通义")
    assert answered.headers["x-gateway-model"] == "qwen"


def test_a_response_without_content_type_is_json(gateway: RunningGateway) -> None:
    assert respond_with(gateway, {"body": "{}"}).headers["content-type"] == "application/json"
    assert respond_with(gateway, {"headers": {"content-type": "text/plain"}}).headers["content-type"] == "text/plain"


def test_an_empty_response_is_a_200(gateway: RunningGateway) -> None:
    answered = respond_with(gateway, {})

    assert (answered.status, answered.body) == (200, b"")


def test_repeated_headers_stay_separate_and_both_maps_are_used(gateway: RunningGateway) -> None:
    answered = respond_with(
        gateway,
        {"headers": {"X-A": "1", "X-B": "3"}, "multiValueHeaders": {"x-a": ["1", "2"], "Set-Cookie": ["c", "d"]}},
    )

    own = [(name, value) for name, value in answered.header_list if name in {"x-a", "x-b", "set-cookie"}]
    assert sorted(own) == [("set-cookie", "c"), ("set-cookie", "d"), ("x-a", "1"), ("x-a", "2"), ("x-b", "3")]


@pytest.mark.parametrize(("given", "sent"), [(True, "true"), (False, "false")])
def test_a_boolean_header_value_becomes_lower_case(gateway: RunningGateway, given: bool, sent: str) -> None:
    assert respond_with(gateway, {"headers": {"x-should-retry": given}}).headers["x-should-retry"] == sent


def test_headers_reserved_by_api_gateway_are_remapped(gateway: RunningGateway) -> None:
    answered = respond_with(gateway, {"headers": {"WWW-Authenticate": "Bearer", "Content-Length": "7"}, "body": "four"})

    assert answered.headers["x-amzn-remapped-www-authenticate"] == "Bearer"
    assert "www-authenticate" not in answered.headers
    assert answered.headers["content-length"] == "4"


def test_a_status_without_body_has_none_and_keeps_the_connection_open(gateway: RunningGateway) -> None:
    connection = gateway.connection()
    connection.request("POST", "/v1/verbatim", '{"statusCode": 204, "body": "left out"}')
    empty = reply(connection)
    connection.request("POST", "/v1/verbatim", '{"body": "next"}')
    following = reply(connection)
    connection.close()

    assert (empty.status, empty.body) == (204, b"")
    assert following.body == b"next"


def test_base64_becomes_bytes_for_a_client_that_accepts_binary_first(gateway: RunningGateway) -> None:
    answer = {"body": "/wA=", "isBase64Encoded": True}

    assert respond_with(gateway, answer, accept="multipart/form-data, */*").body == b"\xff\x00"
    assert respond_with(gateway, answer).body == b"/wA="


def test_half_a_surrogate_pair_becomes_a_question_mark(gateway: RunningGateway) -> None:
    assert respond_with(gateway, {"body": "a\ud83d"}).body == b"a?"


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
def test_a_malformed_response_is_a_bad_gateway(gateway: RunningGateway, answer: Any) -> None:
    answered = respond_with(gateway, answer)

    assert (answered.status, answered.json["error"]["code"]) == (502, "gateway_failed")
    assert answered.headers["x-request-id"] == answered.headers["x-amzn-requestid"]


def test_a_malformed_response_is_logged_without_its_content(gateway: RunningGateway) -> None:
    respond_with(gateway, {"secret": "sk-1234"})

    assert "Verbatim: its response is malformed: it has unknown fields: secret" in gateway.log()
    assert "sk-1234" not in gateway.log()
