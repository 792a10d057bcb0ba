"""What the template promises and what the code needs are the same."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_gateway.config import Environment
from qwen_gateway_cli.local.apigateway.rest_api import DEFAULT_TIMEOUT_MS, ProxyIntegration, parse_rest_api
from qwen_gateway_cli.local.upstream import build_mock_upstream
from tests.contract.transformed import ROOT, Template, functions, of_type, only, versions

READ_BY_LIBRARIES = {
    "AWS_ENDPOINT_URL",
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
READ_BY_CONFIGURATION = {"GATEWAY_CONFIG"}
READ_BY_LAMBDA = {"AWS_LAMBDA_EXEC_WRAPPER"}
SERVED = {("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/v1/models/{model+}")}
RETENTION = ["Stages", {"Ref": "Stage"}, "LogRetentionDays"]
CHAT = ("POST", "/v1/chat/completions")
LONGEST_STREAM_MS = 900_000
STATE = ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret")


def test_every_handler_of_the_template_exists(template: Template) -> None:
    """Each is imported as Lambda does it: alone, with the template's variables and an AWS that does not answer."""
    for function in functions(template).values():
        module, _, name = function["Handler"].rpartition(".")
        variables = {
            **dict.fromkeys(function["Environment"]["Variables"], "x"),
            "GATEWAY_CONFIG": json.dumps(build_mock_upstream("http://127.0.0.1:1").gateway_config),
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


def test_the_environment_of_the_template_is_read_and_nothing_else_is(template: Template) -> None:
    given = set().union(*(function["Environment"]["Variables"] for function in functions(template).values()))

    read = {field.upper() for field in Environment.model_fields}
    assert given == read | READ_BY_LIBRARIES | READ_BY_CONFIGURATION | READ_BY_LAMBDA


def test_the_api_is_regional_and_has_one_stage(template: Template) -> None:
    assert only(template, "AWS::ApiGateway::RestApi")["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert only(template, "AWS::ApiGateway::Stage")["StageName"] == "api"
    # A deployment that names a stage makes one: SAM's stray `Stage`.
    assert "StageName" not in only(template, "AWS::ApiGateway::Deployment")


def test_what_is_served_is_named_and_nothing_else_starts_a_function(template: Template) -> None:
    assert dict(proxies(template)).keys() == SERVED


def proxies(template: Template) -> Iterator[tuple[tuple[str, str], ProxyIntegration]]:
    """Yield each route that a function answers."""
    for path, methods in parse_rest_api(template, {}).routes.items():
        for method, integration in methods.items():
            if isinstance(integration, ProxyIntegration):
                yield (method, path), integration


def integration_of(template: Template, method: str, path: str) -> Any:
    """Return how API Gateway calls the function of a route."""
    body = only(template, "AWS::ApiGateway::RestApi")["Body"]
    return body["paths"][path][method.lower()]["x-amazon-apigateway-integration"]


def test_every_route_calls_the_alias_that_a_deployment_moves(template: Template) -> None:
    aliases = of_type(template, "AWS::Lambda::Alias")
    assert versions(template).keys() == functions(template).keys()
    assert {alias["Name"] for alias in aliases.values()} == {"live"}

    for method, path in SERVED:
        (called,) = re.findall(r"/functions/\$\{(\w+)\}/", integration_of(template, method, path)["uri"]["Fn::Sub"])
        assert called in aliases
        pattern = f"/{method}{path.replace('{model+}', '*')}"
        assert any(
            permission["FunctionName"] == {"Ref": called} and permission["SourceArn"]["Fn::Sub"][0].endswith(pattern)
            for permission in of_type(template, "AWS::Lambda::Permission").values()
        )


def test_api_gateway_may_invoke_and_nothing_else(template: Template) -> None:
    """The streaming call needs no other action than the buffered one."""
    permissions = of_type(template, "AWS::Lambda::Permission").values()

    assert {each["Action"] for each in permissions} == {"lambda:InvokeFunction"}


def test_chat_alone_is_streamed(template: Template) -> None:
    assert {route for route, proxy in proxies(template) if proxy.streams} == {CHAT}


def test_chat_is_called_by_lambdas_streaming_action(template: Template) -> None:
    integration = integration_of(template, *CHAT)

    address = "lambda:path/2021-11-15/functions/${ChatFunctionAliaslive}/response-streaming-invocations"
    assert integration["uri"]["Fn::Sub"].endswith(address)
    assert integration["responseTransferMode"] == "STREAM"


def test_chat_streams_for_as_long_as_its_function_may_run(template: Template) -> None:
    timeout_ms = integration_of(template, *CHAT)["timeoutInMillis"]

    assert timeout_ms == functions(template)["ChatFunction"]["Timeout"] * 1000
    assert timeout_ms <= LONGEST_STREAM_MS


def test_a_buffered_function_answers_before_api_gateway_gives_up(template: Template) -> None:
    buffered = [proxy for _, proxy in proxies(template) if not proxy.streams]

    assert {functions(template)[proxy.function]["Timeout"] for proxy in buffered} == {28}
    for proxy in buffered:
        assert 28 < proxy.timeout_s <= DEFAULT_TIMEOUT_MS / 1000


def test_no_role_allows_more_than_named_actions_on_one_resource(template: Template) -> None:
    for role in of_type(template, "AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
                assert isinstance(statement["Resource"], dict)


def test_each_function_has_a_role_and_a_log_of_its_own(template: Template) -> None:
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions(template).values()]
    logs = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions(template).values()]

    assert len(set(roles)) == len(set(logs)) == len(functions(template))
    groups = of_type(template, "AWS::Logs::LogGroup")
    assert set(logs) | {"AccessLogGroup"} == groups.keys()
    assert all(group["RetentionInDays"] == {"Fn::FindInMap": RETENTION} for group in groups.values())


def test_every_stage_says_how_long_logs_are_kept(template: Template) -> None:
    assert template["Mappings"]["Stages"].keys() == set(template["Parameters"]["Stage"]["AllowedValues"])


@pytest.mark.parametrize("kind", STATE)
def test_what_holds_state_outlives_its_stack(template: Template, kind: str) -> None:
    kept = {name: each for name, each in template["Resources"].items() if each["Type"] == kind}

    assert kept
    for each in kept.values():
        assert each["DeletionPolicy"] == "RetainExceptOnCreate"
        assert each["UpdateReplacePolicy"] == "Retain"
        # A name of its own would stand in the way of the next stack beside what the first one left.
        assert not {"Name", "TableName"} & each["Properties"].keys()


def test_every_table_can_be_restored_and_is_encrypted(template: Template) -> None:
    for table in of_type(template, "AWS::DynamoDB::Table").values():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}
