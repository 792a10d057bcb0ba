"""Each role allows exactly the AWS calls that its function makes: no call is denied, and no permission is unused."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.client
import httpx2
import pytest

from qwen_gateway_cli.local.apigateway.intrinsics import Intrinsics
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import (
    Context,
    chat_event,
    chat_request,
    embeddings_request,
    key_item,
    messages_request,
    models_event,
    post_event,
    proxy_event,
    responses_request,
    token,
    usage_event,
)
from tests.builders.ledger import put_expired_hold, put_late_record, put_open_record
from tests.contract.template import HOOKS, SCHEDULED, Template, apply_conditions, find_functions
from tests.integration.chat.conftest import PROVIDER_KEY
from tests.integration.emulated_aws import Aws
from tests.integration.fresh_import import import_fresh
from tools import aws_operations

type Permission = tuple[str, str]
"""An action, and the logical id of its resource."""

RESOURCE_PARAMETERS = {"dynamodb": "TableName", "secretsmanager": "SecretId", "cloudformation": "StackName"}
"""The parameter with the resource's name, by service. The emulated AWS names resources by logical id."""

PERMITTED_BY_APPLICATION = {"codedeploy": "ServerlessDeploymentApplication"}
"""The resource of every call, by service: the parameters of these calls name deployments, which have no ARN."""

FAKE_RESPONSES: dict[str, dict[str, Any]] = {
    "DescribeStacks": {"Stacks": [{"Outputs": [{"OutputKey": "BaseUrl", "OutputValue": "https://api.example.com"}]}]},
    "PutLifecycleEventHookExecutionStatus": {},
}
"""Responses to operations that moto does not emulate, or only slowly."""

LAMBDA_ACTIONS = frozenset({"logs:CreateLogStream", "logs:PutLogEvents"})
"""Actions of the Lambda service itself, which writes the logs with the function's role."""


def list_allowed(template: Template, function: str) -> set[Permission]:
    """Return the permissions of the function's role."""
    role = template["Resources"][find_functions(template)[function]["Role"]["Fn::GetAtt"][0]]["Properties"]
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    assert {each["Effect"] for each in statements} == {"Allow"}
    return {
        (action, get_logical_id(each["Resource"])) for each in statements for action in list_actions(each["Action"])
    }


def list_actions(named: str | list[str]) -> list[str]:
    return [named] if isinstance(named, str) else named


def get_logical_id(resource: Mapping[str, Any]) -> str:
    match resource:
        case {"Fn::GetAtt": [str(name), "Arn"]} | {"Ref": str(name)}:
            return name
        case {"Fn::Sub": str(arn)} if named := re.search(r":deploymentgroup:\$\{AWS::StackName\}-(\w+)-\*/\*$", arn):
            return named[1]
    raise ValueError(f"no resource of the template: {resource}")


@pytest.fixture
def defaults(template: Template) -> Template:
    """Return the template as it is deployed with the default parameters: the stack has its own state."""
    return apply_conditions(template, {})


