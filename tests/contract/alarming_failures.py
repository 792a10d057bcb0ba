"""Failures that raise an alarm, each as a function that makes it happen."""

from collections.abc import Callable

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import Context, chat_request
from tests.integration.chat.aws_calls import fail_aws_call
from tests.integration.chat.conftest import Gateway
from tests.integration.fresh_import import import_fresh


def lose_a_record(gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> None:
    key = gateway.add_key(concurrency=5)
    fail_aws_call(monkeypatch, "PutItem", EndpointConnectionError(endpoint_url="http://dynamodb"))
    assert gateway.chat(chat_request(), key=key).status == 200


def spend_the_credit(gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.control({"faults": [{"status": 400, "code": "Arrearage", "times": 9}]})
    assert gateway.chat(chat_request()).error == (503, "server_error", "provider_out_of_credit")


def reject_the_provider_key(gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.control({"faults": [{"status": 401, "code": "invalid_api_key", "times": 9}]})
    assert gateway.chat(chat_request()).error == (502, "server_error", "provider_auth_failed")


def raise_an_unhandled_exception(gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(BaseClient, "_make_api_call", fail)
    assert gateway.chat(chat_request()).status == 500


def fail_to_reconcile_a_key(gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = import_fresh("reconcile.handler", monkeypatch)
    fail_aws_call(monkeypatch, "Query", EndpointConnectionError(endpoint_url="http://dynamodb"))
    handler.lambda_handler({}, Context())


type Scenario = Callable[[Gateway, RunningMockQwen, pytest.MonkeyPatch], None]
SCENARIOS: dict[str, Scenario] = {
    "usage_record_lost": lose_a_record,
    "provider_out_of_credit": spend_the_credit,
    "provider_auth_failed": reject_the_provider_key,
    "internal_error": raise_an_unhandled_exception,
    "reconcile_failed": fail_to_reconcile_a_key,
}
