"""What API Gateway answers by itself reads like an answer of the code: OpenAI's shape, request id, CORS."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_gateway.api.edge import EXPOSED
from qwen_gateway_cli.local.apigateway import gateway_errors
from qwen_gateway_cli.local.apigateway.gateway_errors import ApiGatewayError
from qwen_gateway_cli.local.apigateway.rest_api import GatewayResponse, MockIntegration, RestApi, parse_rest_api
from tests.contract.transformed import ROOT, Template

# API Gateway's kind of error; the status, type and code that a client gets.
TOLD = {
    "DEFAULT_4XX": (None, "invalid_request_error", "request_refused"),
    "DEFAULT_5XX": (None, "server_error", "gateway_failed"),
    "INTEGRATION_FAILURE": (502, "server_error", "gateway_failed"),
    "INTEGRATION_TIMEOUT": (504, "timeout_error", "gateway_timeout"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "invalid_request_error", "unknown_route"),
    "QUOTA_EXCEEDED": (429, "rate_limit_error", "gateway_throttled"),
    "REQUEST_TOO_LARGE": (413, "invalid_request_error", "request_too_large"),
    "RESOURCE_NOT_FOUND": (404, "invalid_request_error", "unknown_route"),
    "THROTTLED": (429, "rate_limit_error", "gateway_throttled"),
}
ORIGIN = "https://app.example.com"
FOR_A_REFUSAL = {"content-encoding"}
"""Headers that the code reads only to refuse what they announce: no browser has to be let send them."""
READS_OF_THE_REQUEST = ("functions", "layers/qwen_gateway/qwen_gateway/api")


@pytest.fixture(scope="module")
def api(template: Template) -> RestApi:
    """The API of a stack whose owner lets one origin in."""
    return parse_rest_api(template, {"AllowedOrigin": ORIGIN})


def names(listed: str) -> set[str]:
    return {name.strip() for name in listed.strip("'").split(",")}


def test_every_kind_of_edge_error_is_worded(api: RestApi) -> None:
    assert api.gateway_responses.keys() == TOLD.keys()


@pytest.mark.parametrize("kind", TOLD)
def test_an_edge_error_is_told_as_openai_tells_it(api: RestApi, kind: str) -> None:
    status, error_type, code = TOLD[kind]
    response = gateway_errors.build_error_response(
        ApiGatewayError(kind, 400, 'the words "of" API Gateway', "x"), api, "edge-request-id"
    )

    assert api.gateway_responses[kind].status == status
    error = json.loads(bytes(response.body))["error"]
    assert (error["type"], error["param"], error["code"]) == (error_type, None, code)
    assert error["message"]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == "edge-request-id"


@pytest.mark.parametrize("kind", TOLD)
def test_a_browser_may_read_an_edge_error_as_it_reads_any_answer(api: RestApi, kind: str) -> None:
    headers = api.gateway_responses[kind].headers

    assert headers["access-control-allow-origin"] == f"'{ORIGIN}'"
    assert names(headers["access-control-expose-headers"]) == names(EXPOSED)


def test_whoever_was_throttled_learns_when_to_come_again(api: RestApi) -> None:
    assert {kind for kind, each in api.gateway_responses.items() if "retry-after" in each.headers} == {
        kind for kind, (status, _, _) in TOLD.items() if status == 429
    }


def test_a_call_that_took_too_long_is_not_repeated(api: RestApi) -> None:
    assert api.gateway_responses["INTEGRATION_TIMEOUT"].headers["x-should-retry"] == "'false'"


def test_every_header_of_an_edge_error_may_be_read(api: RestApi) -> None:
    def own(response: GatewayResponse) -> set[str]:
        return {name for name in response.headers if not name.startswith("access-control-")}

    assert set().union(*(own(each) for each in api.gateway_responses.values())) <= names(EXPOSED)


def test_a_browser_may_ask_for_every_route_with_every_header_that_the_code_reads(api: RestApi) -> None:
    for path, methods in api.routes.items():
        preflight = methods["OPTIONS"]
        assert isinstance(preflight, MockIntegration)
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert names(preflight.headers["access-control-allow-methods"]) >= methods.keys(), path
        allowed = names(preflight.headers["access-control-allow-headers"])
        assert allowed >= {"content-type", *headers_read()} - FOR_A_REFUSAL, path


def headers_read() -> set[str]:
    """Every literal that the code asks a request's headers for."""
    found = {name for folder in READS_OF_THE_REQUEST for tree in trees(folder) for name in literals(tree)}
    assert {"authorization", "x-gateway-timeout-ms"} <= found
    return found


def trees(folder: str) -> Iterator[ast.AST]:
    for path in (ROOT / folder).rglob("*.py"):
        yield ast.parse(path.read_text(encoding="utf-8"))


def literals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[ast.Constant(value=str(name)), *_]):
                if is_headers(owner):
                    yield name


def is_headers(owner: Any) -> bool:
    return getattr(owner, "attr", getattr(owner, "id", "")) == "headers"
