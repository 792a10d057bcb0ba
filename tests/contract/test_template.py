"""The template and the code agree."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_gateway.config import Environment
from qwen_gateway.runtime.support import WRAPPER
from qwen_gateway_cli.local.apigateway.rest_api import DEFAULT_TIMEOUT_MS, ProxyIntegration, parse_rest_api
from qwen_gateway_cli.upstream import build_mock_upstream
from tests.contract.served_routes import SERVED, STREAMED
from tests.contract.template import (
    HOOKS,
    MODERN_TLS,
    ROOT,
    STATE,
    Template,
    find_functions,
    find_resource,
    find_resources,
    find_versions,
    resolve,
)

READ_BY_LIBRARIES = {
    "AWS_ENDPOINT_URL",
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
READ_BY_CONFIGURATION = {"GATEWAY_CONFIG"}
READ_BY_LAMBDA = {"AWS_LAMBDA_EXEC_WRAPPER"}
RETENTION = ["Stages", {"Ref": "Stage"}, "LogRetentionDays"]
LONGEST_STREAM_MS = 900_000


def test_every_handler_of_the_template_exists(template: Template) -> None:
    """Each is imported as Lambda imports it: in its own process, with the template's variables and no reachable AWS."""
    for function in find_functions(template).values():
        module, _, name = function["Handler"].rpartition(".")
        variables = {
            **dict.fromkeys(function["Environment"]["Variables"], "x"),
            "GATEWAY_CONFIG": json.dumps(build_mock_upstream("http://127.0.0.1:1").gateway_config),
            "USAGE_RETENTION_DAYS": "7",
            "MAX_BODY_BYTES": "5500000",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PYTHONPATH": str(ROOT / "functions"),
        }
        # A request's parser, and the rows of days, cost each start that has no use for them.
        script = (
            f"import importlib, sys; assert callable(importlib.import_module({module!r}).{name}); "
            f"parsers = [m for m in sys.modules if m.startswith('qwen_gateway.api.') and m.endswith('_request')]; "
            f"assert len(parsers) <= 1, parsers; "
            f"has_days = 'qwen_gateway.ledger.day_rows' in sys.modules; "
            f"assert has_days == ({module!r} in ('reconcile.handler', 'usage.handler')), has_days"
        )
        subprocess.run([sys.executable, "-c", script], check=True, env=variables)


def test_the_models_function_does_not_import_the_openai_sdk() -> None:
    """The SDK would more than double the import time of that function."""
    variables = {
        "KEYS_TABLE": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PYTHONPATH": str(ROOT / "functions"),
    }
    script = "import sys, models.handler; assert 'openai' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, env=variables)


def test_the_code_reads_exactly_the_variables_of_the_template(template: Template) -> None:
    given = set().union(*(function["Environment"]["Variables"] for function in find_functions(template).values()))

    read = {field.upper() for field in Environment.model_fields}
    assert given == read | READ_BY_LIBRARIES | READ_BY_CONFIGURATION | READ_BY_LAMBDA


def test_the_api_is_regional_and_has_one_stage(template: Template) -> None:
    endpoint = find_resource(template, "AWS::ApiGateway::RestApi")["EndpointConfiguration"]
    assert resolve(template, endpoint) == {"Types": ["REGIONAL"]}
    assert find_resource(template, "AWS::ApiGateway::Stage")["StageName"] == "api"
    # A deployment with a stage name makes SAM create an additional stage named `Stage`.
    assert "StageName" not in find_resource(template, "AWS::ApiGateway::Deployment")


def test_the_api_admits_tls_1_2_and_later(template: Template) -> None:
    api = find_resource(template, "AWS::ApiGateway::RestApi")

    # A policy that begins with SecurityPolicy_ needs the endpoint access mode, or the deployment fails.
    assert (api["SecurityPolicy"], resolve(template, api["EndpointAccessMode"])) == (MODERN_TLS, "STRICT")


