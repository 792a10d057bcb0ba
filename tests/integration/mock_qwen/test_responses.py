"""Responses have DashScope's formats, whole and streamed, and name the mock as their source."""

import json
from typing import Any

import httpx2
import openai
import pydantic
import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.integration.mock_qwen.chat_client import NAMED_CLOCK, TOOLS, choice, chunks, deltas, post

USER: Any = [{"role": "user", "content": "Say hello."}]


@pytest.mark.parametrize("prefix", ["", "/v1", "/compatible-mode/v1", "/any/prefix"])
def test_every_prefix_is_served(provider: RunningMockQwen, prefix: str) -> None:
    with openai.OpenAI(base_url=provider.url + prefix, api_key="k", max_retries=0) as client:
        answer = client.chat.completions.create(model="qwen-plus", messages=USER)
        models = [model.id for model in client.models.list()]
        shown = client.models.retrieve("qwen-plus")

    assert answer.choices[0].message.content == "This is a mock of qwen-plus. You said: Say hello."
    assert answer.choices[0].finish_reason == "stop"
    assert {"qwen-plus", "qwen-max", "qwen4-max"} <= set(models)
    assert (shown.id, shown.object) == ("qwen-plus", "model")


def test_the_same_request_gets_the_same_answer_and_an_id_of_its_own(provider: RunningMockQwen) -> None:
    first, second = post(provider), post(provider)

    assert first.json()["choices"] == second.json()["choices"]
    assert first.json()["usage"] == second.json()["usage"]
    assert first.json()["id"] == f"chatcmpl-{first.headers['x-request-id']}"
    assert first.json()["id"] != second.json()["id"]


def test_a_long_text_is_echoed_cut_short(provider: RunningMockQwen) -> None:
    content = choice(provider, messages=[{"role": "user", "content": "é" * 5_000}])["message"]["content"]

    assert content.endswith("é" * 200)
    assert len(content) < 300


def test_half_a_character_of_the_request_does_not_break_the_answer(provider: RunningMockQwen) -> None:
    url, headers = f"{provider.url}/v1/chat/completions", {"authorization": "Bearer k"}
    body = b'{"model": "qwen-plus", "messages": [{"role": "user", "content": "\\ud83d"}]}'

    answer = httpx2.post(url, content=body, headers=headers, trust_env=False)

    assert answer.json()["choices"][0]["message"]["content"].endswith("You said: ?")


@pytest.mark.parametrize("count", [1, 3, 300])
def test_a_stream_starts_with_the_role_and_has_the_configured_number_of_deltas(
    provider: RunningMockQwen, count: int
) -> None:
    provider.control({"chunks": count})

    opening, *middle, last = chunks(provider)

    assert opening["choices"][0]["delta"] == {"content": "", "role": "assistant"}
    assert len(middle) == count
    assert all(chunk["choices"][0]["delta"]["content"] for chunk in middle)
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({"content": ""}, "stop")
    assert {chunk["usage"] for chunk in (opening, *middle, last)} == {None}
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in middle)
    assert text == choice(provider)["message"]["content"]


def test_a_stream_ends_with_a_usage_chunk_without_choices(provider: RunningMockQwen) -> None:
    *others, last = chunks(provider, stream_options={"include_usage": True})

    assert last["choices"] == []
    assert last["usage"] == post(provider).json()["usage"]
    assert all(chunk["choices"] and chunk["usage"] is None for chunk in others)


def test_reasoning_comes_before_the_text(provider: RunningMockQwen) -> None:
    opening, *middle, _ = deltas(provider, enable_thinking=True)

    thinking = [bool(delta.get("reasoning_content")) for delta in middle]
    assert opening["content"] == ""
    assert thinking == sorted(thinking, reverse=True)
    assert thinking.count(True) == 2
    assert all(delta["content"] is None for delta in middle[:2])
    assert all(delta["content"] and delta["reasoning_content"] is None for delta in middle[2:])


