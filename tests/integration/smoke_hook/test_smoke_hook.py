"""A release whose smoke test fails is reported as Failed; the temporary key never survives."""

import json
import sys
from types import ModuleType
from typing import Any

import httpx2
import pytest

from qwen_gateway.ledger import KeySnapshot
from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import Context
from tests.integration.emulated_aws import Aws
from tests.integration.smoke_hook.conftest import DeployedApi, FakeCodeDeploy, event


def list_temporary_keys(aws: Aws) -> list[KeySnapshot]:
    return [key for key in KeyAdministration(aws.dynamodb, aws.keys_table).list() if key.name == "smoke-hook"]


def read_results(output: str) -> dict[str, tuple[str, str]]:
    """Return outcome and detail of each check from the log."""
    lines = [json.loads(line) for line in output.splitlines() if '"smoke test"' in line]
    return {line["check"]: (line["outcome"], line["detail"]) for line in lines}


def test_a_release_without_faults_succeeds(
    hook: ModuleType, codedeploy: FakeCodeDeploy, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.lambda_handler(event(), Context())

    assert codedeploy.reports == [
        {
            "deploymentId": "d-EXAMPLE11",
            "lifecycleEventHookExecutionId": "eyJleGFtcGxlIjoxfQ==",
            "status": "Succeeded",
        }
    ]
    results = read_results(capsys.readouterr().out)
    assert results == dict.fromkeys(
        ("no key", "garbage key", "unknown route", "model list", "streamed chat"), ("passed", "")
    )


def test_the_chat_call_is_small_and_streamed(hook: ModuleType, api: DeployedApi) -> None:
    hook.lambda_handler(event(), Context())

    (chat,) = [json.loads(each.content) for each in api.requests if each.url.path.endswith("/chat/completions")]
    assert (chat["model"], chat["stream"], chat["max_tokens"]) == ("qwen-turbo", True, 16)


def test_the_temporary_key_is_valid_during_the_test_and_deleted_after_it(
    hook: ModuleType, api: DeployedApi, aws: Aws
) -> None:
    hook.lambda_handler(event(), Context())

    used = {each.headers["authorization"] for each in api.requests if "sk-qg-" in each.headers.get("authorization", "")}
    assert len(used) == 1
    assert list_temporary_keys(aws) == []


def respond_with_error(status: int, code: str) -> Any:
    error = {"message": "marked text", "type": "server_error", "param": None, "code": code}
    return lambda _: httpx2.Response(status, json={"type": "error", "error": error})


def break_connection(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("marked text", request=request)


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(respond_with_error(500, "internal_error"), id="internal error"),
        pytest.param(respond_with_error(503, "gateway_busy"), id="busy"),
        pytest.param(lambda _: httpx2.Response(200, content=b""), id="empty body"),
        pytest.param(lambda _: httpx2.Response(200, json=["marked text"]), id="foreign JSON"),
        pytest.param(lambda _: httpx2.Response(403, content=b"<html>marked text</html>"), id="foreign page"),
        pytest.param(break_connection, id="no connection"),
    ],
)
def test_a_broken_release_fails(  # noqa: PLR0913, PLR0917 - fixtures
    hook: ModuleType,
    api: DeployedApi,
    codedeploy: FakeCodeDeploy,
    aws: Aws,
    respond: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    api.respond = respond

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Failed"
    assert list_temporary_keys(aws) == []
    output = capsys.readouterr().out
    assert {outcome for outcome, _ in read_results(output).values()} == {"failed"}
    assert "marked text" not in output


@pytest.mark.parametrize(
    ("method", "path", "check"),
    [("GET", "/api/v1/models", "model list"), ("POST", "/api/v1/chat/completions", "streamed chat")],
)
def test_one_broken_route_fails_the_release(  # noqa: PLR0913, PLR0917 - fixtures
    hook: ModuleType,
    api: DeployedApi,
    codedeploy: FakeCodeDeploy,
    method: str,
    path: str,
    check: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        if (request.method, request.url.path) == (method, path):
            return respond_with_error(500, "internal_error")(request)
        return api.respond_correctly(request)

    api.respond = respond

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Failed"
    outcome, detail = read_results(capsys.readouterr().out)[check]
    assert outcome == "failed"
    assert detail.startswith("500 internal_error")


def replace_stream(api: DeployedApi, body: bytes) -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/chat/completions"):
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
        return api.respond_correctly(request)

    api.respond = respond


CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"ok"}}]}\n\n'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b": ping\n\n",
        b"data: [DONE]\n\n",
        CHUNK,
        b"data: {}\n\ndata: [DONE]\n\n",
        b'data: {"choices":[]}\n\ndata: [DONE]\n\n',
        CHUNK + b'data: {"error":{"message":"m","type":"server_error","param":null,"code":"provider_failed"}}\n\n',
    ],
)
def test_an_incomplete_stream_fails(
    hook: ModuleType, api: DeployedApi, codedeploy: FakeCodeDeploy, body: bytes
) -> None:
    replace_stream(api, body)

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Failed"


def test_comments_in_a_stream_are_ignored(hook: ModuleType, api: DeployedApi, codedeploy: FakeCodeDeploy) -> None:
    replace_stream(api, b": ping\n\n" + CHUNK + b"data: [DONE]\n\n")

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Succeeded"


def test_a_single_fault_is_tolerated(hook: ModuleType, api: DeployedApi, codedeploy: FakeCodeDeploy) -> None:
    faults = [break_connection]

    def respond(request: httpx2.Request) -> httpx2.Response:
        return faults.pop()(request) if faults else api.respond_correctly(request)

    api.respond = respond

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Succeeded"


def test_a_gateway_without_a_provider_key_is_not_proven_and_succeeds(
    hook: ModuleType, aws: Aws, codedeploy: FakeCodeDeploy, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.secretsmanager.put_secret_value(SecretId=aws.provider_keys_secret, SecretString="{}")

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Succeeded"
    results = read_results(capsys.readouterr().out)
    assert results["streamed chat"] == ("unproven", "provider_not_configured")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 429, "code": "limit_requests"}, "Succeeded"),
        ({"status": 401, "code": "invalid_api_key"}, "Failed"),
        ({"status": 500, "code": "InternalError"}, "Failed"),
    ],
)
def test_a_provider_without_capacity_does_not_undo_a_release(
    hook: ModuleType, provider: RunningMockQwen, codedeploy: FakeCodeDeploy, fault: dict[str, Any], status: str
) -> None:
    provider.control({"faults": [{**fault, "model": "*", "times": 9}]})

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == status


def test_an_error_of_the_hook_itself_is_reported(
    hook: ModuleType, codedeploy: FakeCodeDeploy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STACK_ID", "no-such-stack")
    hook.environment.cache_clear()

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Failed"
    assert "unhandled exception" in capsys.readouterr().out


def test_a_release_that_cannot_be_imported_is_reported(
    hook: ModuleType, codedeploy: FakeCodeDeploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "smoke_hook.service", None)

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Failed"


def test_a_key_that_cannot_be_deleted_expires_and_does_not_undo_the_release(
    hook: ModuleType, codedeploy: FakeCodeDeploy, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(hook._dynamodb, "delete_item", refuse)

    hook.lambda_handler(event(), Context())

    assert codedeploy.status == "Succeeded"
    (key,) = list_temporary_keys(aws)
    assert key.key.expires is not None
    assert key.key.expires - key.created == 3600
