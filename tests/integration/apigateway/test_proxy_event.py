"""The Lambda event for a request."""

import base64
from typing import Any

from tests.integration.apigateway.gateways import RunningGateway, reply


def event_of(gateway: RunningGateway, *args: Any, **kwargs: Any) -> dict[str, Any]:
    event: dict[str, Any] = gateway.ask(*args, **kwargs).json["event"]
    return event


def test_an_event_has_every_field_of_its_format(gateway: RunningGateway) -> None:
    event = event_of(gateway, "/v1/echo", "{}")

    assert set(event) == {
        "resource",
        "path",
        "httpMethod",
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "requestContext",
        "body",
        "isBase64Encoded",
    }


def test_the_request_context_describes_client_route_and_request(gateway: RunningGateway) -> None:
    answer = gateway.ask("/v1/echo/", "{}", {"user-agent": "OpenAI/Python 3.54.0"})
    context = answer.json["event"]["requestContext"]

    assert (context["stage"], context["path"], context["resourcePath"]) == ("api", "/api/v1/echo/", "/v1/echo")
    assert (context["httpMethod"], context["protocol"], context["accountId"]) == ("POST", "HTTP/1.1", "000000000000")
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "OpenAI/Python 3.54.0"
    assert context["requestId"] == answer.headers["x-amzn-requestid"]
    assert context["requestId"] != answer.json["request_id"]


def test_absent_fields_are_null(gateway: RunningGateway) -> None:
    event = event_of(gateway, "/v1/models", method="GET")

    absent = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body")
    assert [event[name] for name in absent] == [None] * 5
    assert event["isBase64Encoded"] is False


def test_a_repeated_query_parameter_is_in_both_maps(gateway: RunningGateway) -> None:
    event = event_of(gateway, "/v1/models?a=1&a=%C3%A9+2&empty=", method="GET")

    assert event["queryStringParameters"] == {"a": "é 2", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "é 2"], "empty": [""]}


def test_a_repeated_header_is_in_both_maps(gateway: RunningGateway) -> None:
    connection = gateway.connection()
    connection.putrequest("POST", "/v1/echo")
    for value in ("one", "two"):
        connection.putheader("X-Repeated", value)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    event = reply(connection).json["event"]
    connection.close()

    assert event["headers"]["x-repeated"] == "two"
    assert event["multiValueHeaders"]["x-repeated"] == ["one", "two"]


def test_hop_by_hop_headers_are_dropped_and_forwarded_headers_are_replaced(gateway: RunningGateway) -> None:
    headers = event_of(gateway, "/v1/echo", "{}", {"x-forwarded-for": "192.0.2.7", "te": "trailers"})["headers"]

    assert headers.keys().isdisjoint({"te", "content-length", "connection"})
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "http")


def test_a_trace_id_of_the_client_is_kept_or_else_a_new_one_is_created(gateway: RunningGateway) -> None:
    begun = "Root=1-5759e988-bd862e3fe1be46a994272793"

    assert event_of(gateway, "/v1/echo", "{}", {"x-amzn-trace-id": begun})["headers"]["x-amzn-trace-id"] == begun
    assert event_of(gateway, "/v1/echo", "{}")["headers"]["x-amzn-trace-id"].startswith("Root=1-")


def test_a_uuid_of_the_client_is_the_request_id_and_other_text_is_not(gateway: RunningGateway) -> None:
    own = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    kept, replaced = (gateway.ask("/v1/echo", "{}", {"x-amzn-requestid": sent}) for sent in (own, "req_1"))

    assert kept.headers["x-amzn-requestid"] == kept.json["event"]["requestContext"]["requestId"] == own
    assert replaced.headers["x-amzn-requestid"] != "req_1"


def test_text_arrives_as_text(gateway: RunningGateway) -> None:
    text = '{"text": "通义千问 🙂 \\ud83d"}'

    event = event_of(gateway, "/v1/echo", text.encode())

    assert (event["body"], event["isBase64Encoded"]) == (text, False)


def test_a_body_that_is_not_utf8_arrives_unchanged_as_base64(gateway: RunningGateway) -> None:
    event = event_of(gateway, "/v1/echo", b'{"text": "\xff"}', {"content-type": "application/json"})

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b'{"text": "\xff"}'


def test_a_binary_media_type_always_arrives_as_base64(gateway: RunningGateway) -> None:
    event = event_of(gateway, "/v1/echo", b"plain", {"content-type": "Multipart/Form-Data; boundary=x"})

    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"plain").decode(), True)
