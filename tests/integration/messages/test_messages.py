"""Whole and streamed messages: their content, usage and cost, assembled from the events of the provider."""

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import messages_request
from tests.builders.messages import TOOL, USAGE, block, encode_events, message_end, message_start, text_block
from tests.integration.chat.conftest import Gateway, MakeGateway
from tests.integration.chat.fake_provider import respond_with, run_fake_provider, sse_response

DOLLAR = 10**12


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


def test_tools_and_thinking_are_assembled(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"reasoning_tokens": 5})

    answer = gateway.message(messages_request(model="qwen-plus", tools=[TOOL], thinking={"type": "enabled"}))

    thinking, tool = answer.body["content"]
    assert (thinking["type"], bool(thinking["thinking"]), bool(thinking["signature"])) == ("thinking", True, True)
    assert (tool["type"], tool["name"], tool["input"]) == ("tool_use", "look_up", {})
    assert answer.body["stop_reason"] == "tool_use"
    assert gateway.record(answer)["thought"] is True


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


def test_text_of_the_first_block_is_relayed_as_it_came(make_gateway: MakeGateway) -> None:
    body = encode_events(message_start(), *text_block("Hello."), *message_end(usage=None))
    with run_fake_provider(respond_with(sse_response(body))) as provider:
        stream = make_gateway(provider.url).stream_message(messages_request())

    assert stream.body.encode() == body
