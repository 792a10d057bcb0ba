"""The stand-in has the real provider's manners, as the real client and plain HTTP see them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import pytest

from qwen_gateway_cli.local.provider import RunningProvider, running_provider
from tests.builders import chat_request

TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}},
    {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}},
]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: RunningProvider) -> RunningProvider:
    running.reset()
    return running


@pytest.fixture
def client(provider: RunningProvider) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{provider.url}/compatible-mode/v1", api_key="sk-any", max_retries=0, timeout=httpx2.Timeout(1)
    )


def create(client: openai.OpenAI, **fields: Any) -> Any:
    return client.post("/chat/completions", cast_to=object, body=chat_request(**fields))


REFUSED = [
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "developer", "content": "x"}]}, "role"),
    ({"max_tokens": 10_000_000}, "Range of max_tokens"),
    ({"n": 5}, "Range of n"),
    ({"response_format": {"type": "json_object"}}, "json"),
    ({"tools": TOOLS, "tool_choice": "required", "enable_thinking": True, "stream": True}, "tool_choice"),
    ({"model": "qwq-plus"}, "stream"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_what_the_real_one_refuses_is_refused(client: openai.OpenAI, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, **fields)

    assert words in str(caught.value)
    assert caught.value.code == "invalid_parameter_error"
    assert caught.value.request_id


def test_an_unknown_model_and_a_bad_key_have_their_own_status(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        create(client, model="gpt-4o")
    with pytest.raises(openai.AuthenticationError):
        create(client.with_options(api_key="sk-invalid"))


def test_a_stream_tells_its_usage_only_when_asked(client: openai.OpenAI) -> None:
    asked: Any = {"model": "qwen-plus", "messages": [{"role": "user", "content": "hi"}], "stream": True}

    silent = list(client.chat.completions.create(**asked))
    telling = list(client.chat.completions.create(**asked, stream_options={"include_usage": True}))

    assert all(chunk.choices and chunk.usage is None for chunk in silent)
    assert telling[-1].choices == []
    assert telling[-1].usage is not None
    assert telling[-2].choices[0].finish_reason == "stop"


def test_the_usage_that_was_set_is_reported(client: openai.OpenAI, provider: RunningProvider) -> None:
    provider.control(
        {
            "prompt_tokens": 50,
            "completion_tokens": 8,
            "reasoning_tokens": 3,
            "cached_tokens": 20,
            "cache_creation_tokens": 9,
        }
    )

    usage = create(client)["usage"]

    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (50, 8, 58)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 20
    assert usage["prompt_tokens_details"]["cache_creation_input_tokens"] == 9
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 3


def test_tools_are_called_and_results_are_talked_about(client: openai.OpenAI) -> None:
    def called(**fields: Any) -> list[str]:
        calls = create(client, tools=TOOLS, **fields)["choices"][0]["message"].get("tool_calls") or []
        return [call["function"]["name"] for call in calls]

    result = [{"role": "user", "content": "x"}, {"role": "tool", "content": "sunny", "tool_call_id": "call_1"}]
    assert called() == ["weather"]
    assert called(tool_choice={"type": "function", "function": {"name": "time"}}) == ["time"]
    assert called(tool_choice="none") == []
    assert called(messages=result) == []


def test_json_is_answered_where_json_was_asked_for(client: openai.OpenAI) -> None:
    answer = create(client, messages=[{"role": "user", "content": "as json"}], response_format={"type": "json_object"})

    assert json.loads(answer["choices"][0]["message"]["content"])


def test_a_fault_strikes_its_model_as_often_as_it_was_told(client: openai.OpenAI, provider: RunningProvider) -> None:
    fault = {"model": "qwen-plus", "times": 2, "status": 429, "code": "limit_requests", "headers": {"retry-after": "3"}}
    provider.control({"faults": [fault]})

    assert create(client, model="qwen-flash")
    for _ in range(2):
        with pytest.raises(openai.RateLimitError) as caught:
            create(client)
        assert caught.value.response.headers["retry-after"] == "3"
    assert create(client)


@pytest.mark.parametrize("kind", ["hang", "disconnect", "drip"])
@pytest.mark.parametrize("after_chunks", [0, 2])
def test_a_connection_fault_is_one_to_the_client(
    client: openai.OpenAI, provider: RunningProvider, kind: str, after_chunks: int
) -> None:
    provider.control({"chunk_gap_ms": 2000, "faults": [{"kind": kind, "after_chunks": after_chunks}]})

    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        list(
            client.chat.completions.create(model="qwen-plus", messages=[{"role": "user", "content": "x"}], stream=True)
        )


def test_a_truncated_stream_ends_cleanly_without_its_end(provider: RunningProvider) -> None:
    provider.control({"faults": [{"kind": "truncate", "after_chunks": 2}]})

    answer = httpx2.post(
        f"{provider.url}/v1/chat/completions", json=chat_request(stream=True), headers={"authorization": "Bearer k"}
    )

    assert answer.status_code == 200
    assert answer.text.count("data: ") == 3
    assert "[DONE]" not in answer.text
    assert '"finish_reason":"stop"' not in answer.text


def test_calls_are_shown_and_forgotten(client: openai.OpenAI, provider: RunningProvider) -> None:
    create(client, seed=7)

    (call,) = provider.calls()
    assert (call["model"], call["stream"], call["body"]["seed"]) == ("qwen-plus", False, 7)
    provider.reset()
    assert provider.calls() == []


def test_a_wrong_control_document_changes_nothing(provider: RunningProvider) -> None:
    before = httpx2.get(f"{provider.url}/_control").json()

    for document in ({"latency": 5}, {"faults": [{"kind": "explode"}]}, {"chunks": 0}):
        with pytest.raises(httpx2.HTTPStatusError):
            provider.control(document)

    assert httpx2.get(f"{provider.url}/_control").json() == before


def test_calls_are_answered_side_by_side(client: openai.OpenAI, provider: RunningProvider) -> None:
    """Ten calls of 0.5 s each would outlive the client's timeout of 1 s if they waited for one another."""
    provider.control({"latency_ms": 500})

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: create(client), range(10)))

    assert len({answer["id"] for answer in answers}) == 10
