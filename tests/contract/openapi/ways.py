"""How each failure of the table of errors comes about, whichever route is asked."""

from collections.abc import Callable
from typing import Any

import pytest

from qwen_gateway.api.request import MAX_BODY_BYTES
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

type Ask = Callable[..., Answer]
type Way = Callable[[Gateway, RunningMockQwen, Ask], Answer]


def asking(gateway: Gateway, route: Route) -> Ask:
    """Return how a route is asked; what a route has no place for is left out."""

    def ask(*, key: str | None = None, model: str = "qwen-plus", body: str | None = None) -> Answer:
        if route == CHAT:
            return gateway.chat(chat_request(model=model) if body is None else body, key=key)
        return gateway.models(None if route == LIST else model, key=key)

    return ask


def fault(model: str = "qwen-plus", **fields: Any) -> Way:
    def way(_: Gateway, provider: RunningMockQwen, ask: Ask) -> Answer:
        provider.control({"faults": [fields]})
        return ask(model=model)

    return way


def key(**fields: Any) -> Way:
    def way(gateway: Gateway, _: RunningMockQwen, ask: Ask) -> Answer:
        other = token()
        gateway.aws.dynamodb.put_item(TableName=gateway.aws.keys_table, Item=key_item(other, **fields))
        return ask(key=other)

    return way


def secret(value: str) -> Way:
    def way(gateway: Gateway, _: RunningMockQwen, ask: Ask) -> Answer:
        gateway.aws.secretsmanager.put_secret_value(SecretId=gateway.aws.provider_keys_secret, SecretString=value)
        return ask()

    return way


def without_table(gateway: Gateway, _: RunningMockQwen, ask: Ask) -> Answer:
    gateway.aws.dynamodb.delete_table(TableName=gateway.aws.keys_table)
    return ask()


def with_a_defect(_: Gateway, __: RunningMockQwen, ask: Ask) -> Answer:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(ApiKeys, "authenticate")
        return ask()


WAYS: dict[type[GatewayError], Way] = {
    RequestInvalid: lambda _, __, ask: ask(body="no JSON"),
    RequestTooLarge: lambda _, __, ask: ask(body=" " * (MAX_BODY_BYTES + 1)),
    ModelUnknown: lambda _, __, ask: ask(model="no-such-model"),
    KeyMissing: lambda _, __, ask: ask(key=""),
    KeyUnknown: lambda _, __, ask: ask(key=garbage_token()),
    KeyRevoked: key(disabled=True),
    KeyExpired: key(expires=1),
    InternalError: with_a_defect,
    LedgerUnavailable: without_table,
    SecretsUnavailable: secret("no JSON"),
    ProviderNotConfigured: secret("{}"),
    ProviderThrottled: fault(status=429, code="limit_requests"),
    ProviderBurstThrottled: fault(status=429, code="limit_burst_rate"),
    ProviderOverloaded: fault(status=503, code="ModelUnavailable"),
    ProviderFault: fault(status=500, code="InternalError"),
    ProviderUnreachable: fault(),
    ProviderDisconnected: fault(kind="disconnect"),
    ProviderTimeout: fault(kind="hang"),
    ProviderAnswerBroken: fault(kind="bad_json"),
    ProviderOutOfCredit: fault(status=400, code="Arrearage"),
    ProviderKeyRefused: fault(status=401, code="invalid_api_key"),
    ProviderModelMissing: fault(status=404, code="model_not_found"),
    RouteModelMissing: fault("qwen-max", status=404, code="model_not_found"),
    ProviderRefused: fault(status=400, code="InvalidParameter"),
}
