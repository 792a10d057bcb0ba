"""Anthropic's Messages end to end: what reaches the provider, what comes back, refusals, records and holds."""

import json
from typing import Any

import pytest

from qwen_gateway.api import ANTHROPIC, HttpExchange
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import messages_request, post_event
from tests.builders.messages import USAGE, block, encode_events, message_end, message_start, text_block, whole_message
from tests.integration.chat.conftest import Gateway, MakeGateway, parse_response
from tests.integration.chat.fake_provider import respond_with, run_fake_provider, sse_response

DOLLAR = 10**12
TOOL = {"name": "look_up", "description": "Look it up.", "input_schema": {"type": "object", "properties": {}}}


def read_request(raw: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the headers and the body of a request to the provider."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, _, value in lines}, json.loads(body)


def test_a_whole_message_has_its_content_usage_and_cost(gateway: Gateway) -> None:
    answer = gateway.message(messages_request())

    assert answer.status == 200
    assert (answer.body["type"], answer.body["role"], answer.body["stop_reason"]) == (
        "message",
        "assistant",
        "end_turn",
    )
    ((kind, text),) = [(each["type"], each["text"]) for each in answer.body["content"]]
    assert (kind, "Say hello." in text) == ("text", True)
    usage, record = answer.body["usage"], gateway.record(answer)
    assert (record["tokens_in"], record["tokens_out"]) == (usage["input_tokens"], usage["output_tokens"])
    assert (usage["cost"], usage["cost_currency"]) == (record["cost"] / DOLLAR, "USD")
    assert (record["endpoint"], record["streamed"], record["model_used"]) == ("messages", False, "qwen-plus")
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


def test_a_stream_has_named_events_and_the_cost_in_the_last_usage(gateway: Gateway) -> None:
    stream = gateway.stream_message(messages_request())

    assert stream.names[0] == "message_start"
    assert stream.names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert "Say hello." in stream.text
    (record,) = gateway.records()
    end = stream.events[-2][1]
    assert end["delta"]["stop_reason"] == "end_turn"
    assert (end["usage"]["output_tokens"], end["usage"]["cost"]) == (record["tokens_out"], record["cost"] / DOLLAR)


def test_a_request_reaches_the_provider_whole(make_gateway: MakeGateway) -> None:
    fields = {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Hello."},
            {"role": "system", "content": [{"type": "text", "text": "Mind the time."}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "x"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "42"}]},
        ],
        "metadata": {"user_id": "someone"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
        "tools": [TOOL],
        "thinking": {"type": "adaptive", "display": "omitted"},
    }
    with run_fake_provider(respond_with(sse_response(whole_message("Hi.")))) as provider:
        gateway = make_gateway(provider.url)
        gateway.message(
            messages_request(**fields), headers={"anthropic-version": "2026-10-21", "Anthropic-Beta": "a,b"}
        )

    headers, body = read_request(provider.requests[0])
    assert body == {**messages_request(**fields), "stream": True}
    assert provider.requests[0].startswith(b"POST /v1/messages ")
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2026-10-21", "a,b")
    assert headers["x-api-key"] == "sk-marked-provider-key"
    assert "authorization" not in headers
    assert gateway.records()[0]["tags"] == {"user_id": "someone"}


def test_a_version_is_sent_although_the_client_sends_none(make_gateway: MakeGateway) -> None:
    with run_fake_provider(respond_with(sse_response(whole_message("Hi.")))) as provider:
        make_gateway(provider.url).message(messages_request())

    assert read_request(provider.requests[0])[0]["anthropic-version"] == "2023-06-01"


def test_a_bearer_token_counts_before_another_key(gateway: Gateway) -> None:
    request = messages_request()

    assert gateway.message(request, headers={"x-api-key": "sk-ant-of-another-service"}).status == 200
    for headers, status in (({"x-api-key": gateway.token}, 200), ({"x-api-key": "sk-ant-x"}, 401), ({}, 401)):
        assert gateway.message(request, key="", headers=headers).status == status


def test_a_read_timeout_that_is_no_number_is_passed_over(gateway: Gateway) -> None:
    assert gateway.message(messages_request(), headers={"x-stainless-timeout": "NOT_GIVEN"}).status == 200