def test_only_the_listed_routes_invoke_a_function(template: Template) -> None:
    assert dict(list_proxies(template)).keys() == SERVED


def list_proxies(template: Template) -> Iterator[tuple[tuple[str, str], ProxyIntegration]]:
    """Yield each route to a function, with its integration."""
    for path, methods in parse_rest_api(template, {}).routes.items():
        for method, integration in methods.items():
            if isinstance(integration, ProxyIntegration):
                yield (method, path), integration


def get_integration(template: Template, method: str, path: str) -> Any:
    """Return the integration of a route."""
    body = find_resource(template, "AWS::ApiGateway::RestApi")["Body"]
    return body["paths"][path][method.lower()]["x-amazon-apigateway-integration"]


def test_every_route_invokes_the_live_alias(template: Template) -> None:
    aliases = find_resources(template, "AWS::Lambda::Alias")
    assert find_versions(template).keys() == find_functions(template).keys() - HOOKS
    assert {alias["Name"] for alias in aliases.values()} == {"live"}

    for method, path in SERVED:
        (called,) = re.findall(r"/functions/\$\{(\w+)\}/", get_integration(template, method, path)["uri"]["Fn::Sub"])
        assert called in aliases
        pattern = f"/{method}{re.sub('{[^}]+}', '*', path)}"
        assert any(
            permission["FunctionName"] == {"Ref": called} and permission["SourceArn"]["Fn::Sub"][0].endswith(pattern)
            for permission in find_resources(template, "AWS::Lambda::Permission").values()
        )


def test_replaced_versions_are_retained(template: Template) -> None:
    """A rollback and a canary invoke the version before. SAM sets one policy, the template the other."""
    for name in find_versions(template).values():
        version = template["Resources"][name]
        assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_api_gateway_may_only_invoke_functions(template: Template) -> None:
    """Streaming invocations need the same action as buffered ones."""
    permissions = find_resources(template, "AWS::Lambda::Permission").values()

    assert {each["Action"] for each in permissions} == {"lambda:InvokeFunction"}


def test_only_the_routes_to_providers_stream(template: Template) -> None:
    assert {route: proxy.function for route, proxy in list_proxies(template) if proxy.streams} == STREAMED


@pytest.mark.parametrize("route", STREAMED, ids=lambda route: route[1])
def test_a_streamed_route_uses_lambdas_streaming_invocation(template: Template, route: tuple[str, str]) -> None:
    integration = get_integration(template, *route)

    address = f"lambda:path/2021-11-15/functions/${{{STREAMED[route]}Aliaslive}}/response-streaming-invocations"
    assert integration["uri"]["Fn::Sub"].endswith(address)
    assert integration["responseTransferMode"] == "STREAM"


@pytest.mark.parametrize("route", STREAMED, ids=lambda route: route[1])
def test_the_timeout_of_a_streamed_route_is_that_of_its_function(template: Template, route: tuple[str, str]) -> None:
    timeout_ms = get_integration(template, *route)["timeoutInMillis"]

    assert timeout_ms == find_functions(template)[STREAMED[route]]["Timeout"] * 1000
    assert timeout_ms <= LONGEST_STREAM_MS


def test_a_buffered_function_times_out_before_its_integration(template: Template) -> None:
    buffered = [proxy for _, proxy in list_proxies(template) if not proxy.streams]

    assert {find_functions(template)[proxy.function]["Timeout"] for proxy in buffered} == {28}
    for proxy in buffered:
        assert 28 < proxy.timeout_s <= DEFAULT_TIMEOUT_MS / 1000


