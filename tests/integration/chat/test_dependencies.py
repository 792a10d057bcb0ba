"""Failures of DynamoDB and Secrets Manager: the error for the client, and no lost record."""

import json
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from qwen_gateway.ledger.dynamodb import from_item
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request, whole_stream
from tests.integration.chat.aws_calls import delay_aws_call, fail_aws_call, record_aws_calls
from tests.integration.chat.conftest import PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.fake_provider import (
    Behaviour,
    respond_in_order,
    respond_with,
    run_fake_provider,
    sse_response,
)
from tests.integration.emulated_aws import Aws

PROMPT = "marked words of a prompt"


def client_error(code: str, message: str = "message of AWS") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


FAILURES = [
    EndpointConnectionError(endpoint_url="http://dynamodb"),
    ConnectTimeoutError(endpoint_url="http://dynamodb"),
    client_error("ProvisionedThroughputExceededException"),
    client_error("ThrottlingException"),
    client_error("ResourceNotFoundException"),
    client_error("AccessDeniedException"),
    client_error("InternalServerError"),
]


def failure_id(failure: Exception) -> str:
    return failure.response["Error"]["Code"] if isinstance(failure, ClientError) else type(failure).__name__


@pytest.mark.parametrize("failure", FAILURES, ids=failure_id)
def test_without_the_keys_table_a_call_returns_503_with_retry_after(
    gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch, failure: BotoCoreError | ClientError
) -> None:
    fail_aws_call(monkeypatch, "GetItem", failure)
    fail_aws_call(monkeypatch, "UpdateItem", failure)

    for answer in (gateway.chat(chat_request()), gateway.models(), gateway.models("qwen-plus")):
        assert answer.error == (503, "server_error", "ledger_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert "x-should-retry" not in answer.headers
        assert "message of AWS" not in json.dumps(answer.body)

    assert provider.calls() == []
    # After an unclear answer the record keeps a late write from being charged.
    unclear = failure_id(failure) == "InternalServerError"
    assert [(record["state"], record["cost"]) for record in gateway.records()] == [("not_called", 0)] * unclear


def test_a_missing_keys_table_returns_503(gateway: Gateway) -> None:
    gateway.aws.dynamodb.delete_table(TableName=gateway.aws.keys_table)

    assert gateway.chat(chat_request()).error == (503, "server_error", "ledger_unavailable")


@pytest.mark.parametrize("failure", FAILURES, ids=failure_id)
def test_a_failed_record_write_is_logged_and_does_not_fail_the_call(
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: BotoCoreError | ClientError,
) -> None:
    request = chat_request(messages=[{"role": "user", "content": PROMPT}], user="alice", metadata={"team": "blue"})
    key = gateway.add_key(concurrency=5)
    gateway.chat(request, key=key)
    (item,) = gateway.aws.dynamodb.scan(TableName=gateway.aws.usage_table)["Items"]
    capsys.readouterr()
    fail_aws_call(monkeypatch, "PutItem", failure)

    answer = gateway.chat(request, key=key)

    assert answer.status == 200
    output = capsys.readouterr().out
    lines = [json.loads(line) for line in output.splitlines()]
    (lost,) = [line["usage_record"] for line in lines if line.get("message") == "usage record lost"]
    assert lost["sk"] == f"USE#{answer.headers['x-request-id'].removeprefix('req_')}"
    stored = dict(from_item(item))
    assert set(stored) - {"expires_at"} <= set(lost)
    same = ("pk", "model_asked", "model_used", "provider", "tokens_in", "tokens_out", "end_user", "tags", "outcome")
    assert {name: lost[name] for name in same} == {name: stored[name] for name in same}
    assert [line["usage_record_lost"] for line in lines if "usage_record_lost" in line] == [1]
    assert PROMPT not in output
    assert key not in output


def test_a_failed_record_write_does_not_replace_the_provider_error(
    gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.control({"faults": [{"status": 429, "code": "limit_requests"}]})
    key = gateway.add_key(concurrency=5)
    fail_aws_call(monkeypatch, "PutItem", client_error("ThrottlingException"))

    assert gateway.chat(chat_request(), key=key).error == (
        429,
        "rate_limit_error",
        "provider_throttled",
    )


@pytest.mark.parametrize(
    ("secret", "failure"),
    [
        (None, EndpointConnectionError(endpoint_url="http://secretsmanager")),
        (None, client_error("AccessDeniedException")),
        (None, client_error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")),
        (None, client_error("DecryptionFailure")),
        ("", None),
        ("not JSON", None),
        ('["sk-marked"]', None),
        ('{"dashscope": "sk-marked"}', None),
        ('{"dashscope": {"key": "sk-marked\\n"}}', None),
    ],
    ids=lambda value: failure_id(value) if isinstance(value, Exception) else value,
)
def test_without_provider_keys_no_provider_is_called_and_a_record_is_written(  # noqa: PLR0913, PLR0917 - a table's row
    gateway: Gateway,
    provider: RunningMockQwen,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    secret: str | None,
    failure: BotoCoreError | ClientError | None,
) -> None:
    if failure is not None:
        fail_aws_call(monkeypatch, "GetSecretValue", failure)
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


def test_a_secret_without_a_value_is_a_missing_key(aws: Aws, make_gateway: MakeGateway) -> None:
    gateway = make_gateway("http://127.0.0.1:1")
    aws.secretsmanager.delete_secret(SecretId=aws.provider_keys_secret, ForceDeleteWithoutRecovery=True)
    aws.secretsmanager.create_secret(Name=aws.provider_keys_secret)

    answer = gateway.chat(chat_request())

    assert answer.error == (503, "server_error", "provider_not_configured")
    assert "qwen-gateway secrets set dashscope" in answer.body["error"]["message"]
    assert [record["outcome"] for record in gateway.records()] == ["provider_not_configured"]


@pytest.mark.parametrize("operation", ["GetSecretValue", "PutItem"])
@pytest.mark.parametrize("streams", [False, True])
def test_a_hanging_aws_service_does_not_outlast_the_invocation(
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    operation: str,
    streams: bool,
) -> None:
    """botocore's timeouts and retries take up to 12 s, and a killed function logs nothing."""
    key = gateway.add_key(concurrency=5)
    gateway.chat(chat_request(), key=key)  # Powertools is imported.
    if operation == "GetSecretValue":
        gateway.provider_keys._keys = None  # as in a new environment
    released = threading.Event()
    delay_aws_call(monkeypatch, operation, released)
    started = time.monotonic()

    answer = (gateway.stream if streams else gateway.chat)(chat_request(), key=key, seconds=1)

    took = time.monotonic() - started
    released.set()
    assert took < 1 + gateway.reserved_s
    if operation == "GetSecretValue":
        assert answer.status == 503
        assert gateway.record(answer)["outcome"] == "secrets_unavailable"
    else:
        assert answer.status == 200
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (lost,) = [line["usage_record"] for line in lines if line.get("message") == "usage record lost"]
        assert lost["outcome"] == "answered"


@pytest.mark.parametrize("failure", FAILURES, ids=failure_id)
def test_without_an_open_record_no_provider_is_called(
    gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch, failure: BotoCoreError | ClientError
) -> None:
    fail_aws_call(monkeypatch, "PutItem", failure)

    assert gateway.chat(chat_request()).error == (503, "server_error", "ledger_unavailable")
    assert provider.calls() == []


@pytest.mark.parametrize("limits", [{}, {"budget": 10**12}], ids=["PutItem", "UpdateItem"])
def test_a_hanging_ledger_ends_the_call_before_the_provider(
    gateway: Gateway,
    provider: RunningMockQwen,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    limits: dict[str, int],
) -> None:
    key = gateway.add_key(**limits)
    released = threading.Event()
    delay_aws_call(monkeypatch, request.node.callspec.id, released)
    started = time.monotonic()
    if limits:
        # The client's own timeouts end an UpdateItem.
        threading.Timer(1, released.set).start()

    answer = gateway.chat(chat_request(), key=key, seconds=1)

    took = time.monotonic() - started
    released.set()
    assert answer.error == (503, "server_error", "ledger_unavailable")
    assert took < 1 + gateway.reserved_s
    assert provider.calls() == []


@pytest.mark.parametrize("failure", FAILURES, ids=failure_id)
def test_a_hold_that_cannot_be_released_does_not_fail_the_call(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, failure: BotoCoreError | ClientError
) -> None:
    key = gateway.add_key(budget=10**12)
    complete = gateway.calls.upstream.complete

    def complete_and_fail(*arguments: Any) -> Any:
        fail_aws_call(monkeypatch, "UpdateItem", failure)
        return complete(*arguments)

    gateway.calls.upstream.complete = complete_and_fail  # type: ignore[assignment, method-assign]

    answer = gateway.chat(chat_request(), key=key)

    assert answer.status == 200
    assert list(gateway.key(key)["holds"]) == [gateway.record(answer)["hold"]]


def reject_key() -> Behaviour:
    body = b'{"code": "InvalidApiKey", "message": "Incorrect API key provided: sk-marked."}'
    head = b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return respond_with(head % len(body) + body)


def test_a_replaced_key_is_loaded_during_the_call_that_the_old_key_fails(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_stream = respond_with(sse_response(whole_stream()))
    with run_fake_provider(respond_in_order(answer_stream, reject_key(), answer_stream)) as provider:
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
    output = capsys.readouterr().out + json.dumps(answer.body) + str(gateway.records())
    for secret in ("sk-marked", PROVIDER_KEY, "sk-the-new-one"):
        assert secret not in output


def test_a_rejected_key_is_reloaded_at_most_once_a_minute(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_fake_provider(reject_key()) as provider:
        gateway = make_gateway(provider.url, attempts=4)
        operations = record_aws_calls(monkeypatch)

        assert [gateway.chat(chat_request()).status for _ in range(4)] == [502] * 4
        assert len(provider.requests) == 4

    # Once for the first call, and once after the provider rejected the key.
    assert operations.count("GetSecretValue") == 2
    assert [record["outcome"] for record in gateway.records()] == ["provider_auth_failed"] * 4
