"""Which keys, requests and providers are refused for a message, with errors in the form of Anthropic."""

from typing import Any

import pytest

from qwen_gateway.api import ANTHROPIC, HttpExchange
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import messages_request, post_event
from tests.integration.chat.conftest import Gateway, MakeGateway, parse_response


def test_a_bearer_token_counts_before_another_key(gateway: Gateway) -> None:
    request = messages_request()

    assert gateway.message(request, headers={"x-api-key": "sk-ant-of-another-service"}).status == 200
    for headers, status in (({"x-api-key": gateway.token}, 200), ({"x-api-key": "sk-ant-x"}, 401), ({}, 401)):
        assert gateway.message(request, key="", headers=headers).status == status


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no max_tokens": ({"max_tokens": None}, "max_tokens"),
    "max_tokens 0": ({"max_tokens": 0}, "max_tokens"),
    "no messages": ({"messages": []}, "messages"),
    "a message that is no object": ({"messages": ["Hello."]}, "messages[0]"),
    "stream of wrong type": ({"stream": "yes"}, "stream"),
}


@pytest.mark.parametrize(("fields", "param"), INVALID.values(), ids=INVALID)
def test_an_invalid_request_gets_anthropics_error(gateway: Gateway, fields: dict[str, Any], param: str) -> None:
    answer = gateway.message(messages_request(**fields))

    assert answer.status == 400
    assert answer.body["type"] == "error"
    assert answer.body["error"]["type"] == "invalid_request_error"
    assert param in answer.body["error"]["message"]
    assert answer.body["request_id"] == answer.headers["request-id"]
    assert gateway.records() == []


def test_max_tokens_that_is_missing_is_named(gateway: Gateway) -> None:
    request = messages_request()
    del request["max_tokens"]

    assert gateway.message(request).body["error"]["message"] == "max_tokens is missing."


def test_refusals_have_anthropics_types_and_tell_clients_not_to_retry(gateway: Gateway) -> None:
    spent = gateway.message(messages_request(), key=gateway.add_key(budget=0))
    unknown = gateway.message(messages_request(model="no-such"))

    assert spent.error == (402, "billing_error", "budget_exhausted")
    assert spent.headers["x-should-retry"] == "false"
    assert unknown.error == (404, "not_found_error", "model_not_found")


def test_a_provider_that_does_not_serve_messages_is_passed_over(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    more = {"routes": {"mine": [{"model": "m", "provider": "holysheep"}, {"model": "qwen-flash"}]}}
    answer = make_gateway(provider.url, more=more).message(messages_request(model="mine"))

    assert (answer.status, answer.headers["x-gateway-attempts"]) == (200, "1")
    assert (answer.headers["x-gateway-provider"], answer.headers["x-gateway-model"]) == ("dashscope", "qwen-flash")


def test_a_route_without_such_a_provider_names_the_endpoint_that_would_serve(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    more = {"routes": {"mine": [{"model": "m", "provider": "holysheep"}]}}
    gateway = make_gateway(provider.url, more=more)

    answer = gateway.message(messages_request(model="mine"))

    assert answer.error == (400, "invalid_request_error", "endpoint_not_served")
    assert "POST /v1/chat/completions" in answer.body["error"]["message"]
    assert provider.calls() == []
    assert gateway.records() == []


def test_a_provider_that_serves_neither_says_so_for_each(make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
    only_chat = {"endpoints": ["chat/completions"], "anthropic_base_url": None}
    gateway = make_gateway(provider.url, more={"providers": {"dashscope": only_chat}})

    for answer in (gateway.message(messages_request()), gateway.embed({"model": "text-embedding-v4", "input": "a"})):
        assert answer.error == (400, "invalid_request_error", "endpoint_not_served")


def test_an_unhandled_exception_has_anthropics_form(gateway: Gateway) -> None:
    with HttpExchange(post_event("/v1/messages", "{}"), ANTHROPIC) as exchange:
        raise ZeroDivisionError

    assert parse_response(exchange.response).error == (500, "api_error", "internal_error")
