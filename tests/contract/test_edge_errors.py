"""Errors of API Gateway itself have the format of the functions' errors: OpenAI's error body, request id, CORS."""

import json

import pytest

from qwen_gateway_cli.local.apigateway import gateway_errors
from qwen_gateway_cli.local.apigateway.gateway_errors import ApiGatewayError
from qwen_gateway_cli.local.apigateway.rest_api import ANY, GatewayResponse, MockIntegration, RestApi, parse_rest_api
from tests.contract.template import Template, find_functions

# API Gateway's response type; the status, error type and error code that a client receives.
EXPECTED_ERRORS = {
    "ACCESS_DENIED": (403, "permission_error", "access_denied"),
    "DEFAULT_4XX": (None, "invalid_request_error", "request_refused"),
    "DEFAULT_5XX": (None, "server_error", "gateway_failed"),
    "EXPIRED_TOKEN": (401, "authentication_error", "expired_signature"),
    "INTEGRATION_FAILURE": (503, "server_error", "gateway_busy"),
    "INTEGRATION_TIMEOUT": (504, "timeout_error", "gateway_timeout"),
    "INVALID_SIGNATURE": (401, "authentication_error", "invalid_signature"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "invalid_request_error", "unknown_route"),
    "QUOTA_EXCEEDED": (429, "rate_limit_error", "gateway_throttled"),
    "REQUEST_TOO_LARGE": (413, "invalid_request_error", "request_too_large"),
    "RESOURCE_NOT_FOUND": (404, "invalid_request_error", "unknown_route"),
    "THROTTLED": (429, "rate_limit_error", "gateway_throttled"),
    "UNAUTHORIZED": (401, "authentication_error", "signature_required"),
    "UNSUPPORTED_MEDIA_TYPE": (404, "invalid_request_error", "unknown_route"),
    "WAF_FILTERED": (403, "permission_error", "firewall_blocked"),
}
AUTHORIZATION_ERRORS = ("EXPIRED_TOKEN", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "UNAUTHORIZED")
ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def api(template: Template) -> RestApi:
    """Return the API of a stack that allows one origin."""
    return parse_rest_api(template, {"AllowedOrigin": ORIGIN})


@pytest.fixture(scope="module")
def exposed(template: Template) -> set[str]:
    """Return the headers that the functions expose to scripts in a browser."""
    (listed,) = {each["Environment"]["Variables"]["EXPOSED_HEADERS"] for each in find_functions(template).values()}
    return split_header(listed)


def split_header(listed: str) -> set[str]:
    return {name.strip() for name in listed.strip("'").split(",")}


def test_every_api_gateway_error_type_has_a_response(api: RestApi) -> None:
    assert api.gateway_responses.keys() == EXPECTED_ERRORS.keys()


@pytest.mark.parametrize("kind", EXPECTED_ERRORS)
def test_an_api_gateway_error_has_openais_format(api: RestApi, kind: str) -> None:
    status, error_type, code = EXPECTED_ERRORS[kind]
    response = gateway_errors.build_error_response(
        ApiGatewayError(kind, 400, 'a "quoted" message of API Gateway', "x"), api, "edge-request-id"
    )

    assert api.gateway_responses[kind].status == status
    body = json.loads(bytes(response.body))
    assert (body.keys(), body["type"]) == ({"type", "error"}, "error")
    error = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == (error_type, None, code)
    assert error["message"]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == "edge-request-id"


@pytest.mark.parametrize("kind", EXPECTED_ERRORS)
def test_a_browser_can_read_an_api_gateway_error_and_its_headers(api: RestApi, exposed: set[str], kind: str) -> None:
    headers = api.gateway_responses[kind].headers

    assert headers["access-control-allow-origin"] == f"'{ORIGIN}'"
    assert split_header(headers["access-control-expose-headers"]) == exposed


@pytest.mark.parametrize("kind", EXPECTED_ERRORS)
def test_an_api_gateway_error_does_not_have_api_gateways_words(api: RestApi, kind: str) -> None:
    """They can repeat the client's key: `'sk-...' not a valid key=value pair (missing equal-sign)`."""
    assert "$context.error" not in api.gateway_responses[kind].template


def test_with_iam_authorization_a_missing_signature_is_no_unknown_route(template: Template) -> None:
    responses = parse_rest_api(template, {"ApiAuth": "AWS_IAM"}).gateway_responses

    missing, unauthorized = responses["MISSING_AUTHENTICATION_TOKEN"], responses["UNAUTHORIZED"]
    assert (missing.status, missing.template) == (401, unauthorized.template)
    for kind in AUTHORIZATION_ERRORS:
        assert "SigV4" in responses[kind].template
    for kind in ("INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX"):
        # Which of them answers a bearer key instead of a signature is not documented.
        assert "x-api-key" in responses[kind].template


def test_a_caller_from_another_network_learns_which_parameters_admit_it(api: RestApi) -> None:
    template = api.gateway_responses["ACCESS_DENIED"].template

    for parameter in ("AllowedCidrs", "VpcEndpointIds", "execute-api:Invoke"):
        assert parameter in template


def test_access_logs_have_the_type_of_an_error_but_not_its_message(template: Template) -> None:
    text = json.dumps(template)

    assert "$context.error.responseType" in text
    assert "$context.error.message" not in text


def test_errors_that_pass_have_retry_after(api: RestApi) -> None:
    assert {kind for kind, each in api.gateway_responses.items() if "retry-after" in each.headers} == {
        kind for kind, (status, _, _) in EXPECTED_ERRORS.items() if status in {429, 503}
    }


def test_a_rejected_invocation_names_the_quota(api: RestApi) -> None:
    """Lambda's 429 reaches the client as INTEGRATION_FAILURE, or as a 500 with the default response."""
    busy, default = (api.gateway_responses[kind].template for kind in ("INTEGRATION_FAILURE", "DEFAULT_5XX"))

    assert "Concurrent executions" in busy
    assert "concurrency quota" in default


def test_an_integration_timeout_tells_clients_not_to_retry(api: RestApi) -> None:
    assert api.gateway_responses["INTEGRATION_TIMEOUT"].headers["x-should-retry"] == "'false'"


def test_every_header_of_an_api_gateway_error_is_exposed(api: RestApi, exposed: set[str]) -> None:
    def headers_without_cors(response: GatewayResponse) -> set[str]:
        return {name for name in response.headers if not name.startswith("access-control-")}

    assert set().union(*(headers_without_cors(each) for each in api.gateway_responses.values())) <= exposed


def test_the_preflight_of_every_route_allows_every_header(api: RestApi) -> None:
    for path, methods in api.routes.items():
        preflight = methods["OPTIONS"]
        assert isinstance(preflight, MockIntegration)
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == f"'{ORIGIN}'"
        assert split_header(preflight.headers["access-control-allow-methods"]) >= methods.keys() - {ANY}, path
        # A browser covers every header but Authorization by the wildcard.
        assert split_header(preflight.headers["access-control-allow-headers"]) == {"authorization", "*"}, path
