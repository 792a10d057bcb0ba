"""What a client sees of each failure of a provider, over real HTTP; and the one record that it leaves."""

from collections.abc import Callable
from typing import Any

import pytest

from qwen_gateway_cli.local.provider import RunningProvider
from tests.builders import chat_request
from tests.integration.chat.conftest import PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.scripted import hangs, says, scripted_provider

MARKED = "marked words of a prompt"

# The provider's status and code; the client's status, type and code; what is charged.
SAID = [
    (400, "InvalidParameter", 400, "invalid_request_error", "provider_refused", "none"),
    (400, "invalid_value", 400, "invalid_request_error", "provider_refused", "none"),
    (400, "invalid_parameter_error", 400, "invalid_request_error", "provider_refused", "none"),
    (400, "Arrearage", 503, "server_error", "provider_out_of_credit", "none"),
    (400, "DataInspectionFailed", 400, "invalid_request_error", "provider_refused", "none"),
    (400, "data_inspection_failed", 400, "invalid_request_error", "provider_refused", "none"),
    (400, "IPInfringementSuspect", 400, "invalid_request_error", "provider_refused", "none"),
    (401, "InvalidApiKey", 502, "server_error", "provider_auth_failed", "none"),
    (401, "invalid_api_key", 502, "server_error", "provider_auth_failed", "none"),
    (403, "AccessDenied.Unpurchased", 404, "invalid_request_error", "model_not_found", "none"),
    (403, "Model.AccessDenied", 404, "invalid_request_error", "model_not_found", "none"),
    (403, "AllocationQuota.FreeTierOnly", 404, "invalid_request_error", "model_not_found", "none"),
    (403, "insufficient_quota", 404, "invalid_request_error", "model_not_found", "none"),
    (404, "ModelNotFound", 404, "invalid_request_error", "model_not_found", "none"),
    (404, "model_not_found", 404, "invalid_request_error", "model_not_found", "none"),
    (404, "model_not_supported", 404, "invalid_request_error", "model_not_found", "none"),
    (413, "too_large", 400, "invalid_request_error", "provider_refused", "none"),
    (429, "Throttling", 429, "rate_limit_error", "provider_throttled", "none"),
    (429, "Throttling.RateQuota", 429, "rate_limit_error", "provider_throttled", "none"),
    (429, "LimitRequests", 429, "rate_limit_error", "provider_throttled", "none"),
    (429, "limit_requests", 429, "rate_limit_error", "provider_throttled", "none"),
    (429, "Throttling.BurstRate", 429, "rate_limit_error", "provider_throttled", "none"),
    (429, "limit_burst_rate", 429, "rate_limit_error", "provider_throttled", "none"),
    (429, "Throttling.AllocationQuota", 429, "rate_limit_error", "provider_throttled", "none"),
    (429, "insufficient_quota", 429, "rate_limit_error", "provider_throttled", "none"),
    (429, "CommodityNotPurchased", 503, "server_error", "provider_out_of_credit", "none"),
    (429, "PrepaidBillOverdue", 503, "server_error", "provider_out_of_credit", "none"),
    (429, "PostpaidBillOverdue", 503, "server_error", "provider_out_of_credit", "none"),
    (500, "InternalError", 503, "server_error", "provider_failed", "presumed"),
    (500, "InternalError.Algo", 503, "server_error", "provider_failed", "presumed"),
    (500, "SystemError", 503, "server_error", "provider_failed", "presumed"),
    (500, "ModelServiceFailed", 503, "server_error", "provider_failed", "presumed"),
    (500, "RequestTimeOut", 504, "timeout_error", "provider_timeout", "presumed"),
    (500, "ModelServingError", 503, "server_error", "provider_overloaded", "presumed"),
    (503, "ModelUnavailable", 503, "server_error", "provider_overloaded", "presumed"),
]


@pytest.mark.parametrize(("said_status", "said_code", "status", "kind", "code", "charged"), SAID)
def test_what_the_provider_says_is_told_by_its_cause(  # noqa: PLR0913, PLR0917 - a table's row
    gateway: Gateway,
    provider: RunningProvider,
    capsys: pytest.CaptureFixture[str],
    said_status: int,
    said_code: str,
    status: int,
    kind: str,
    code: str,
    charged: str,
) -> None:
    provider.control({"faults": [{"status": said_status, "code": said_code, "message": MARKED}]})

    answer = gateway.chat(chat_request(user="somebody"))

    assert answer.error == (status, kind, code)
    assert answer.headers.get("x-should-retry") == (None if status in {400, 404} else "false")
    assert ("retry-after" in answer.headers) == (status == 429 or code == "provider_overloaded")
    assert len(provider.calls()) == 1
    (record,) = gateway.records()
    assert (record["status"], record["outcome"], record["end_user"]) == (status, code, "somebody")
    (attempt,) = record["attempts"]
    assert (attempt["http_status"], attempt["charged"]) == (said_status, charged)
    assert attempt["provider_request_id"]
    written = capsys.readouterr()
    assert MARKED not in written.out + written.err + str(record)


