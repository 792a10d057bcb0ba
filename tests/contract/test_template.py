"""What the template promises and what the code needs are the same."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway.config import Environment

ROOT = Path(__file__).parents[2]
READ_BY_LIBRARIES = {
    "AWS_ENDPOINT_URL",
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
READ_BY_CONFIGURATION = {"GATEWAY_CONFIG"}
EDGE_ERRORS = {
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
}


@pytest.fixture(scope="module")
def template() -> Any:
    """The template as CloudFormation runs it."""
    command = [ROOT / ".tools/sam/bin/python", ROOT / "tests/transform.py", ROOT / "template.yaml"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def of_type(template: Any, kind: str) -> dict[str, Any]:
    resources = template["Resources"].items()
    return {name: each["Properties"] for name, each in resources if each["Type"] == kind}


def test_every_handler_of_the_template_exists(template: Any) -> None:
    """Each is imported as Lambda does it: alone, with the template's variables and an AWS that does not answer."""
    for function in of_type(template, "AWS::Lambda::Function").values():
        module, _, name = function["Handler"].rpartition(".")
        variables = {
            **dict.fromkeys(function["Environment"]["Variables"], "x"),
            "GATEWAY_CONFIG": "",
            "USAGE_RETENTION_DAYS": "7",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PYTHONPATH": str(ROOT / "functions"),
        }
        look = f"import importlib; assert callable(importlib.import_module({module!r}).{name})"
        subprocess.run([sys.executable, "-c", look], check=True, env=variables)


def test_the_list_of_models_does_not_load_the_openai_sdk() -> None:
    """It would be more than half of that function's import, for nothing."""
    variables = {
        "KEYS_TABLE": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PYTHONPATH": str(ROOT / "functions"),
    }
    look = "import sys, models.handler; assert 'openai' not in sys.modules"
    subprocess.run([sys.executable, "-c", look], check=True, env=variables)


def test_the_environment_of_the_template_is_read_and_nothing_else_is(template: Any) -> None:
    functions = of_type(template, "AWS::Lambda::Function").values()
    given = set().union(*(function["Environment"]["Variables"] for function in functions))

    assert given == {field.upper() for field in Environment.model_fields} | READ_BY_LIBRARIES | READ_BY_CONFIGURATION


def test_the_api_is_regional_and_tells_each_edge_error_in_openais_shape(template: Any) -> None:
    (api,) = of_type(template, "AWS::ApiGateway::RestApi").values()
    responses = api["Body"]["x-amazon-apigateway-gateway-responses"]

    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert set(responses) == EDGE_ERRORS
    for response in responses.values():
        shown = response["responseTemplates"]["application/json"].replace("$context.error.messageString", '"said"')
        assert set(json.loads(shown)["error"]) == {"message", "type", "param", "code"}
        assert response["responseParameters"]["gatewayresponse.header.x-request-id"] == "context.requestId"
        assert "gatewayresponse.header.access-control-allow-origin" in response["responseParameters"]


def test_every_path_can_be_asked_for_by_a_browser(template: Any) -> None:
    (api,) = of_type(template, "AWS::ApiGateway::RestApi").values()

    assert all("options" in methods for methods in api["Body"]["paths"].values())


def test_no_role_allows_more_than_named_actions_on_one_resource(template: Any) -> None:
    for role in of_type(template, "AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
                assert isinstance(statement["Resource"], dict)


def test_a_function_answers_before_api_gateway_gives_up(template: Any) -> None:
    assert {function["Timeout"] for function in of_type(template, "AWS::Lambda::Function").values()} == {28}
