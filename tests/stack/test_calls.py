"""Calls through the whole local stack: API Gateway emulation, functions, built layer, emulated AWS, mock provider."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import pytest

from tests.builders import QWEN_MAX

MESSAGES: Any = [{"role": "user", "content": "Who are you?"}]
Records = Callable[[], list[dict[str, Any]]]


def test_starting_a_stack_makes_no_chat_call(stack: dict[str, Any], provider: httpx2.Client, records: Records) -> None:
    before = len(records())
    listed = httpx2.get(f"{stack['base_url']}/models", headers={"authorization": f"Bearer {stack['api_key']}"})

    assert listed.status_code == 200
    assert len(records()) == before
    assert provider.get("/_control").json()["calls"] == []


def test_a_chat_call_returns_an_answer_and_writes_one_record(client: openai.OpenAI, records: Records) -> None:
    before = len(records())

    answer = client.chat.completions.with_raw_response.create(model="qwen-max", messages=MESSAGES)

    completion = answer.parse()
    assert f"mock of {QWEN_MAX[0]}" in (completion.choices[0].message.content or "")
    assert completion.usage is not None
    assert answer.headers["x-gateway-provider"] == "dashscope"
    assert answer.headers["x-gateway-model"] == QWEN_MAX[0]
    assert answer.headers["x-gateway-attempts"] == "1"
    assert len(records()) == before + 1
    assert completion._request_id is not None
    record = next(item for item in records() if item["sk"]["S"] == f"USE#{completion._request_id[4:]}")
    assert record["tokens_in"]["N"] == str(completion.usage.prompt_tokens)
    assert record["tokens_out"]["N"] == str(completion.usage.completion_tokens)
    assert record["outcome"]["S"] == "answered"


def test_the_provider_request_always_streams_with_usage(client: openai.OpenAI, provider: httpx2.Client) -> None:
    client.chat.completions.create(model="qwen-plus", messages=MESSAGES, extra_body={"top_k": 7})

    (call,) = provider.get("/_control").json()["calls"]
    assert call["stream"] is True
    assert call["body"]["stream_options"] == {"include_usage": True}
    assert call["body"]["top_k"] == 7


def test_total_failure_costs_four_provider_calls_and_one_client_call(
    client: openai.OpenAI, provider: httpx2.Client, records: Records
) -> None:
    before = len(records())
    provider.put("/_control", json={"faults": [{"model": "*", "times": 9, "status": 503, "code": "ModelUnavailable"}]})

    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="qwen-plus", messages=MESSAGES)

    assert caught.value.code == "provider_overloaded"
    assert [call["model"] for call in provider.get("/_control").json()["calls"]] == [
        "qwen-plus",
        "qwen-plus",
        "qwen-flash",
        "qwen-flash",
    ]
    assert len(records()) == before + 1


def test_calls_run_concurrently(client: openai.OpenAI, provider: httpx2.Client) -> None:
    """Six sequential calls of 1.5 s each would exceed the client's timeout."""
    provider.put("/_control", json={"latency_ms": 1500})
    impatient = client.with_options(timeout=7.5, max_retries=0)

    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: impatient.chat.completions.create(model="qwen-plus", messages=MESSAGES), range(6))
        )

    assert len({answer.id for answer in answers}) == 6


def test_a_call_through_ministacks_own_api_gateway_and_lambda(stack: dict[str, Any]) -> None:
    client = openai.OpenAI(base_url=f"{stack['rest_api_url']}/v1", api_key=stack["api_key"], timeout=60)

    answer = client.chat.completions.create(model="qwen-plus", messages=MESSAGES)

    assert "mock" in (answer.choices[0].message.content or "")


def test_a_stream_is_delivered_incrementally(client: openai.OpenAI, provider: httpx2.Client) -> None:
    provider.put("/_control", json={"chunks": 10, "chunk_gap_ms": 200})

    stream = client.chat.completions.create(model="qwen-plus", messages=MESSAGES, stream=True)
    arrivals = [time.monotonic() for chunk in stream if chunk.choices and chunk.choices[0].delta.content]

    assert len(arrivals) == 10
    assert arrivals[-1] - arrivals[0] >= 1.7


def test_a_stream_through_ministacks_own_api_gateway_is_buffered(stack: dict[str, Any]) -> None:
    client = openai.OpenAI(base_url=f"{stack['rest_api_url']}/v1", api_key=stack["api_key"], timeout=60)

    stream = client.chat.completions.create(
        model="qwen-plus", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert "mock" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage is not None


def test_models_are_listed_and_retrieved_with_and_without_a_slash(client: openai.OpenAI) -> None:
    assert "qwen-max" in [model.id for model in client.models.list()]
    assert client.models.retrieve("qwen-max").to_dict()["max_output_tokens"] == 393_000
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("some/model")
    assert "some/model" in str(caught.value)


def test_api_gateway_errors_have_openais_format(stack: dict[str, Any]) -> None:
    unknown = httpx2.post(f"{stack['base_url']}/unknown", json={})
    wrong_method = httpx2.get(f"{stack['base_url']}/chat/completions")

    for answer in (unknown, wrong_method):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "unknown_route"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-request-id"]


def test_a_preflight_needs_no_key(stack: dict[str, Any]) -> None:
    answer = httpx2.options(f"{stack['base_url']}/chat/completions", headers={"origin": "https://app.example"})

    assert answer.status_code == 200
    assert "authorization" in answer.headers["access-control-allow-headers"]


def test_a_trailing_slash_is_the_same_route(stack: dict[str, Any]) -> None:
    headers = {"authorization": f"Bearer {stack['api_key']}"}

    assert httpx2.get(f"{stack['base_url']}/models/", headers=headers).status_code == 200
