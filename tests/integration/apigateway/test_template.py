"""Parsing of processed templates, including the project's own."""

import json
import subprocess
from typing import Any

import pytest

from qwen_gateway_cli.local.apigateway import gateway_errors
from qwen_gateway_cli.local.apigateway.gateway_errors import ApiGatewayError
from qwen_gateway_cli.local.apigateway.rest_api import MockIntegration, ProxyIntegration, RestApi, parse_rest_api
from tests.integration.apigateway.gateways import ROOT, Route, template

ERRORS = [
    gateway_errors.METHOD_MISSING,
    gateway_errors.UNSUPPORTED_MEDIA_TYPE,
    gateway_errors.INVOCATION_REJECTED,
    gateway_errors.REQUEST_TOO_LARGE,
    gateway_errors.INTEGRATION_TIMEOUT,
    gateway_errors.FUNCTION_FAILED,
    gateway_errors.INTERNAL_ERROR,
]


@pytest.fixture(scope="module")
def ours() -> RestApi:
    command = [ROOT / ".tools" / "sam" / "bin" / "python", ROOT / "tests" / "transform.py", ROOT / "template.yaml"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return parse_rest_api(json.loads(printed), {"AllowedOrigin": "https://app.example.com"})


def test_the_templates_routes_invoke_its_functions(ours: RestApi) -> None:
    proxies = {
        (method, path): integration.function
        for path, methods in ours.routes.items()
        for method, integration in methods.items()
        if isinstance(integration, ProxyIntegration)
    }

    assert proxies[("POST", "/v1/chat/completions")] == "ChatFunction"
    assert proxies[("GET", "/v1/models")] == "ModelsFunction"
    assert proxies[("GET", "/v1/models/{model+}")] == "ModelsFunction"
    assert ours.stage == "api"


def test_every_route_of_the_template_answers_a_preflight_for_the_allowed_origin(ours: RestApi) -> None:
    for methods in ours.routes.values():
        preflight = methods["OPTIONS"]
        assert isinstance(preflight, MockIntegration)
        assert preflight.headers["access-control-allow-origin"] == "'https://app.example.com'"
        assert "authorization" in preflight.headers["access-control-allow-headers"].strip("'").split(",")


@pytest.mark.parametrize("refusal", ERRORS)
def test_every_gateway_error_of_the_template_is_an_openai_error_that_a_browser_may_read(
    ours: RestApi, refusal: ApiGatewayError
) -> None:
    response = gateway_errors.build_error_response(refusal, ours, "the-request")

    error = json.loads(bytes(response.body))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert all(isinstance(error[name], str) and error[name] for name in ("message", "type", "code"))
    assert response.headers["x-request-id"] == "the-request"
    assert response.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "x-request-id" in response.headers["access-control-expose-headers"].split(",")


def test_every_gateway_response_is_json_for_any_message(ours: RestApi) -> None:
    for kind in ours.gateway_responses:
        response = gateway_errors.build_error_response(
            ApiGatewayError(kind, 400, 'a "quoted"\nmessage', "SomeException"), ours, "r"
        )
        assert json.loads(bytes(response.body))["error"]


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (gateway_errors.METHOD_MISSING, 403),
        (gateway_errors.REQUEST_TOO_LARGE, 413),
        (gateway_errors.INTEGRATION_TIMEOUT, 504),
        (gateway_errors.INTERNAL_ERROR, 500),
    ],
)
def test_a_template_without_gateway_responses_gets_api_gateways_defaults(refusal: ApiGatewayError, status: int) -> None:
    response = gateway_errors.build_error_response(refusal, parse_rest_api(template([], gateway_responses={}), {}), "r")

    assert (response.status_code, json.loads(bytes(response.body))) == (status, {"message": refusal.message})


def test_an_error_without_its_own_gateway_response_uses_the_default_one_and_keeps_its_status() -> None:
    response = gateway_errors.build_error_response(
        gateway_errors.INTEGRATION_TIMEOUT, parse_rest_api(template([]), {}), "r"
    )

    assert (response.status_code, json.loads(bytes(response.body))["error"]["message"]) == (504, "failed")


@pytest.mark.parametrize(("timeout_ms", "timeout_s"), [(None, 29.0), (120_000, 120.0)])
def test_an_integration_has_its_own_timeout_or_the_default(timeout_ms: int | None, timeout_s: float) -> None:
    api = parse_rest_api(template([Route("/v1/do", "Do", timeout_ms=timeout_ms)]), {})

    assert api.routes["/v1/do"]["POST"] == ProxyIntegration("Do", timeout_s)


@pytest.mark.parametrize("streams", [False, True])
def test_an_integration_streams_when_uri_and_mode_agree_on_it(streams: bool) -> None:
    api = parse_rest_api(template([Route("/v1/do", "Do", streams=streams)]), {})

    assert api.routes["/v1/do"]["POST"] == ProxyIntegration("Do", 29.0, streams)


@pytest.mark.parametrize(("streams", "mode"), [(True, "BUFFERED"), (False, "STREAM")])
def test_an_integration_whose_uri_and_mode_disagree_is_rejected(streams: bool, mode: str) -> None:
    strange = template([Route("/v1/do", "Do", streams=streams)])
    operation = strange["Resources"]["Api"]["Properties"]["Body"]["paths"]["/v1/do"]["post"]
    operation["x-amazon-apigateway-integration"]["responseTransferMode"] = mode

    with pytest.raises(ValueError, match="does not match its responseTransferMode"):
        parse_rest_api(strange, {})


@pytest.mark.parametrize(
    ("stage", "complaint"),
    [
        ({"Fn::If": ["IsProd", "a", "b"]}, "unknown condition 'IsProd'"),
        ({"Fn::GetAtt": ["Api", "Id"]}, "cannot resolve"),
        ({"Ref": "Stranger"}, "unknown parameter 'Stranger'"),
        ({"Fn::Sub": "${AWS::Region}"}, "unknown parameter 'AWS::Region'"),
        ({"Fn::Sub": ["${Name} ${AWS::Region}", {"Name": "a"}]}, "unknown parameter 'AWS::Region'"),
    ],
)
def test_an_unsupported_template_is_rejected(stage: Any, complaint: str) -> None:
    strange = template([])
    strange["Resources"]["Stage"]["Properties"]["StageName"] = stage

    with pytest.raises(ValueError, match=complaint):
        parse_rest_api(strange, {})


@pytest.mark.parametrize(
    "responses",
    [
        pytest.param({"200": {"headers": {"x-request-id": {}}}}, id="another status"),
        pytest.param({"404": {"headers": {}}}, id="no header"),
        pytest.param({"404": {}}, id="no headers"),
    ],
)
def test_a_mock_whose_method_does_not_declare_its_response_is_rejected(responses: dict[str, Any]) -> None:
    strange = template([], mocks={"/{proxy+}": {}})
    (method,) = strange["Resources"]["Api"]["Properties"]["Body"]["paths"]["/{proxy+}"].values()
    method["responses"] = responses

    with pytest.raises(ValueError, match="does not declare the status 404 with each header"):
        parse_rest_api(strange, {})


def test_two_apis_are_rejected() -> None:
    strange = template([])
    strange["Resources"]["Other"] = strange["Resources"]["Api"]

    with pytest.raises(ValueError, match=r"must have one AWS::ApiGateway::RestApi, and has 2"):
        parse_rest_api(strange, {})
