"""Every path that API Gateway can reach has a method, so that it never reads a bearer key as a broken signature."""

import json
import re
from typing import Any

import pytest

from tests.contract.served_routes import SERVED
from tests.contract.template import Template, find_resource, resolve

ANY = "x-amazon-apigateway-any-method"
UNKNOWN_ROUTE_RESPONSES = ("MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND", "UNSUPPORTED_MEDIA_TYPE")


@pytest.fixture
def body(template: Template) -> dict[str, Any]:
    """Return the OpenAPI document of the REST API."""
    document: dict[str, Any] = find_resource(template, "AWS::ApiGateway::RestApi")["Body"]
    return document


def list_prefixes(path: str) -> set[str]:
    """Return a path, every prefix of it, and the root."""
    parts = path.split("/")
    return {"/".join(parts[:end]) or "/" for end in range(1, len(parts) + 1)}


def parse_message(integration: dict[str, Any]) -> str:
    text = integration["responses"]["default"]["responseTemplates"]["application/json"]
    message: str = json.loads(text)["error"]["message"]
    return message


def test_every_path_and_every_prefix_has_the_method_any(body: dict[str, Any]) -> None:
    served = {path for _, path in SERVED}
    assert served < body["paths"].keys()

    for path in set().union(*(list_prefixes(path) for path in body["paths"])):
        assert ANY in body["paths"][path], path


def test_below_every_path_is_a_variable_one(body: dict[str, Any]) -> None:
    """AWS does not document whether a path that leads into a prefix falls back to a greedy path above it.

    It allows one variable part below a path. That is the greedy one, or has a greedy one below itself.
    """
    for path in body["paths"]:
        if not path.endswith("+}"):
            variable = re.compile(re.escape(path.rstrip("/")) + r"/\{[^/]+\}")
            assert sum(bool(variable.fullmatch(other)) for other in body["paths"]) == 1, path


def test_unknown_routes_are_answered_without_a_function(body: dict[str, Any]) -> None:
    for path, methods in body["paths"].items():
        integration = methods[ANY]["x-amazon-apigateway-integration"]
        assert integration["type"] == "mock", path
        # JSON, or no content type. The gateway response UNSUPPORTED_MEDIA_TYPE answers every other one.
        assert integration["requestTemplates"] == {"application/json": '{"statusCode": 404}'}
        assert integration["passthroughBehavior"] == "never"
        assert integration["contentHandling"] == "CONVERT_TO_TEXT"


def test_every_answer_to_an_unknown_route_has_a_request_id_and_cors(body: dict[str, Any]) -> None:
    responses = body["x-amazon-apigateway-gateway-responses"]
    expected = {
        name.removeprefix("gatewayresponse.header."): value
        for name, value in responses["RESOURCE_NOT_FOUND"]["responseParameters"].items()
    }
    assert expected["x-request-id"] == "context.requestId"

    for methods in body["paths"].values():
        response = methods[ANY]["x-amazon-apigateway-integration"]["responses"]["default"]
        assert response["statusCode"] == "404"
        assert {
            name.removeprefix("method.response.header."): value
            for name, value in response["responseParameters"].items()
        } == expected


def test_every_answer_to_an_unknown_route_has_the_same_text(template: Template, body: dict[str, Any]) -> None:
    """Only the doubled /v1 has its own."""
    mocks = {path: methods[ANY]["x-amazon-apigateway-integration"] for path, methods in body["paths"].items()}
    doubled = parse_message(mocks.pop("/v1/v1/{proxy+}"))
    (text,) = {json.dumps(mock["responses"]["default"]["responseTemplates"]) for mock in mocks.values()}

    assert "base_url of the gateway already ends in /v1" in doubled
    for kind in UNKNOWN_ROUTE_RESPONSES:
        response = resolve(template, body["x-amazon-apigateway-gateway-responses"][kind])
        assert json.dumps(response["responseTemplates"]) == text


def test_the_text_names_every_served_route(body: dict[str, Any]) -> None:
    message = parse_message(body["paths"]["/"][ANY]["x-amazon-apigateway-integration"])

    for method, path in SERVED:
        assert f"{method} {path.replace('+}', '}')}" in message


def test_a_mock_answer_is_no_velocity_code(body: dict[str, Any]) -> None:
    """API Gateway evaluates response templates; `$` and `#` start an expression."""
    for methods in body["paths"].values():
        response = methods[ANY]["x-amazon-apigateway-integration"]["responses"]["default"]
        assert not set("$#") & set(response["responseTemplates"]["application/json"])