def list_lambda_permissions(template: Template, function: str) -> set[Permission]:
    log = find_functions(template)[function]["LoggingConfig"]["LogGroup"]["Ref"]
    return {(action, log) for action in LAMBDA_ACTIONS}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> set[Permission]:
    """Return the permissions used by AWS calls from now on."""
    used: set[Permission] = set()
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def record_call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        service = self.meta.service_model.signing_name
        batch: dict[str, Any] = parameters.get("RequestItems", {})
        for resource in batch or [PERMITTED_BY_APPLICATION.get(service) or parameters[RESOURCE_PARAMETERS[service]]]:
            used.add((f"{service}:{operation}", resource))
        return FAKE_RESPONSES[operation] if operation in FAKE_RESPONSES else call(self, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", record_call)
    return used


@pytest.fixture
def deployed(template: Template, aws: Aws, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> str:
    """Store a key and the provider keys; return the token of the key."""
    for name in ("KEYS_TABLE", "USAGE_TABLE", "PROVIDER_KEYS_SECRET"):
        monkeypatch.delenv(name)
    text = token()
    aws.dynamodb.put_item(TableName="KeysTable", Item=key_item(text))
    aws.store_provider_keys(dashscope=PROVIDER_KEY)
    return text


def set_environment(
    template: Template, function: str, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set the function's variables of the template: logical ids for resources, defaults for parameters."""
    config = {"providers": {"dashscope": {"base_url": f"{provider.url}/v1", "anthropic_base_url": provider.url}}}
    values = {name: name for name in (*template["Resources"], "AWS::StackId", "AWS::StackName")}
    values["GatewayConfig"] = json.dumps(config)
    intrinsics = Intrinsics(template, values)
    for name, value in find_functions(template)[function]["Environment"]["Variables"].items():
        monkeypatch.setenv(name, intrinsics.resolve(value))


def chat_scenarios(key: str, provider: RunningMockQwen) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield events that cover every AWS call of the chat function, with the expected status."""
    yield chat_event(chat_request(), key), 200
    yield chat_event(chat_request(), token()), 401
    yield chat_event(chat_request(model="no-such"), key), 404
    yield chat_event(chat_request(), key), 200
    for status, code, client_status in (
        (429, "limit_requests", 429),
        (401, "invalid_api_key", 502),
        (500, "InternalError", 503),
    ):
        provider.control({"faults": [{"status": status, "code": code, "times": 9}]})
        yield chat_event(chat_request(), key), client_status


def embeddings_scenarios(key: str, provider: RunningMockQwen) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield events that cover every AWS call of the embeddings function, with the expected status."""
    path = "/v1/embeddings"
    yield post_event(path, embeddings_request(input=["a"] * 25), key), 200
    yield post_event(path, embeddings_request(), token()), 401
    yield post_event(path, embeddings_request(model="no-such"), key), 404
    provider.control({"faults": [{"status": 401, "code": "invalid_api_key", "times": 9}]})
    yield post_event(path, embeddings_request(), key), 502


def messages_scenarios(key: str, provider: RunningMockQwen) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield events that cover every AWS call of the messages function, with the expected status."""
    path = "/v1/messages"
    yield post_event(path, messages_request(), key), 200
    yield post_event(path, messages_request(stream=True), key), 200
    yield post_event(f"{path}/count_tokens", messages_request(), key), 200
    yield post_event(path, messages_request(), token()), 401
    yield post_event(path, messages_request(model="no-such"), key), 404
    provider.control({"faults": [{"status": 401, "code": "authentication_error", "times": 9}]})
    yield post_event(path, messages_request(), key), 502


def responses_scenarios(key: str, provider: RunningMockQwen) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield events that cover every AWS call of the function of Responses, with the expected status."""
    path = "/v1/responses"
    yield post_event(path, responses_request(), key), 200
    yield post_event(path, responses_request(stream=True), key), 200
    yield post_event(path, responses_request(previous_response_id="resp_unknown"), key), 404
    yield post_event(path, responses_request(), token()), 401
    yield proxy_event("GET", f"{path}/{{response_id}}", headers={"Authorization": f"Bearer {key}"}), 404
    provider.control({"faults": [{"status": 401, "code": "invalid_api_key", "times": 9}]})
    yield post_event(path, responses_request(), key), 502


def models_scenarios(key: str, _: RunningMockQwen) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield events that cover every AWS call of the models function, with the expected status."""
    yield models_event(key), 200
    yield models_event(key, "qwen-plus"), 200
    yield models_event(key, "no-such"), 404
    yield models_event(token()), 401


def usage_scenarios(key: str, _: RunningMockQwen) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield events that cover every AWS call of the usage function, with the expected status."""
    yield usage_event(key), 200
    yield usage_event(token()), 401


SCENARIOS = {
    "ChatFunction": chat_scenarios,
    "EmbeddingsFunction": embeddings_scenarios,
    "MessagesFunction": messages_scenarios,
    "ModelsFunction": models_scenarios,
    "ResponsesFunction": responses_scenarios,
    "UsageFunction": usage_scenarios,
}


def test_every_function_has_scenarios(template: Template) -> None:
    assert SCENARIOS.keys() | HOOKS | SCHEDULED == find_functions(template).keys()


@pytest.mark.parametrize("function", SCENARIOS)
def test_a_function_uses_exactly_the_permissions_of_its_role(  # noqa: PLR0913, PLR0917 - fixtures of a whole stack
    defaults: Template,
    deployed: str,
    provider: RunningMockQwen,
    calls: set[Permission],
    monkeypatch: pytest.MonkeyPatch,
    function: str,
) -> None:
    set_environment(defaults, function, provider, monkeypatch)
    handler = import_fresh(find_functions(defaults)[function]["Handler"].rpartition(".")[0], monkeypatch)

    for event, status in SCENARIOS[function](deployed, provider):
        assert handler.lambda_handler(event, Context())["statusCode"] == status

    assert calls | list_lambda_permissions(defaults, function) == list_allowed(defaults, function)
    assert not calls & list_lambda_permissions(defaults, function)


def test_the_smoke_hook_uses_exactly_the_permissions_of_its_role(
    template: Template,
    deployed: str,
    provider: RunningMockQwen,
    calls: set[Permission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    template = apply_conditions(template, {"Canary": "true"})
    set_environment(template, "SmokeHookFunction", provider, monkeypatch)
    handler = import_fresh("smoke_hook.handler", monkeypatch)
    transport = httpx2.MockTransport(lambda _: httpx2.Response(500))
    monkeypatch.setattr(handler, "_connect", lambda url: httpx2.Client(base_url=url, transport=transport))
    monkeypatch.setattr("smoke_hook.service.PAUSE_S", 0)

    handler.lambda_handler({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e"}, Context())

    assert calls | list_lambda_permissions(template, "SmokeHookFunction") == list_allowed(template, "SmokeHookFunction")


def test_reconcile_uses_exactly_the_permissions_of_its_role(  # noqa: PLR0913, PLR0917 - fixtures of a whole stack
    defaults: Template,
    aws: Aws,
    deployed: str,
    provider: RunningMockQwen,
    calls: set[Permission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_environment(defaults, "ReconcileFunction", provider, monkeypatch)
    handler = import_fresh("reconcile.handler", monkeypatch)
    put_expired_hold(aws)
    put_open_record(aws)
    put_late_record(aws)
    calls.clear()

    handler.lambda_handler({}, Context())
    # A late day keeps its mark until it has a row.
    handler.lambda_handler({}, Context())

    assert calls | list_lambda_permissions(defaults, "ReconcileFunction") == list_allowed(defaults, "ReconcileFunction")


def test_the_operations_of_the_layers_build_are_those_that_the_roles_allow(template: Template) -> None:
    written = aws_operations.FILE.read_text(encoding="utf-8")

    assert written == aws_operations.format_operations(template), (
        "layers/qwen_gateway/aws-operations.json is stale: run `make aws-operations`"
    )
