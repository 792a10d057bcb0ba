"""Providers added by configuration: a reseller without a catalog, a self-hosted server without a key, fallback."""

from collections.abc import Iterator
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen, run_mock_qwen
from tests.builders import chat_request
from tests.integration.chat.aws_calls import record_aws_calls
from tests.integration.chat.conftest import MakeGateway

OLLAMA = "qwen3:8b"
RESELLER_MODEL = "qwen-max-2025-01-25"


@pytest.fixture
def ollama() -> Iterator[RunningMockQwen]:
    """A self-hosted server with one model. It requires no key."""
    with run_mock_qwen() as running:
        running.control({"models": [OLLAMA]})
        yield running


@pytest.fixture
def holysheep() -> Iterator[RunningMockQwen]:
    """A reseller with its own model names and its own key."""
    with run_mock_qwen() as running:
        running.control({"models": [RESELLER_MODEL], "accepted_key": "hs-mine"})
        yield running


def self_hosted_config(server: RunningMockQwen, **fields: Any) -> dict[str, Any]:
    """Return a configuration in which a self-hosted server is the only provider of the routes."""
    return {
        "default_provider": "ollama",
        "providers": {"ollama": {"base_url": f"{server.url}/v1", "needs_key": False, **fields}},
        "routes": {
            "qwen-plus": [{"model": OLLAMA}],
            "qwen-max": None,
            "qwen-turbo": None,
            "claude-*": None,
            "claude-haiku-*": None,
        },
    }


def test_a_self_hosted_server_needs_no_key_and_no_secret(
    make_gateway: MakeGateway, ollama: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = make_gateway("http://127.0.0.1:9", more=self_hosted_config(ollama))
    operations = record_aws_calls(monkeypatch)

    answer = gateway.chat(chat_request())

    assert answer.status == 200
    assert (answer.headers["x-gateway-provider"], answer.headers["x-gateway-model"]) == ("ollama", OLLAMA)
    assert "GetSecretValue" not in operations


def test_a_missing_key_fails_the_call_if_the_provider_needs_one(
    make_gateway: MakeGateway, ollama: RunningMockQwen
) -> None:
    answer = make_gateway("http://127.0.0.1:9", more=self_hosted_config(ollama, needs_key=True)).chat(chat_request())

    assert answer.error == (503, "server_error", "provider_not_configured")
    assert ollama.calls() == []


def test_without_a_catalog_only_the_routes_are_models(make_gateway: MakeGateway, ollama: RunningMockQwen) -> None:
    gateway = make_gateway("http://127.0.0.1:9", more=self_hosted_config(ollama))

    assert [model["id"] for model in gateway.models().body["data"]] == ["qwen-plus"]
    assert gateway.chat(chat_request(model=OLLAMA)).status == 404
    assert ollama.calls() == []


def test_a_route_to_a_model_that_the_server_lacks_returns_route_model_missing(
    make_gateway: MakeGateway, ollama: RunningMockQwen
) -> None:
    ollama.control({"models": ["llama3.2:3b"]})

    answer = make_gateway("http://127.0.0.1:9", more=self_hosted_config(ollama)).chat(chat_request())

    assert answer.error == (502, "server_error", "route_model_missing")


def test_a_fallback_to_a_reseller_uses_its_model_name_and_key(
    make_gateway: MakeGateway, provider: RunningMockQwen, holysheep: RunningMockQwen
) -> None:
    more = {
        "providers": {"holysheep": {"base_url": f"{holysheep.url}/v1"}},
        "routes": {"qwen-plus": [{"model": "qwen-plus"}, {"model": RESELLER_MODEL, "provider": "holysheep"}]},
    }
    gateway = make_gateway(provider.url, attempts=4, more=more)
    gateway.aws.store_provider_keys(dashscope="sk-mine", holysheep="hs-mine")
    provider.control({"accepted_key": "sk-mine", "faults": [{"status": 400, "code": "Arrearage"}]})

    answer = gateway.chat(chat_request())

    assert answer.status == 200
    assert [answer.headers[f"x-gateway-{name}"] for name in ("provider", "model", "attempts")] == [
        "holysheep",
        RESELLER_MODEL,
        "2",
    ]
    assert [call["model"] for call in holysheep.calls()] == [RESELLER_MODEL]
    [record] = gateway.records()
    assert [(attempt["provider"], attempt.get("cause")) for attempt in record["attempts"]] == [
        ("dashscope", "ProviderOutOfCredit"),
        ("holysheep", None),
    ]


def test_a_reseller_without_a_key_is_skipped(
    make_gateway: MakeGateway, provider: RunningMockQwen, holysheep: RunningMockQwen
) -> None:
    more = {
        "providers": {"holysheep": {"base_url": f"{holysheep.url}/v1"}},
        "routes": {"qwen-plus": [{"model": RESELLER_MODEL, "provider": "holysheep"}, {"model": "qwen-plus"}]},
    }

    answer = make_gateway(provider.url, attempts=4, more=more).chat(chat_request())

    assert (answer.status, answer.headers["x-gateway-provider"]) == (200, "dashscope")
    assert holysheep.calls() == []
