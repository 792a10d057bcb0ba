"""Usage of responses: configured or counted, within the limits of the request."""

from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.integration.mock_qwen.chat_client import TOOLS, chunks, post

CACHED: Any = [
    {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
    {"role": "user", "content": "Say hello."},
]


def usage(provider: RunningMockQwen, **fields: Any) -> dict[str, Any]:
    """Return the usage of a whole answer."""
    reported: dict[str, Any] = post(provider, **fields).raise_for_status().json()["usage"]
    return reported


def test_configured_usage_is_reported_whole_and_streamed(provider: RunningMockQwen) -> None:
    provider.control(
        {
            "prompt_tokens": 3_000,
            "completion_tokens": 80,
            "reasoning_tokens": 30,
            "cached_tokens": 2_000,
            "cache_creation_tokens": 900,
        }
    )
    reported = {
        "prompt_tokens": 3_000,
        "completion_tokens": 80,
        "total_tokens": 3_080,
        "prompt_tokens_details": {
            "cached_tokens": 2_000,
            "cache_creation_input_tokens": 900,
            "cache_creation": {"ephemeral_5m_input_tokens": 900},
            "cache_type": "ephemeral",
        },
        "completion_tokens_details": {"reasoning_tokens": 30, "text_tokens": 80},
    }

    assert usage(provider) == reported
    assert chunks(provider, stream_options={"include_usage": True})[-1]["usage"] == reported


def test_only_an_explicit_cache_has_a_type(provider: RunningMockQwen) -> None:
    provider.control({"cached_tokens": 500})

    assert usage(provider)["prompt_tokens_details"] == {"cached_tokens": 500}
    assert usage(provider, messages=CACHED)["prompt_tokens_details"]["cache_type"] == "ephemeral"


def test_default_counts_are_four_bytes_a_token(provider: RunningMockQwen) -> None:
    counted = usage(provider, messages=[{"role": "user", "content": "ü" * 200}])

    assert counted["prompt_tokens"] == 4 + (400 + len("user")) // 4
    assert counted["completion_tokens"] == -(-len("This is a mock of qwen-plus. You said: " + "u" * 400) // 4)
    assert counted["total_tokens"] == counted["prompt_tokens"] + counted["completion_tokens"]
    assert counted["completion_tokens_details"]["reasoning_tokens"] == 0


def test_tools_count_as_input_and_an_image_does_whatever_its_size(provider: RunningMockQwen) -> None:
    def with_image(url: str) -> int:
        parts = [{"type": "image_url", "image_url": {"url": url}}]
        return int(usage(provider, messages=[{"role": "user", "content": parts}])["prompt_tokens"])

    assert usage(provider, tools=TOOLS)["prompt_tokens"] > usage(provider)["prompt_tokens"]
    assert with_image("https://example.org/a.png") == with_image("data:image/png;base64," + "A" * 900_000) > 256


def test_every_choice_is_counted(provider: RunningMockQwen) -> None:
    assert usage(provider, n=4)["completion_tokens"] > 3 * usage(provider)["completion_tokens"]


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({"max_tokens": 3}, 3),
        ({"max_completion_tokens": 3}, 3),
        ({"max_tokens": 3, "n": 2}, 6),
        ({"max_tokens": 3, "tools": TOOLS}, 3),
        ({"model": "qwen3.7-max", "enable_thinking": True, "max_tokens": 3, "thinking_budget": 5}, 8),
        ({"model": "qwen3.5-plus", "max_completion_tokens": 3}, 3),
        ({"model": "qwen4-max", "max_tokens": 3}, 3),
    ],
)
def test_no_more_is_used_than_the_request_allows(provider: RunningMockQwen, fields: dict[str, Any], most: int) -> None:
    answer = post(provider, **fields).json()

    assert 0 < answer["usage"]["completion_tokens"] <= most
    assert {each["finish_reason"] for each in answer["choices"]} == {"length"}
