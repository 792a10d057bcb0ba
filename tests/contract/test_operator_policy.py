"""The operator's policy allows exactly the AWS calls of the operator's commands."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import pytest

from qwen_gateway.ledger import UsageLedger, record_fields
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import usage_record
from tests.builders.ledger import put_expired_hold, put_late_record, put_open_record
from tests.contract.policies import VALUES, find_action, find_denied, find_unused, list_permissions
from tests.integration.cli.conftest import CloudFormation, cloudformation, repository, run
from tests.integration.cli.doctor.doctor_environment import limits
from tests.integration.cli.operator import OUTPUTS, STACK, Run, described_stack
from tests.integration.emulated_aws import Aws
from tests.integration.mock_server import serve_response

__all__ = ["cloudformation", "repository", "run"]

type Call = tuple[str, str]

RESOURCES = {
    "cloudformation": f"cloudformation:us-east-1:123456789012:stack/{STACK}/a-uuid",
    "KeysTable": f"dynamodb:us-east-1:123456789012:table/{STACK}-KeysTable-1ABC",
    "UsageTable": f"dynamodb:us-east-1:123456789012:table/{STACK}-UsageTable-1ABC",
    "ProviderKeysSecret": "secretsmanager:us-east-1:123456789012:secret:ProviderKeysSecret-1ABC-2Def",
    "apigateway": "apigateway:us-east-1::/account",
    "lambda": "",
}
"""ARNs as CloudFormation and AWS name the resources; the emulated AWS names them by logical id."""


def list_calls(service: str, operation: str, parameters: dict[str, Any]) -> Iterator[Call]:
    """Yield the actions of a call with their ARNs. A transaction needs the permission of each of its writes."""
    if operation != "TransactWriteItems":
        yield find_action(service, operation), find_arn(service, parameters)
        return
    for write in parameters["TransactItems"]:
        for name, part in write.items():
            yield find_action(service, f"{name}Item"), find_arn(service, part)


def find_arn(service: str, parameters: dict[str, Any]) -> str:
    """Return the ARN of a call's resource, or `*` for one without a resource."""
    (table,) = parameters.get("RequestItems") or [parameters.get("TableName")]
    name = table or parameters.get("SecretId") or service
    if service == "cloudformation":
        assert parameters["StackName"] == STACK
    return f"arn:aws:{RESOURCES[name]}" if RESOURCES[name] else "*"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> set[Call]:
    """Return the (action, ARN) of the AWS calls from now on."""
    used: set[Call] = set()
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def record_call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        service = self.meta.service_model.signing_name
        used.update(list_calls(service, operation, parameters))
        return call(self, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", record_call)
    return used


@pytest.fixture
def on_aws(aws: Aws, cloudformation: CloudFormation, run: Run, provider: RunningMockQwen) -> Run:
    """Run a command line against a stack on AWS that calls the mock provider."""
    config = {"providers": {"dashscope": {"base_url": f"{provider.url}/v1"}}}
    cloudformation(described_stack(OUTPUTS, json.dumps(config), access_logs="on"))
    return lambda *arguments, stdin="": run(*arguments, "--stack", STACK, stdin=stdin)


@pytest.fixture
def quota(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> Iterator[None]:
    """Let API Gateway have a role for logs, and Lambda the usual quota, which moto does not have."""
    with ExitStack() as servers:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", servers.enter_context(serve_response(200, limits(1_000))))
        role: Any = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::123456789012:role/logs"}]
        boto3.client("apigateway").update_account(patchOperations=role)
        yield


def write_lost_record(folder: Path) -> str:
    """Return the path of a log with a lost record."""
    record = record_fields(usage_record(id="01KAV9FT00TCGQGY5QS4RNSG1N"))
    path = folder / "lost.jsonl"
    path.write_text(json.dumps({"message": "usage record lost", "usage_record": record}))
    return str(path)


def test_the_operators_policy_is_what_the_commands_call(
    aws: Aws, on_aws: Run, quota: None, calls: set[Call], tmp_path: Path
) -> None:
    created = on_aws("keys", "create", "--name", "tests", "--json")
    key = json.loads(created.out)["id"]
    record = usage_record(key_id=key, cost=7, cost_currency="USD")
    UsageLedger(aws.dynamodb, aws.usage_table, retention_days=1).put_record(record)
    put_open_record(aws)
    put_expired_hold(aws)
    put_late_record(aws)
    calls -= {each for each in calls if each[0] == "dynamodb:PutItem" and "UsageTable" in each[1]}
    ended = [
        created,
        on_aws("keys", "list"),
        on_aws("keys", "show", key),
        on_aws("keys", "set", key, "--rpm", "10"),
        on_aws("keys", "refund", record.id),
        on_aws("reconcile", "--now"),
        on_aws("keys", "rotate", key),
        on_aws("keys", "revoke", key),
        on_aws("secrets", "set", "dashscope", stdin="sk-operator"),
        on_aws("secrets", "list"),
        on_aws("routes"),
        on_aws("requests", "show", record.id),
        on_aws("requests", "list"),
        on_aws("usage"),
        on_aws("usage", "--by", "end-user"),
        on_aws("usage", "reprice", "--apply"),
        on_aws("usage", "restore", write_lost_record(tmp_path)),
        on_aws("usage", "rebuild", "--day", "2025-11-24"),
        on_aws("doctor", "--provider", "dashscope"),
    ]

    assert [each.err for each in ended if each.status != 0] == []
    allowed = list_permissions("OperatorPolicy")
    assert find_denied(calls, allowed) == set()
    assert find_unused(calls, allowed) == set()


def test_another_stacks_tables_are_denied() -> None:
    other = ("dynamodb:Scan", "arn:aws:dynamodb:us-east-1:123456789012:table/qwen-gateway-prod-KeysTable-1ABC")

    assert VALUES["STACK_NAME"] == STACK
    assert find_denied({other}, list_permissions("OperatorPolicy")) == {other}
