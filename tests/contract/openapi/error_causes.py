"""Causes each error of the table of errors, on any route."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from qwen_gateway.config import MAX_BODY_BYTES
from qwen_gateway.errors import (
    BudgetExhausted,
    ConcurrencyExceeded,
    CostUnbounded,
    EndpointNotServed,
    GatewayError,
    InternalError,
    KeyExpired,
    KeyMissing,
    KeyRevoked,
    KeyUnknown,
    LedgerUnavailable,
    ModelNotAllowed,
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
    ProviderResponseMissing,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnreachable,
    RequestInvalid,
    RequestLimitExceeded,
    RequestTooLarge,
    ResponseUnknown,
    RouteModelMissing,
    SecretsUnavailable,
    TokenLimitExceeded,
)
from qwen_gateway.ledger import Admissions, ApiKeys
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import (
    chat_request,
    embeddings_request,
    garbage_token,
    key_item,
    messages_request,
    responses_request,
    token,
)
from tests.contract.openapi.described import CHAT, COUNT, EMBED, LIST, MESSAGE, RESPOND, USAGE, Route
from tests.integration.chat.conftest import Answer, Gateway

SERVED_NOWHERE, UNDESCRIBED = "served-nowhere", "undescribed"
EMBEDDING_MODELS = {"qwen-plus": "text-embedding-v4", "qwen-max": "embedding-alias"}
"""The models of embeddings, by those of chat that have the same place in the routes."""
CONFIGURATION = {
    "providers": {"nothing": {"base_url": "http://127.0.0.1:1", "endpoints": []}},
    "routes": {
        SERVED_NOWHERE: [{"model": "m", "provider": "nothing"}],
        UNDESCRIBED: [{"model": "m"}],
        EMBEDDING_MODELS["qwen-max"]: [{"model": EMBEDDING_MODELS["qwen-plus"]}],
    },
}

type Send = Callable[..., Answer]
type Cause = Callable[[Gateway, RunningMockQwen, Send], Answer]
"""Sends a request that fails, and returns the response."""


def create_sender(gateway: Gateway, route: Route) -> Send:
    """Return a function that sends requests to a route. It ignores arguments that the route does not have."""

    def send(
        *,
        key: str | None = None,
        model: str = "qwen-plus",
        body: str | None = None,
        unbounded: bool = False,
        previous: str | None = None,
    ) -> Answer:
        if route == RESPOND:
            tools = {"tools": [{"type": "web_search"}]} if unbounded else {}
            request = responses_request(model=model, previous_response_id=previous, **tools)
            return gateway.respond(request if body is None else body, key=key)
        if route == EMBED:
            embedding = UNDESCRIBED if unbounded else EMBEDDING_MODELS.get(model, model)
            return gateway.embed(embeddings_request(model=embedding) if body is None else body, key=key)
        if route in (MESSAGE, COUNT):
            post = gateway.message if route == MESSAGE else gateway.count_tokens
            tools = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]} if unbounded else {}
            return post(messages_request(model=model, **tools) if body is None else body, key=key)
        if route == CHAT:
            search = {"enable_search": True} if unbounded else {}
            return gateway.chat(chat_request(model=model, **search) if body is None else body, key=key)
        if route == USAGE:
            return gateway.usage(key=key)
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


def ask_without_a_bound(gateway: Gateway, _: RunningMockQwen, send: Send) -> Answer:
    return send(key=gateway.add_key(budget=10**12), unbounded=True)


def use_up(**counters: str) -> Cause:
    """Use a key with a limit of 1 a minute, whose counter of this minute, and of the next, is at the limit."""

    def cause(gateway: Gateway, _: RunningMockQwen, send: Send) -> Answer:
        minute = int(time.time()) // 60
        window = {f"{letter}{minute + i}": 1 for letter in counters.values() for i in (0, 1)}
        return send(key=gateway.add_key(window=window, **dict.fromkeys(counters, 1)))

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
        patch.delattr(ApiKeys, "read_authenticated")
        patch.delattr(Admissions, "admit")
        patch.delattr(Admissions, "read_key")
        return send()


def continue_a_forgotten_response(gateway: Gateway, _: RunningMockQwen, send: Send) -> Answer:
    made = gateway.respond(responses_request()).body["id"]
    gateway.stored("DELETE", made)
    return send(previous=made)


CAUSES: dict[type[GatewayError], Cause] = {
    RequestInvalid: lambda _, __, send: send(body="no JSON"),
    RequestTooLarge: lambda _, __, send: send(body=" " * (MAX_BODY_BYTES + 1)),
    ModelUnknown: lambda _, __, send: send(model="no-such-model"),
    ResponseUnknown: lambda _, __, send: send(previous="resp_unknown"),
    EndpointNotServed: lambda _, __, send: send(model=SERVED_NOWHERE),
    KeyMissing: lambda _, __, send: send(key=""),
    KeyUnknown: lambda _, __, send: send(key=garbage_token()),
    KeyRevoked: use_key(disabled=True),
    KeyExpired: use_key(expires=1),
    CostUnbounded: ask_without_a_bound,
    BudgetExhausted: use_key(budget=0, rpm=9, tpm=9),
    ModelNotAllowed: use_key(models=["qwen-max"]),
    RequestLimitExceeded: use_up(rpm="r"),
    TokenLimitExceeded: use_up(tpm="t"),
    ConcurrencyExceeded: use_key(concurrency=0),
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
    ProviderResponseMissing: continue_a_forgotten_response,
    ProviderContextExceeded: cause_provider_fault(status=400, code="context_length_exceeded"),
}