def test_the_spent_free_quota_is_no_throttling(gateway: Gateway, provider: RunningProvider) -> None:
    words = "Free allocated quota exceeded."
    provider.control({"faults": [{"status": 429, "code": "insufficient_quota", "message": words}]})

    assert gateway.chat(chat_request()).error == (404, "invalid_request_error", "model_not_found")


def test_a_missing_model_behind_an_alias_is_the_routes_fault(gateway: Gateway, provider: RunningProvider) -> None:
    provider.control({"faults": [{"status": 404, "code": "model_not_found"}]})

    answer = gateway.chat(chat_request(model="qwen-max"))

    assert answer.error == (502, "server_error", "route_model_missing")
    assert "qwen3-max" in answer.body["error"]["message"]


BROKEN = [
    ({"kind": "hang"}, 504, "provider_timeout"),
    ({"kind": "hang", "after_chunks": 2}, 504, "provider_timeout"),
    ({"kind": "drip"}, 504, "provider_timeout"),
    ({"kind": "drip", "after_chunks": 2}, 504, "provider_timeout"),
    ({"kind": "truncate"}, 502, "provider_answer_broken"),
    ({"kind": "truncate", "after_chunks": 2}, 502, "provider_answer_broken"),
    ({"kind": "disconnect"}, 503, "provider_unreachable"),
    ({"kind": "disconnect", "after_chunks": 2}, 502, "provider_answer_broken"),
    ({"kind": "bad_json"}, 502, "provider_answer_broken"),
    ({"kind": "bad_json", "after_chunks": 2}, 502, "provider_answer_broken"),
    ({"kind": "html"}, 502, "provider_answer_broken"),
    ({"kind": "html", "status": 502}, 503, "provider_failed"),
    ({"kind": "error_event", "after_chunks": 2, "code": "InternalError"}, 503, "provider_failed"),
    ({"kind": "error_event", "after_chunks": 2, "code": "data_inspection_failed"}, 400, "provider_refused"),
]


@pytest.mark.parametrize(("fault", "status", "code"), BROKEN)
def test_a_broken_answer_is_never_half_an_answer(
    gateway: Gateway, provider: RunningProvider, fault: dict[str, Any], status: int, code: str
) -> None:
    provider.control({"faults": [fault]})

    answer = gateway.chat(chat_request())

    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    (record,) = gateway.records()
    assert (record["outcome"], record["attempts"][0]["charged"]) == (code, "presumed")


def test_a_timeout_says_what_helps(gateway: Gateway, provider: RunningProvider) -> None:
    provider.control({"faults": [{"kind": "hang"}]})

    message = gateway.chat(chat_request()).body["error"]["message"]

    assert "no first token within 0.6 s" in message
    assert "fewer max_tokens" in message


def test_a_clients_own_deadline_counts(gateway: Gateway, provider: RunningProvider) -> None:
    provider.control({"faults": [{"kind": "hang"}]})

    answer = gateway.chat(chat_request(), headers={"x-gateway-timeout-ms": "200"})

    assert answer.status == 504
    assert "the time for the whole call was over" in answer.body["error"]["message"]


def test_a_provider_that_is_not_there_charges_nothing(make_gateway: Callable[[str], Gateway]) -> None:
    for url in ("http://127.0.0.1:1", "http://no-such-host.invalid"):
        answer = (gateway := make_gateway(url)).chat(chat_request())
        assert answer.error == (503, "server_error", "provider_unreachable")
        assert gateway.records()[-1]["attempts"][0]["charged"] == "none"


def test_tls_that_fails_is_a_provider_that_cannot_be_reached(make_gateway: Callable[[str], Gateway]) -> None:
    """The provider speaks no TLS at all."""
    with scripted_provider(hangs) as plain:
        answer = make_gateway(plain.url.replace("http:", "https:")).chat(chat_request())

    assert answer.error == (503, "server_error", "provider_unreachable")


def test_a_refused_key_is_read_again_for_the_next_call(gateway: Gateway, provider: RunningProvider) -> None:
    gateway.aws.store_provider_keys(dashscope="sk-invalid")
    assert gateway.chat(chat_request()).body["error"]["code"] == "provider_auth_failed"

    gateway.aws.store_provider_keys(dashscope="sk-new")
    refused_again = gateway.chat(chat_request())

    # Read again at most once a minute: the second refusal still uses what the first reload found.
    assert refused_again.body["error"]["code"] == "provider_auth_failed"
    assert len(provider.calls()) == 2


def test_a_replaced_key_is_found_after_one_refusal(gateway: Gateway, provider: RunningProvider) -> None:
    provider.control({"faults": [{"status": 401, "code": "InvalidApiKey"}]})
    gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY)
    assert gateway.chat(chat_request()).status == 502

    assert gateway.chat(chat_request()).status == 200


def test_an_empty_secret_says_which_command_to_run(gateway: Gateway, provider: RunningProvider) -> None:
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