@pytest.mark.parametrize(
    ("fields", "thinks"),
    [
        ({"model": "qwen3.7-max"}, False),
        ({"model": "qwen3.7-max", "enable_thinking": True}, True),
        ({"model": "qwen3.5-plus"}, True),
        ({"model": "qwen3.5-plus", "enable_thinking": False}, False),
        ({"model": "qwen3.8-max", "reasoning_effort": "low"}, True),
        ({"model": "qwen3.8-max", "reasoning_effort": "none"}, False),
    ],
)
def test_a_model_thinks_by_request_or_by_default(
    provider: RunningMockQwen, fields: dict[str, Any], *, thinks: bool
) -> None:
    answer = post(provider, **fields).json()

    assert bool(answer["choices"][0]["message"].get("reasoning_content")) is thinks
    assert (answer["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0) is thinks


def test_the_control_document_decides_whether_reasoning_is_included(provider: RunningMockQwen) -> None:
    provider.control({"reasoning_tokens": 5})
    assert choice(provider)["message"]["reasoning_content"]

    provider.control({"reasoning_tokens": 0})
    assert "reasoning_content" not in choice(provider, model="qwen3.5-plus")["message"]


def test_a_streamed_tool_call_is_split_and_only_its_first_delta_has_an_id(provider: RunningMockQwen) -> None:
    calls = [delta["tool_calls"][0] for delta in deltas(provider, tools=TOOLS) if "tool_calls" in delta]

    first, *later = calls
    assert first["id"].startswith("call_")
    assert first["function"] == {"name": "weather", "arguments": ""}
    assert len(later) > 1
    assert {call["id"] for call in later} == {""}
    assert {call["function"].get("name") for call in later} == {None, ""}
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {"city": "mock", "days": 2}


def test_the_openai_client_puts_streamed_tool_calls_together(client: openai.OpenAI) -> None:
    tools: Any = TOOLS
    with client.chat.completions.stream(
        model="qwen-plus", messages=USER, tools=tools, parallel_tool_calls=True
    ) as stream:
        answer = stream.get_final_completion().choices[0]

    assert answer.finish_reason == "tool_calls"
    assert [call.function.name for call in answer.message.tool_calls or []] == ["weather", "clock"]


@pytest.mark.parametrize(
    ("fields", "called"),
    [
        ({}, ["weather"]),
        ({"tool_choice": "auto"}, ["weather"]),
        ({"tool_choice": "required"}, ["weather"]),
        ({"tool_choice": NAMED_CLOCK}, ["clock"]),
        ({"parallel_tool_calls": True}, ["weather", "clock"]),
        ({"tool_choice": "none"}, []),
        ({"messages": [*USER, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]}, []),
    ],
)
def test_tool_choice_selects_the_called_tools(
    provider: RunningMockQwen, fields: dict[str, Any], called: list[str]
) -> None:
    answer = choice(provider, tools=TOOLS, **fields)

    assert [call["function"]["name"] for call in answer["message"].get("tool_calls", [])] == called
    assert answer["finish_reason"] == ("tool_calls" if called else "stop")
    assert bool(answer["message"]["content"]) is not bool(called)


def test_a_tools_result_is_echoed(provider: RunningMockQwen) -> None:
    answer = choice(provider, messages=[*USER, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}])

    assert answer["message"]["content"].endswith("The tool said: sunny")


@pytest.mark.parametrize("stream", [False, True])
def test_several_choices_differ(client: openai.OpenAI, *, stream: bool) -> None:
    asked: Any = {"model": "qwen-plus", "messages": USER, "n": 3}
    texts = ["", "", ""]
    if stream:
        for chunk in client.chat.completions.create(**asked, stream=True):
            texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    else:
        for each in client.chat.completions.create(**asked).choices:
            texts[each.index] += each.message.content or ""

    assert texts[0] == "This is a mock of qwen-plus. You said: Say hello."
    assert "(choice 2)" in texts[1]
    assert "(choice 3)" in texts[2]


def test_log_probabilities_are_included_on_request(provider: RunningMockQwen) -> None:
    whole = choice(provider, logprobs=True, top_logprobs=2)
    streamed = [chunk["choices"][0] for chunk in chunks(provider, logprobs=True)]

    assert choice(provider)["logprobs"] is None
    assert "".join(token["token"] for token in whole["logprobs"]["content"]) == whole["message"]["content"]
    assert all(token["logprob"] <= 0 and token["top_logprobs"] for token in whole["logprobs"]["content"])
    reported = "".join(token["token"] for each in streamed if each["logprobs"] for token in each["logprobs"]["content"])
    assert reported == whole["message"]["content"]


class Address(pydantic.BaseModel):
    street: str
    number: int


class Person(pydantic.BaseModel):
    name: str
    age: int | None
    home: Address
    friends: list["Person"]


@pytest.mark.parametrize("count", [1, 500])
def test_a_json_schema_gets_valid_json(client: openai.OpenAI, provider: RunningMockQwen, count: int) -> None:
    provider.control({"chunks": count})

    answer = client.chat.completions.parse(model="qwen-plus", messages=USER, response_format=Person)

    person = answer.choices[0].message.parsed
    assert person == Person(name="mock", age=None, home=Address(street="mock", number=1), friends=[])


def test_a_json_object_is_answered_with_one(provider: RunningMockQwen) -> None:
    messages = [{"role": "user", "content": "As json, please."}]

    content = choice(provider, messages=messages, response_format={"type": "json_object"})["message"]["content"]

    assert "You said: As json, please." in json.loads(content)["answer"]