def test_tools_and_thinking_are_assembled(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"reasoning_tokens": 5})

    answer = gateway.message(messages_request(model="qwen-plus", tools=[TOOL], thinking={"type": "enabled"}))

    thinking, tool = answer.body["content"]
    assert (thinking["type"], bool(thinking["thinking"]), bool(thinking["signature"])) == ("thinking", True, True)
    assert (tool["type"], tool["name"], tool["input"]) == ("tool_use", "look_up", {})
    assert answer.body["stop_reason"] == "tool_use"
    assert gateway.record(answer)["thought"] is True


def test_an_answer_that_thought_has_the_price_of_thinking(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"prompt_tokens": 1_000, "completion_tokens": 100, "reasoning_tokens": 50})
    thought = gateway.message(messages_request(thinking={"type": "enabled", "budget_tokens": 50}))
    provider.control({"reasoning_tokens": 0})
    plain = gateway.message(messages_request(thinking={"type": "disabled"}))

    # qwen-plus in Singapore, dollars a million: input 0.4, output 1.2, or 4 if it thought.
    assert gateway.record(thought)["cost"] == 1_000 * 400_000 + 100 * 4_000_000
    assert gateway.record(plain)["cost"] == 1_000 * 400_000 + 100 * 1_200_000


def test_parts_of_a_block_are_joined_and_other_deltas_passed_over(make_gateway: MakeGateway) -> None:
    tool = block(
        1,
        {"type": "tool_use", "id": "t", "name": "add", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"a": '},
        {"type": "input_json_delta", "partial_json": "[1]}"},
    )
    cited = {"type": "citations_delta", "citation": {"cited_text": "x"}}
    text = block(
        0, {"type": "text", "text": "A"}, {"type": "text_delta", "text": "b"}, cited, {"type": "new_delta", "n": 1}
    )
    body = encode_events(message_start(), *text, *tool, *message_end("tool_use"))
    with run_fake_provider(respond_with(sse_response(body))) as provider:
        answer = make_gateway(provider.url).message(messages_request())

    assert answer.body["content"] == [
        {"type": "text", "text": "Ab", "citations": [{"cited_text": "x"}]},
        {"type": "tool_use", "id": "t", "name": "add", "input": {"a": [1]}},
    ]
    assert {name: answer.body["usage"][name] for name in USAGE} == USAGE


@pytest.mark.parametrize(("reason", "status"), [("max_tokens", 200), ("tool_use", 502)])
def test_the_input_of_a_tool_may_be_cut_by_the_output_cap_alone(
    make_gateway: MakeGateway, reason: str, status: int
) -> None:
    tool = block(0, {"type": "tool_use", "input": {}}, {"type": "input_json_delta", "partial_json": '{"a": '})
    body = encode_events(message_start(), *tool, *message_end(reason))
    with run_fake_provider(respond_with(sse_response(body))) as provider:
        assert make_gateway(provider.url).message(messages_request()).status == status


class TestTheModelsLimits:
    def test_an_output_cap_above_the_models_is_lowered_with_the_thinking_below_it(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        request = messages_request(max_tokens=64_000, thinking={"type": "enabled", "budget_tokens": 63_999})

        answer = gateway.message(request)

        (call,) = provider.calls()
        assert answer.status == 200
        assert answer.headers["x-gateway-max-tokens"] == "32768"
        assert (call["body"]["max_tokens"], call["body"]["thinking"]["budget_tokens"]) == (32_768, 32_767)

    def test_thinking_that_nobody_asked_for_is_turned_off_where_a_tool_is_forced(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        answer = gateway.message(messages_request(model="qwen4-max", tools=[TOOL], tool_choice={"type": "any"}))

        assert answer.status == 200
        assert provider.calls()[0]["body"]["thinking"] == {"type": "disabled"}

    @pytest.mark.parametrize("kind", ["enabled", "adaptive"])
    def test_thinking_with_a_forced_tool_is_rejected_by_name(
        self, gateway: Gateway, provider: RunningMockQwen, kind: str
    ) -> None:
        request = messages_request(
            tools=[TOOL], tool_choice={"type": "tool", "name": "look_up"}, thinking={"type": kind}
        )

        answer = gateway.message(request)

        assert answer.error == (400, "invalid_request_error", "invalid_request")
        assert "tool_choice or thinking" in answer.body["error"]["message"]
        assert provider.calls() == []

    def test_the_default_of_a_route_turns_thinking_off(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        gateway.message(messages_request(model="qwen-max"))

        assert provider.calls()[0]["body"]["thinking"] == {"type": "disabled"}
        assert "enable_thinking" not in provider.calls()[0]["body"]

    def test_an_image_goes_to_a_model_that_sees(self, gateway: Gateway) -> None:
        image = {"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
        more = [{"role": "user", "content": [result]}]

        answer = gateway.message(messages_request(model="claude-haiku-4-5", messages=more))

        assert (answer.status, answer.headers["x-gateway-model"]) == (200, "qwen3.7-plus")


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


@pytest.mark.parametrize(
    ("asked", "model"), [("claude-opus-5-5", "qwen4-max"), ("claude-haiku-4-5-20251001", "qwen-flash")]
)
def test_the_names_that_claude_code_asks_for_lead_to_qwen(gateway: Gateway, asked: str, model: str) -> None:
    answer = gateway.message(messages_request(model=asked))

    assert answer.headers["x-gateway-model"] == model
    assert gateway.record(answer)["model_asked"] == asked


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


class TestKeysWithABudget:
    def test_a_message_is_held_and_released_at_its_cost(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=DOLLAR)

        for answer in (
            gateway.message(messages_request(), key=key),
            gateway.stream_message(messages_request(), key=key),
        ):
            assert answer.status == 200
        assert gateway.key(key)["holds"] == {}
        assert gateway.key(key)["spent"] == sum(record["cost"] for record in gateway.records())

    @pytest.mark.parametrize(
        "fields",
        [
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"mcp_servers": [{"type": "url", "url": "https://example.com"}]},
        ],
    )
    def test_tools_of_the_provider_have_no_bound(self, gateway: Gateway, fields: dict[str, Any]) -> None:
        answer = gateway.message(messages_request(**fields), key=gateway.add_key(budget=DOLLAR))

        assert answer.error == (400, "invalid_request_error", "cost_unbounded")

    def test_what_claude_code_sends_has_a_bound(self, gateway: Gateway) -> None:
        request = messages_request(
            model="claude-opus-5-5",
            max_tokens=128_000,
            thinking={"type": "adaptive"},
            tools=[TOOL],
            system=[{"type": "text", "text": "x" * 50_000, "cache_control": {"type": "ephemeral"}}],
        )

        answer = gateway.message(request, key=gateway.add_key(budget=10 * DOLLAR))

        assert (answer.status, answer.headers["x-gateway-model"]) == (200, "qwen4-max")


class TestCountTokens:
    def test_it_only_authenticates(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=1, remaining=1, rpm=1)

        answers = [gateway.count_tokens(messages_request(), key=key) for _ in range(3)]

        assert [answer.status for answer in answers] == [200, 200, 200]
        assert all(answer.body["input_tokens"] > 0 for answer in answers)
        assert gateway.records() == []
        assert gateway.key(key)["remaining"] == 1

    def test_it_needs_no_output_cap(self, gateway: Gateway) -> None:
        assert (
            gateway.count_tokens({"model": "claude-opus-5-5", "messages": messages_request()["messages"]}).status == 200
        )

    @pytest.mark.parametrize("settings", [{"disabled": True}, {"expires": 1}])
    def test_a_key_that_is_not_accepted_is_refused(
        self, gateway: Gateway, provider: RunningMockQwen, settings: dict[str, Any]
    ) -> None:
        answer = gateway.count_tokens(messages_request(), key=gateway.add_key(**settings))

        assert answer.error[:2] == (401, "authentication_error")
        assert provider.calls() == []

    def test_a_failure_has_anthropics_form(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        provider.control({"faults": [{"status": 529, "code": "overloaded_error"}]})

        assert gateway.count_tokens(messages_request()).error == (503, "overloaded_error", "provider_overloaded")


def test_a_client_that_leaves_is_charged_for_the_whole_answer(gateway: Gateway) -> None:
    stream = gateway.handle_message(messages_request(stream=True))
    next(stream.chunks)

    stream.chunks.close()

    (record,) = gateway.records()
    assert (record["endpoint"], record["state"]) == ("messages", "settled")
    assert record["attempts"][0]["charged"] == "presumed"


def test_an_unhandled_exception_has_anthropics_form(gateway: Gateway) -> None:
    with HttpExchange(post_event("/v1/messages", "{}"), ANTHROPIC) as exchange:
        raise ZeroDivisionError

    assert parse_response(exchange.response).error == (500, "api_error", "internal_error")


def test_text_of_the_first_block_is_relayed_as_it_came(make_gateway: MakeGateway) -> None:
    body = encode_events(message_start(), *text_block("Hello."), *message_end(usage=None))
    with run_fake_provider(respond_with(sse_response(body))) as provider:
        stream = make_gateway(provider.url).stream_message(messages_request())

    assert stream.body.encode() == body
