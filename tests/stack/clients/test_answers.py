"""Buffered calls with OpenAI's clients: answers, tools, structured output, models."""

import json
from typing import Any

import httpx2
import pytest

from tests.builders import chat_request
from tests.stack.clients.conftest import Received
from tests.stack.clients.openai_clients import Forecast, OpenAiClient


def function(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": "Describe a city.", "parameters": schema}}


def test_an_answer_has_text_finish_reason_usage_and_request_id(openai_client: OpenAiClient) -> None:
    answer = openai_client.call("chat", **chat_request(model="qwen-max"))

    (choice,) = answer.body["choices"]
    usage = answer.body["usage"]
    assert (answer.body["object"], choice["finish_reason"]) == ("chat.completion", "stop")
    assert "You said: Say hello." in choice["message"]["content"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert answer.request_id == answer.headers["x-request-id"]
    assert answer.request_id.startswith("req_")


def test_usage_details_are_returned(openai_client: OpenAiClient, provider: httpx2.Client) -> None:
    provider.put("/_control", json={"cached_tokens": 4, "cache_creation_tokens": 8, "reasoning_tokens": 5})

    usage = openai_client.call("chat", **chat_request()).body["usage"]

    assert usage["completion_tokens_details"]["reasoning_tokens"] == 5
    assert usage["prompt_tokens_details"] == {
        "cached_tokens": 4,
        "cache_creation_input_tokens": 8,
        "cache_creation": {"ephemeral_5m_input_tokens": 8},
        "cache_type": "ephemeral",
    }


def test_reasoning_is_returned_beside_the_text(openai_client: OpenAiClient, provider: httpx2.Client) -> None:
    provider.put("/_control", json={"reasoning_tokens": 5})

    message = openai_client.call("chat", **chat_request()).message

    assert "does not think" in message["reasoning_content"]
    assert "You said" in message["content"]


def test_several_choices_have_their_index(openai_client: OpenAiClient) -> None:
    choices = openai_client.call("chat", **chat_request(n=2)).body["choices"]

    assert [choice["index"] for choice in choices] == [0, 1]
    assert "(choice 2)" in choices[1]["message"]["content"]


@pytest.mark.parametrize("cap", ["max_tokens", "max_completion_tokens"])
def test_either_output_cap_is_applied(openai_client: OpenAiClient, received: Received, cap: str) -> None:
    answer = openai_client.call("chat", **chat_request(**{cap: 2}))

    assert answer.body["choices"][0]["finish_reason"] == "length"
    (body,) = received()
    assert {name: body[name] for name in body if name.startswith("max_")} == {cap: 2}


def test_a_tool_is_called_and_its_result_answered(openai_client: OpenAiClient) -> None:
    asked = [{"role": "user", "content": "How is the weather?"}]
    called = openai_client.call("chat", **chat_request(messages=asked, tools=[function("weather")]))

    (call,) = called.message["tool_calls"]
    assert called.body["choices"][0]["finish_reason"] == "tool_calls"
    assert called.message["content"] is None
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert set(json.loads(call["function"]["arguments"])) == {"city"}

    result = {"role": "tool", "tool_call_id": call["id"], "content": "mild and dry"}
    answer = openai_client.call(
        "chat", **chat_request(messages=[*asked, called.message, result], tools=[function("weather")])
    )

    assert "The tool said: mild and dry" in answer.message["content"]


def test_a_forced_tool_is_called(openai_client: OpenAiClient) -> None:
    named = {"type": "function", "function": {"name": "people"}}
    answer = openai_client.call(
        "chat", **chat_request(tools=[function("weather"), function("people")], tool_choice=named)
    )

    assert [call["function"]["name"] for call in answer.message["tool_calls"]] == ["people"]


def test_parallel_tools_are_called(openai_client: OpenAiClient) -> None:
    both = [function("weather"), function("people")]
    answer = openai_client.call("chat", **chat_request(tools=both, parallel_tool_calls=True))

    assert [call["function"]["name"] for call in answer.message["tool_calls"]] == ["weather", "people"]
    assert len({call["id"] for call in answer.message["tool_calls"]}) == 2


def test_structured_output_is_parsed(openai_client: OpenAiClient, received: Received) -> None:
    answer = openai_client.call("forecast", **chat_request())

    parsed = answer.message["parsed"]
    assert Forecast.model_validate(parsed, strict=True)
    assert json.loads(answer.message["content"]) == parsed
    (body,) = received()
    response_format = body["response_format"]
    assert (response_format["type"], response_format["json_schema"]["strict"]) == ("json_schema", True)
    assert set(response_format["json_schema"]["schema"]["properties"]) == set(Forecast.model_fields)


def test_json_mode_returns_json(openai_client: OpenAiClient) -> None:
    messages = [{"role": "user", "content": "Answer in JSON."}]
    answer = openai_client.call("chat", **chat_request(messages=messages, response_format={"type": "json_object"}))

    assert "Answer in JSON." in json.loads(answer.message["content"])["answer"]


def test_models_can_be_listed_and_retrieved(openai_client: OpenAiClient) -> None:
    listed = openai_client.call("models").body["data"]

    (one,) = [model for model in listed if model["id"] == "qwen-max"]
    assert openai_client.call("model", model="qwen-max").body == one
    assert (one["object"], one["owned_by"], one["max_output_tokens"]) == ("model", "qwen", 393_000)
