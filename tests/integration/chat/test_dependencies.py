"""DynamoDB and Secrets Manager failing: a clear refusal or the answer all the same, and never a lost record."""

import json
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from qwen_gateway.ledger.dynamodb import from_item
from qwen_gateway_cli.local.provider import RunningProvider
from tests.builders import chat_request, whole_stream
from tests.integration.chat.calls import record_aws_calls
from tests.integration.chat.conftest import PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.scripted import Play, event_stream, one_after_another, says, scripted_provider

ASKED = "marked words of a prompt"


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "words of AWS"}}, "Operation")


FAILURES = [
    EndpointConnectionError(endpoint_url="http://dynamodb"),
    ConnectTimeoutError(endpoint_url="http://dynamodb"),
    refused("ProvisionedThroughputExceededException"),
    refused("ThrottlingException"),
    refused("ResourceNotFoundException"),
    refused("AccessDeniedException"),
    refused("InternalServerError"),
]


def named(failure: Exception) -> str:
    return failure.response["Error"]["Code"] if isinstance(failure, ClientError) else type(failure).__name__


def fail(monkeypatch: pytest.MonkeyPatch, operation: str, failure: BotoCoreError | ClientError) -> None:
    """Let one operation fail from now on."""
    call = BaseClient._make_api_call

    def failing(self: BaseClient, name: str, parameters: dict[str, Any]) -> Any:
        if name == operation:
            raise failure
        return call(self, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", failing)


@pytest.mark.parametrize("failure", FAILURES, ids=named)
def test_whoever_cannot_be_looked_up_is_asked_to_come_again(
    gateway: Gateway, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch, failure: BotoCoreError | ClientError
) -> None:
    fail(monkeypatch, "GetItem", failure)

    for answer in (gateway.chat(chat_request()), gateway.models(), gateway.models("qwen-plus")):
        assert answer.error == (503, "server_error", "ledger_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert "x-should-retry" not in answer.headers
        assert "words of AWS" not in json.dumps(answer.body)

    assert provider.calls() == []
    assert gateway.records() == []


def test_a_table_that_is_gone_is_no_ledger(gateway: Gateway) -> None:
    gateway.aws.dynamodb.delete_table(TableName=gateway.aws.keys_table)

    assert gateway.chat(chat_request()).error == (503, "server_error", "ledger_unavailable")


@pytest.mark.parametrize("failure", FAILURES, ids=named)
def test_who_was_let_in_gets_the_answer_though_its_record_cannot_be_written(
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: BotoCoreError | ClientError,
) -> None:
    asked = chat_request(messages=[{"role": "user", "content": ASKED}], user="alice", metadata={"team": "blue"})
    gateway.chat(asked)
    (item,) = gateway.aws.dynamodb.scan(TableName=gateway.aws.usage_table)["Items"]
    capsys.readouterr()
    fail(monkeypatch, "PutItem", failure)

    answer = gateway.chat(asked)

    assert answer.status == 200
    written = capsys.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    (lost,) = [line["usage_record"] for line in lines if line.get("message") == "usage record lost"]
    assert lost["sk"] == f"USE#{answer.headers['x-request-id'].removeprefix('req_')}"
    kept = dict(from_item(item))
    assert set(kept) - {"expires_at"} <= set(lost)
    same = ("pk", "model_asked", "model_used", "provider", "tokens_in", "tokens_out", "end_user", "tags", "outcome")
    assert {name: lost[name] for name in same} == {name: kept[name] for name in same}
    assert [line["usage_record_lost"] for line in lines if "usage_record_lost" in line] == [[1.0]]
    assert ASKED not in written
    assert gateway.token not in written


def test_a_failed_call_whose_record_cannot_be_written_is_told_as_it_failed(
    gateway: Gateway, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.control({"faults": [{"status": 429, "code": "limit_requests"}]})
    fail(monkeypatch, "PutItem", refused("ThrottlingException"))

    assert gateway.chat(chat_request()).error == (429, "rate_limit_error", "provider_throttled")


@pytest.mark.parametrize(
    ("secret", "failure"),
    [
        (None, EndpointConnectionError(endpoint_url="http://secretsmanager")),
        (None, refused("AccessDeniedException")),
        (None, refused("ResourceNotFoundException")),
        (None, refused("DecryptionFailure")),
        ("", None),
        ("not JSON", None),
        ('["sk-marked"]', None),
        ('{"dashscope": "sk-marked"}', None),
        ('{"dashscope": {"key": "sk-marked\\n"}}', None),
    ],
    ids=lambda value: named(value) if isinstance(value, Exception) else value,
)
def test_without_provider_keys_nobody_is_called_and_the_call_is_written_down(  # noqa: PLR0913, PLR0917 - a table's row
    gateway: Gateway,
    provider: RunningProvider,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    secret: str | None,
    failure: BotoCoreError | ClientError | None,
) -> None:
    if failure is not None:
        fail(monkeypatch, "GetSecretValue", failure)
    elif secret:
        gateway.aws.secretsmanager.put_secret_value(SecretId=gateway.aws.provider_keys_secret, SecretString=secret)
    else:
        gateway.aws.secretsmanager.put_secret_value(SecretId=gateway.aws.provider_keys_secret, SecretBinary=b"x")

    answer = gateway.chat(chat_request())

    assert answer.error == (503, "server_error", "secrets_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "x-gateway-attempts" not in answer.headers
    assert provider.calls() == []
    (record,) = gateway.records()
    assert (record["status"], record["outcome"], record["attempts"]) == (503, "secrets_unavailable", [])
    assert "sk-marked" not in json.dumps(answer.body) + capsys.readouterr().out + str(record)


def refuses_the_key() -> Play:
    body = b'{"code": "InvalidApiKey", "message": "Incorrect API key provided: sk-marked."}'
    head = b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return says(head % len(body) + body)


def test_a_key_that_was_replaced_is_found_by_the_call_that_it_is_refused_to(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = says(event_stream(whole_stream()))
    with scripted_provider(one_after_another(answers, refuses_the_key(), answers)) as provider:
        gateway = make_gateway(provider.url, attempts=4)
        operations = record_aws_calls(monkeypatch)
        assert gateway.chat(chat_request()).status == 200
        gateway.aws.store_provider_keys(dashscope="sk-the-new-one")
        operations.clear()

        answer = gateway.chat(chat_request())

    assert (answer.status, answer.headers["x-gateway-attempts"]) == (200, "2")
    assert operations.count("GetSecretValue") == 1
    used = [PROVIDER_KEY, PROVIDER_KEY, "sk-the-new-one"]
    for request, key in zip(provider.requests, used, strict=True):
        assert f"Bearer {key}".encode() in request
    written = capsys.readouterr().out + json.dumps(answer.body) + str(gateway.records())
    for secret in ("sk-marked", PROVIDER_KEY, "sk-the-new-one"):
        assert secret not in written


def test_a_key_that_stays_refused_is_looked_for_once_a_minute(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_provider(refuses_the_key()) as provider:
        gateway = make_gateway(provider.url, attempts=4)
        operations = record_aws_calls(monkeypatch)

        assert [gateway.chat(chat_request()).status for _ in range(4)] == [502] * 4
        assert len(provider.requests) == 4

    # Once for the first call, and once because it was refused.
    assert operations.count("GetSecretValue") == 2
    assert [record["outcome"] for record in gateway.records()] == ["provider_auth_failed"] * 4
