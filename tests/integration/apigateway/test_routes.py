"""Route matching, and responses of API Gateway itself."""

import pytest

from tests.integration.apigateway.gateways import RunningGateway


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/v1/models", "/v1/models", None),
        ("/v1/models/", "/v1/models", None),
        ("/v1/models/qwen-max", "/v1/models/{model+}", {"model": "qwen-max"}),
        ("/v1/models/qwen-max/", "/v1/models/{model+}", {"model": "qwen-max"}),
        ("/v1/models/qwen/plus", "/v1/models/{model+}", {"model": "qwen/plus"}),
        ("/v1/models/qwen%2Fplus", "/v1/models/{model+}", {"model": "qwen/plus"}),
        ("/v1/models/%E9%80%9A%20%0A+", "/v1/models/{model+}", {"model": "通 \n+"}),
        ("/v1/keys/a%2Fb/use", "/v1/keys/{key}/use", {"key": "a/b"}),
    ],
)
def test_a_path_matches_its_route_and_its_parameters_are_decoded(
    gateway: RunningGateway, path: str, resource: str, parameters: dict[str, str] | None
) -> None:
    event = gateway.ask(path, method="GET").json["event"]

    assert (event["resource"], event["pathParameters"]) == (resource, parameters)
    assert event["path"] == path


def test_a_literal_route_comes_before_a_greedy_one(gateway: RunningGateway) -> None:
    assert gateway.ask("/v1/models/listed", '{"body": "literal"}', method="GET").body == b"literal"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/echo/more"),
        ("POST", "/V1/echo"),
        ("POST", "/v1%2Fecho"),
        ("POST", "/v1//echo"),
        ("POST", "//v1/echo"),
        ("GET", "/v1/keys//use"),
        ("GET", "/v1/echo"),
        ("DELETE", "/v1/models"),
        ("POST", "/v1/models/listed"),
        ("OPTIONS", "/v1/responses"),
    ],
)
def test_an_unknown_route_or_method_gets_the_templates_response(
    gateway: RunningGateway, method: str, path: str
) -> None:
    reply = gateway.ask(path, "{}", method=method)

    assert reply.status == 404
    assert reply.json == {"error": {"message": "Missing Authentication Token"}}
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"] == reply.headers["x-amzn-requestid"]


def test_head_is_a_method_like_any_other(gateway: RunningGateway) -> None:
    reply = gateway.ask("/v1/models", method="HEAD")

    assert (reply.status, reply.body) == (404, b"")


def test_a_preflight_is_answered_without_a_function(gateway: RunningGateway) -> None:
    reply = gateway.ask("/v1/verbatim", headers={"origin": "https://example.com"}, method="OPTIONS")

    assert (reply.status, reply.body) == (200, b"{}\n")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-methods"] == "GET,POST,OPTIONS"