def test_roles_allow_only_named_actions_on_one_resource(template: Template) -> None:
    for role in find_resources(template, "AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
                assert isinstance(statement["Resource"], dict)


def test_each_function_has_its_own_role_and_log_group(template: Template) -> None:
    roles = [function["Role"]["Fn::GetAtt"][0] for function in find_functions(template).values()]
    logs = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in find_functions(template).values()]

    assert len(set(roles)) == len(set(logs)) == len(find_functions(template))
    groups = find_resources(template, "AWS::Logs::LogGroup")
    assert set(logs) | {"AccessLogGroup"} == groups.keys()
    assert all(group["RetentionInDays"] == {"Fn::FindInMap": RETENTION} for group in groups.values())


def test_every_stage_sets_the_log_retention(template: Template) -> None:
    assert template["Mappings"]["Stages"].keys() == set(template["Parameters"]["Stage"]["AllowedValues"])


@pytest.mark.parametrize("kind", STATE)
def test_stateful_resources_are_retained_when_the_stack_is_deleted(template: Template, kind: str) -> None:
    stateful = {name: each for name, each in template["Resources"].items() if each["Type"] == kind}

    assert stateful
    for each in stateful.values():
        assert each["DeletionPolicy"] == "RetainExceptOnCreate"
        assert each["UpdateReplacePolicy"] == "Retain"
        # With a fixed name, the retained resource would block the creation of the next stack.
        assert not {"Name", "TableName"} & each["Properties"].keys()


def test_the_logs_of_lost_usage_records_are_retained(template: Template) -> None:
    retained = {
        name: (each.get("DeletionPolicy"), each.get("UpdateReplacePolicy"))
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::Logs::LogGroup"
    }

    assert retained == {
        "ChatLogGroup": ("RetainExceptOnCreate", "Retain"),
        "EmbeddingsLogGroup": ("RetainExceptOnCreate", "Retain"),
        "MessagesLogGroup": ("RetainExceptOnCreate", "Retain"),
        "ResponsesLogGroup": ("RetainExceptOnCreate", "Retain"),
        "ModelsLogGroup": (None, None),
        "UsageLogGroup": (None, None),
        "AccessLogGroup": (None, None),
        "ReconcileLogGroup": (None, None),
        "SmokeHookLogGroup": (None, None),
    }


def test_tables_have_deletion_protection_in_production(template: Template) -> None:
    for table in find_resources(template, "AWS::DynamoDB::Table").values():
        assert table["DeletionProtectionEnabled"] == {"Fn::If": ["HasDeletionProtection", True, False]}
    assert template["Conditions"]["HasDeletionProtection"] == {"Fn::Equals": [{"Ref": "DeletionProtection"}, "on"]}

    stages = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    overrides = {
        stage: stages[stage]["deploy"]["parameters"].get("parameter_overrides", [])
        for stage in ("local", "dev", "prod")
    }
    assert {stage for stage, given in overrides.items() if "DeletionProtection=on" in given} == {"prod"}


def test_files_of_local_secrets_are_ignored_by_git() -> None:
    assert ".env*" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_every_skipped_check_of_checkov_has_its_reason() -> None:
    lines = (ROOT / ".checkov.yaml").read_text(encoding="utf-8").splitlines()
    skipped = [line for line in lines if "CKV" in line]

    assert skipped
    assert [line for line in skipped if not re.fullmatch(r"  - CKV2?_AWS_\d+ # \S.*", line)] == []


def test_every_table_can_be_restored_and_is_encrypted(template: Template) -> None:
    for table in find_resources(template, "AWS::DynamoDB::Table").values():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}


def test_the_key_secret_is_created_without_a_value(template: Template) -> None:
    """A literal would replace the stored keys when it is edited or the secret is imported."""
    assert find_resource(template, "AWS::SecretsManager::Secret").keys() == {"Description"}


def test_a_streaming_function_has_nothing_that_its_loop_refuses(template: Template) -> None:
    streaming = {proxy.function for _, proxy in list_proxies(template) if proxy.streams}
    functions = find_functions(template)

    assert streaming
    assert {functions[name]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"] for name in streaming} == {WRAPPER}
    for function in functions.values():
        assert not {"SnapStart", "CapacityProviderConfig"} & function.keys()
