"""Causes each error of the table of errors, on any route."""

from collections.abc import Callable
from typing import Any

import pytest

from qwen_gateway.config import MAX_BODY_BYTES
from qwen_gateway.errors import (
    GatewayError,
    InternalError,
    KeyExpired,
    KeyMissing,
    KeyRevoked,
    KeyUnknown,
    LedgerUnavailable,
    ModelUnknown,
    ProviderAnswerBroken,
    ProviderBurstThrottled,
    ProviderContextExceeded,
    ProviderDisconnected,
    ProviderFault,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderNotConfigured,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderRefused,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnreachable,
    RequestInvalid,
    RequestTooLarge,
    RouteModelMissing,
    SecretsUnavailable,
)
from qwen_gateway.ledger import ApiKeys
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request, garbage_token, key_item, token
from tests.contract.openapi.described import CHAT, LIST, Route
from tests.integration.chat.conftest import Answer, Gateway

type Send = Callable[..., Answer]
type Cause = Callable[[Gateway, RunningMockQwen, Send], Answer]
"""Sends a request that fails, and returns the response."""


def create_sender(gateway: Gateway, route: Route) -> Send:
    """Return a function that sends requests to a route. It ignores arguments that the route does not have."""

    def send(*, key: str | None = None, model: str = "qwen-plus", body: str | None = None) -> Answer:
        if route == CHAT:
            return gateway.chat(chat_request(model=model) if body is None else body, key=key)
        return gateway.models(None if route == LIST else model, key=key)

    return send


def cause_provider_fault(model: str = "qwen-plus", **fields: Any) -> Cause:
    def cause(_: Gateway, provider: RunningMockQwen, send: Send) -> Answer:
        provider.control({"faults": [fields]})
        return send(model=model)

    return cause


def use_key(**fields: Any) -> Cause:
    def cause(gateway: Gateway, _: RunningMockQwen, send: Send) -> Answer:
        used = token()
        gateway.aws.dynamodb.put_item(TableName=gateway.aws.keys_table, Item=key_item(used, **fields))
        return send(key=used)

    return cause


def use_secret(value: str) -> Cause:
    def cause(gateway: Gateway, _: RunningMockQwen, send: Send) -> Answer:
        gateway.aws.secretsmanager.put_secret_value(SecretId=gateway.aws.provider_keys_secret, SecretString=value)
        return send()

    return cause


def delete_keys_table(gateway: Gateway, _: RunningMockQwen, send: Send) -> Answer:
    gateway.aws.dynamodb.delete_table(TableName=gateway.aws.keys_table)
    return send()


def break_authentication(_: Gateway, __: RunningMockQwen, send: Send) -> Answer:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(ApiKeys, "authenticate")
        return send()


CAUSES: dict[type[GatewayError], Cause] = {
    RequestInvalid: lambda _, __, send: send(body="no JSON"),
    RequestTooLarge: lambda _, __, send: send(body=" " * (MAX_BODY_BYTES + 1)),
    ModelUnknown: lambda _, __, send: send(model="no-such-model"),
    KeyMissing: lambda _, __, send: send(key=""),
    KeyUnknown: lambda _, __, send: send(key=garbage_token()),
    KeyRevoked: use_key(disabled=True),
    KeyExpired: use_key(expires=1),
    InternalError: break_authentication,
    LedgerUnavailable: delete_keys_table,
    SecretsUnavailable: use_secret("no JSON"),
    ProviderNotConfigured: use_secret("{}"),
    ProviderThrottled: cause_provider_fault(status=429, code="limit_requests"),
    ProviderBurstThrottled: cause_provider_fault(status=429, code="limit_burst_rate"),
    ProviderOverloaded: cause_provider_fault(status=503, code="ModelUnavailable"),
    ProviderFault: cause_provider_fault(status=500, code="InternalError"),
    ProviderUnreachable: cause_provider_fault(),
    ProviderDisconnected: cause_provider_fault(kind="disconnect"),
    ProviderTimeout: cause_provider_fault(kind="hang"),
    ProviderAnswerBroken: cause_provider_fault(kind="bad_json"),
    ProviderOutOfCredit: cause_provider_fault(status=400, code="Arrearage"),
    ProviderKeyRefused: cause_provider_fault(status=401, code="invalid_api_key"),
    ProviderModelMissing: cause_provider_fault(status=404, code="model_not_found"),
    RouteModelMissing: cause_provider_fault("qwen-max", status=404, code="model_not_found"),
    ProviderRefused: cause_provider_fault(status=400, code="InvalidParameter"),
    ProviderContextExceeded: cause_provider_fault(status=400, code="context_length_exceeded"),
}
