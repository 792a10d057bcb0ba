"""What else a client reads of a failure; what happens when stands in test_what_happens_when."""

from collections.abc import Callable

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.conftest import PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.scripted import hangs, says, scripted_provider


def test_a_missing_model_behind_an_alias_is_the_routes_fault(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"status": 404, "code": "model_not_found"}]})

    answer = gateway.chat(chat_request(model="qwen-max"))

    assert answer.error == (502, "server_error", "route_model_missing")
    assert "qwen3-max" in answer.body["error"]["message"]


def test_a_timeout_says_what_helps(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"kind": "hang"}]})

    message = gateway.chat(chat_request()).body["error"]["message"]

    assert "no first token within 0.6 s" in message
    assert "fewer max_tokens" in message


def test_a_clients_own_deadline_counts(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"kind": "hang"}]})

    answer = gateway.chat(chat_request(), headers={"x-gateway-timeout-ms": "200"})

    assert answer.status == 504
    assert "the time for the whole call was over" in answer.body["error"]["message"]


def test_tls_that_fails_is_a_provider_that_cannot_be_reached(make_gateway: Callable[[str], Gateway]) -> None:
    """The provider speaks no TLS at all."""
    with scripted_provider(hangs) as plain:
        answer = make_gateway(plain.url.replace("http:", "https:")).chat(chat_request())

    assert answer.error == (503, "server_error", "provider_unreachable")


def test_a_refused_key_is_read_again_for_the_next_call(gateway: Gateway, provider: RunningMockQwen) -> None:
    gateway.aws.store_provider_keys(dashscope="sk-invalid")
    assert gateway.chat(chat_request()).body["error"]["code"] == "provider_auth_failed"

    gateway.aws.store_provider_keys(dashscope="sk-new")
    refused_again = gateway.chat(chat_request())

    # Read again at most once a minute: the second refusal still uses what the first reload found.
    assert refused_again.body["error"]["code"] == "provider_auth_failed"
    assert len(provider.calls()) == 2


def test_a_replaced_key_is_found_after_one_refusal(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"status": 401, "code": "InvalidApiKey"}]})
    gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY)
    assert gateway.chat(chat_request()).status == 502

    assert gateway.chat(chat_request()).status == 200


def test_an_empty_secret_says_which_command_to_run(gateway: Gateway, provider: RunningMockQwen) -> None:
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
    ids=["deep", "deeper", "a long number", "no number", "half a surrogate pair", "a megabyte"],
)
def test_a_refusal_of_any_form_is_told_as_a_refusal(make_gateway: MakeGateway, message: str) -> None:
    body = f'{{"error": {{"code": "invalid_value", "message": {message}}}}}'.encode()
    head = b"HTTP/1.1 400 Bad Request\r\nx-request-id: \xe9\xff\r\ncontent-length: %d\r\n\r\n" % len(body)

    with scripted_provider(says(head + body)) as scripted:
        gateway = make_gateway(scripted.url)
        answer = gateway.chat(chat_request())

    assert answer.error == (400, "invalid_request_error", "provider_refused")
    assert len(gateway.records()) == 1
