"""Requests to the mock over plain HTTP."""

import json
from typing import Any

import httpx2

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request

PATH = "/v1/chat/completions"
TIMEOUT_S = 10
WEATHER = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
        "required": ["city", "days"],
    },
}
CLOCK = {"name": "clock", "parameters": {"type": "object", "properties": {}}}
TOOLS: list[dict[str, Any]] = [{"type": "function", "function": function} for function in (WEATHER, CLOCK)]
NAMED_CLOCK = {"type": "function", "function": {"name": "clock"}}


def post(provider: RunningMockQwen, **fields: Any) -> httpx2.Response:
    """Send a chat request and return the answer, read to its end."""
    with http(provider) as client:
        return client.post(PATH, json=chat_request(**fields))


def http(provider: RunningMockQwen) -> httpx2.Client:
    """Return a client of the mock with a valid key."""
    headers = {"authorization": "Bearer sk-any"}
    return httpx2.Client(base_url=provider.url, headers=headers, trust_env=False, timeout=TIMEOUT_S)


def choice(provider: RunningMockQwen, **fields: Any) -> dict[str, Any]:
    """Return the first choice of a whole answer."""
    first: dict[str, Any] = post(provider, **fields).raise_for_status().json()["choices"][0]
    return first


def chunks(provider: RunningMockQwen, **fields: Any) -> list[dict[str, Any]]:
    """Return the chunks of a streamed answer, which has to end as DashScope's do."""
    *events, done = post(provider, stream=True, **fields).raise_for_status().text.removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events]


def deltas(provider: RunningMockQwen, **fields: Any) -> list[dict[str, Any]]:
    """Return the deltas of a streamed answer with one choice."""
    return [chunk["choices"][0]["delta"] for chunk in chunks(provider, **fields)]
