"""Messages, deadlines and keys of failed provider calls. `test_failure_table` covers causes, retries and fallback."""

from collections.abc import Callable

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import QWEN_MAX, chat_request
from tests.integration.chat.conftest import PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.fake_provider import hang, respond_with, run_fake_provider


def test_a_missing_model_behind_an_alias_returns_route_model_missing(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    provider.control({"faults": [{"status": 404, "code": "model_not_found"}]})

    answer = gateway.chat(chat_request(model="qwen-max"))

    assert answer.error == (502, "server_error", "route_model_missing")
    assert QWEN_MAX[0] in answer.body["error"]["message"]


def test_the_message_of_a_timeout_names_remedies(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"kind": "hang"}]})

    message = gateway.chat(chat_request()).body["error"]["message"]

    assert "no first token within 0.6 s" in message
    assert "fewer max_tokens" in message


def test_the_timeout_of_the_client_ends_the_call(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"kind": "hang"}]})

    answer = gateway.chat(chat_request(), headers={"x-gateway-timeout-ms": "200"})

    assert answer.status == 504
    assert "the time for the whole call was over" in answer.body["error"]["message"]


def test_a_failed_tls_handshake_returns_provider_unreachable(make_gateway: Callable[[str], Gateway]) -> None:
    """The provider does not support TLS."""
    with run_fake_provider(hang) as plain:
        answer = make_gateway(plain.url.replace("http:", "https:")).chat(chat_request())

    assert answer.error == (503, "server_error", "provider_unreachable")


def test_a_rejected_key_is_reloaded_at_most_once_a_minute(gateway: Gateway, provider: RunningMockQwen) -> None:
    gateway.aws.store_provider_keys(dashscope="sk-invalid")
    assert gateway.chat(chat_request()).body["error"]["code"] == "provider_auth_failed"

    gateway.aws.store_provider_keys(dashscope="sk-new")
    rejected_again = gateway.chat(chat_request())

    # The second call still uses the key that the reload after the first rejection found.
    assert rejected_again.body["error"]["code"] == "provider_auth_failed"
    assert len(provider.calls()) == 2


def test_a_replaced_key_is_used_after_one_rejection(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"status": 401, "code": "InvalidApiKey"}]})
    gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY)
    assert gateway.chat(chat_request()).status == 502

    assert gateway.chat(chat_request()).status == 200


def test_the_message_of_an_empty_secret_names_the_command_to_run(gateway: Gateway, provider: RunningMockQwen) -> None:
    gateway.aws.secretsmanager.put_secret_value(SecretId=gateway.aws.provider_keys_secret, SecretString="{}")

    answer = gateway.chat(chat_request())

    assert answer.error == (503, "server_error", "provider_not_configured")
    assert "qwen-gateway secrets set dashscope" in answer.body["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    (record,) = gateway.records()
    assert (record["outcome"], record["attempts"]) == ("provider_not_configured", [])
    assert provider.calls() == []


@pytest.mark.parametrize(
    "message",
    [
        '{"a":' * 9_985 + "1" + "}" * 9_985,
        "[" * 100_000,
        "9" * 10_000,
        "NaN",
        '"\\ud800"',
        '"' + "x" * 1_000_000 + '"',
    ],
    ids=["deep", "deeper", "a long number", "NaN", "a lone surrogate", "a megabyte"],
)
def test_a_rejection_with_a_malformed_message_returns_provider_refused(make_gateway: MakeGateway, message: str) -> None:
    body = f'{{"error": {{"code": "invalid_value", "message": {message}}}}}'.encode()
    head = b"HTTP/1.1 400 Bad Request\r\nx-request-id: \xe9\xff\r\ncontent-length: %d\r\n\r\n" % len(body)

    with run_fake_provider(respond_with(head + body)) as provider:
        gateway = make_gateway(provider.url)
        answer = gateway.chat(chat_request())

    assert answer.error == (400, "invalid_request_error", "provider_refused")
    assert len(gateway.records()) == 1


def test_a_request_longer_than_the_context_returns_context_length_exceeded(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    messages = [{"role": "user", "content": "x" * 4_000_000}]

    answer = gateway.chat(chat_request(messages=messages))

    assert answer.error == (400, "invalid_request_error", "context_length_exceeded")
    assert answer.body["error"]["message"] == "Range of input length should be [1, 997952]"
    assert (answer.headers["x-gateway-provider"], answer.headers["x-gateway-model"]) == ("dashscope", "qwen-plus")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "model does not support tools"}', "model does not support tools"),
        (b'{"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}', "messages: field required"),
        (b'{"object": "error", "message": "no such template", "code": 400}', "no such template"),
        (b'"the context is broken"', "the context is broken"),
        ("Anfrage ungültig".encode(), "Anfrage ungültig"),
    ],
)
def test_a_rejected_request_returns_the_message_of_the_provider(
    make_gateway: MakeGateway, body: bytes, message: str
) -> None:
    head = b"HTTP/1.1 400 Bad Request\r\ncontent-length: %d\r\n\r\n" % len(body)

    with run_fake_provider(respond_with(head + body)) as provider:
        answer = make_gateway(provider.url).chat(chat_request())

    assert answer.error == (400, "invalid_request_error", "provider_refused")
    assert answer.body["error"]["message"] == message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("insufficient_user_quota", (503, "server_error", "provider_out_of_credit")),
        ("AccessDenied", (404, "invalid_request_error", "model_not_found")),
        ("DataInspectionFailed", (400, "invalid_request_error", "provider_refused")),
        ("context_length_exceeded", (400, "invalid_request_error", "context_length_exceeded")),
    ],
)
def test_nothing_of_a_403_reaches_the_client(
    gateway: Gateway, provider: RunningMockQwen, code: str, expected: tuple[int, str, str], stream: bool
) -> None:
    provider.control({"faults": [{"status": 403, "code": code, "message": "remaining balance: $0.17", "times": 9}]})

    answer = gateway.chat(chat_request(stream=stream))

    assert answer.error == expected
    assert "0.17" not in str(answer.body)


@pytest.mark.parametrize(
    ("received", "returned"), [("7", "7"), ("0.2", "1"), ("-1", "2"), ("soon", "2"), ("1e9", "3600")]
)
def test_retry_after_is_the_valid_value_of_the_provider_or_a_default(
    gateway: Gateway, provider: RunningMockQwen, received: str, returned: str
) -> None:
    provider.control({"faults": [{"status": 429, "code": "limit_requests", "headers": {"Retry-After": received}}]})

    answer = gateway.chat(chat_request())

    assert answer.headers["retry-after"] == returned
    assert answer.headers["x-should-retry"] == "false"
