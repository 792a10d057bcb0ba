"""Streams over HTTP, from the API Gateway emulation and from ministack's API Gateway."""

import json
from typing import Any

import httpx2
import openai
import pytest

from tests.builders import chat_request

SHORT_READ_TIMEOUT = {"x-stainless-read-timeout": "1"}
"""A client with a read timeout of 1 s makes the gateway send the status before the provider responds."""
LONGER_THAN_A_PING_MS = 12_000
CONTENT_TYPE = "text/event-stream; charset=utf-8"


@pytest.fixture
def http(stack: dict[str, Any]) -> httpx2.Client:
    """Return a plain HTTP client with the key."""
    return httpx2.Client(headers={"authorization": f"Bearer {stack['api_key']}"}, timeout=60)


@pytest.mark.thorough  # it waits for a ping of production
def test_pings_are_sent_before_the_first_output(
    stack: dict[str, Any], http: httpx2.Client, provider: httpx2.Client
) -> None:
    provider.put("/_control", json={"latency_ms": LONGER_THAN_A_PING_MS})

    with http.stream(
        "POST", f"{stack['base_url']}/chat/completions", json=chat_request(stream=True), headers=SHORT_READ_TIMEOUT
    ) as answer:
        lines = [line for line in answer.iter_lines() if line]

    assert answer.status_code == 200
    assert "x-gateway-model" not in answer.headers, "the status waited for the provider"
    assert lines[0] == ": ping"
    assert json.loads(lines[1].removeprefix("data: "))["choices"]
    assert lines[-1] == "data: [DONE]"


def test_browsers_can_read_a_stream(stack: dict[str, Any], http: httpx2.Client) -> None:
    url, origin = f"{stack['base_url']}/chat/completions", {"origin": "https://app.example"}
    preflight = http.options(url, headers=origin | {"access-control-request-method": "POST"})
    answer = http.post(url, json=chat_request(stream=True), headers=origin)

    assert preflight.headers["access-control-allow-origin"] == answer.headers["access-control-allow-origin"] == "*"
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (CONTENT_TYPE, "no-cache")
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["x-gateway-model"] == "qwen-plus"


def test_ministacks_api_gateway_returns_a_stream_buffered(stack: dict[str, Any], http: httpx2.Client) -> None:
    url = f"{stack['rest_api_url']}/v1"
    answer = http.post(f"{url}/chat/completions", json=chat_request(stream=True))
    client = openai.OpenAI(base_url=url, api_key=stack["api_key"], timeout=60)
    read = list(client.chat.completions.create(**chat_request(stream=True)))

    assert (answer.status_code, answer.headers["content-type"]) == (200, CONTENT_TYPE)
    *events, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    assert all(json.loads(event.removeprefix("data: "))["choices"] for event in events)
    assert "You said: Say hello." in "".join(chunk.choices[0].delta.content or "" for chunk in read)
