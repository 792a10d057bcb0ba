"""The AI SDK with its provider for OpenAI-compatible services."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.stack.clients.bodies import PICTURE
from tests.stack.clients.conftest import Received, Records
from tests.stack.clients.openai_clients import ClientError, Driver, Forecast

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(stack: dict[str, Any], driver: Driver) -> Call:
    """Return a function that makes the call `text`, `forecast` or `tools`."""
    endpoint = {"baseURL": stack["base_url"], "apiKey": stack["api_key"]}
    return lambda name, **body: driver.make(
        {"client": "ai", "endpoint": endpoint, "call": name, "body": {"model": "qwen-plus"} | body}
    )


def test_a_text_has_reasoning_and_usage(call: Call, provider: httpx2.Client, received: Received) -> None:
    provider.put("/_control", json={"reasoning_tokens": 5, "cached_tokens": 4})

    answer = call("text", prompt="Say hello.", maxOutputTokens=100)

    assert "You said: Say hello." in answer["text"]
    assert "does not think" in answer["reasoningText"]
    assert answer["finishReason"] == "stop"
    assert answer["totalUsage"]["inputTokenDetails"]["cacheReadTokens"] == 4
    assert answer["totalUsage"]["outputTokenDetails"]["reasoningTokens"] == 5
    assert received()[0]["max_tokens"] == 100


def test_a_tool_result_is_sent_with_image_and_reasoning(
    call: Call, provider: httpx2.Client, received: Received
) -> None:
    provider.put("/_control", json={"reasoning_tokens": 5})
    image = {"type": "file", "mediaType": "image/png", "data": PICTURE}

    answer = call("tools", messages=[{"role": "user", "content": [{"type": "text", "text": "Where is it?"}, image]}])

    assert answer["steps"] == 2
    assert "The tool said: mild in mock" in answer["text"]
    _, second = received()
    user, assistant, tool = second["messages"]
    assert user["content"][1] == {"type": "image_url", "image_url": {"url": PICTURE}}
    assert (assistant["content"], bool(assistant["reasoning_content"])) == (None, True)
    assert tool["tool_call_id"] == assistant["tool_calls"][0]["id"]
    assert second["tool_choice"] == "auto"
    assert "$schema" in second["tools"][0]["function"]["parameters"]


def test_structured_output_is_parsed(call: Call) -> None:
    assert Forecast.model_validate(call("forecast", prompt="How is the weather?")["output"], strict=True)


def test_an_error_has_code_message_and_request_id(call: Call) -> None:
    with pytest.raises(ClientError) as caught:
        call("text", model="some/model", prompt="Say hello.")

    assert (caught.value.kind, caught.value.status, caught.value.code) == ("AI_APICallError", 404, "model_not_found")
    assert "some/model" in str(caught.value)
    assert caught.value.request_id


@pytest.mark.thorough  # its backoff takes seconds
def test_the_sdk_retries_twice_despite_x_should_retry_false(
    call: Call, provider: httpx2.Client, records: Records
) -> None:
    before = len(records())
    provider.put("/_control", json={"faults": [{"status": 429, "times": 99, "headers": {"retry-after": "1"}}]})

    with pytest.raises(ClientError) as caught:
        call("text", prompt="Say hello.")

    assert (caught.value.status, caught.value.code) == (429, "provider_throttled")
    assert len(records()) == before + 3
