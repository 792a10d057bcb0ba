"""The most that a provider can count for requests for embeddings, Anthropic's Messages and OpenAI's Responses."""

from typing import Any

import pytest

from qwen_gateway.catalog import Embedding, Thinking
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.pricing.embeddings_limits import embeddings_limits
from qwen_gateway.pricing.messages_limits import messages_limits
from qwen_gateway.pricing.request_limits import Unbounded
from qwen_gateway.pricing.responses_limits import responses_limits
from qwen_gateway.pricing.units import CACHE_WRITE, CACHE_WRITE_1H
from tests.builders import embeddings_request, messages_request, model, responses_request

EMBEDDING = model("embeds", embedding=Embedding(rows=10, row_tokens=100))
IMAGE = {"type": "image", "source": {"type": "base64", "data": "x" * 1_000_000}}


@pytest.mark.parametrize(
    ("rows", "tokens"),
    [
        ("abc", 3 + 16),
        ("é", 2 + 16),
        ("\U0001d160", 12 + 16),
        (["abc", "d"], 4 + 32),
        ([1, 2, 3], 3 + 16),
        ([[1], [2, 3]], 3 + 32),
        ("x" * 1_000, 100),
        (["x" * 1_000, "y"], 117),
    ],
)
def test_the_rows_of_a_request_are_bounded(rows: Any, tokens: int) -> None:
    assert embeddings_limits(embeddings_request(input=rows), EMBEDDING) == RequestLimits(tokens, 0)


def test_an_undescribed_model_has_no_bound() -> None:
    assert embeddings_limits(embeddings_request(), None) == Unbounded("model")
    assert messages_limits(messages_request(), None) == Unbounded("model")


def bound(known: Any = None, **fields: Any) -> RequestLimits:
    limits = messages_limits(messages_request(**fields), known or model())
    assert isinstance(limits, RequestLimits)
    return limits


def test_the_input_is_at_least_every_byte_of_the_request() -> None:
    plain = bound().tokens_in
    for fields in (
        {"system": "x" * 500},
        {"messages": [{"role": "user", "content": "x" * 500}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "x" * 500}]}]},
        {"tools": [{"name": "t", "input_schema": {}, "description": "x" * 500}]},
    ):
        assert plain + 400 < bound(**fields).tokens_in


def test_an_image_counts_as_much_as_any_whatever_its_size() -> None:
    seeing = model(image_tokens=1_000)
    inside = {"type": "tool_result", "tool_use_id": "t", "content": [IMAGE]}

    tokens = bound(seeing, messages=[{"role": "user", "content": [IMAGE, inside]}]).tokens_in

    assert 2_000 < tokens < 3_000


@pytest.mark.parametrize("block", [IMAGE, {"type": "document", "source": {"type": "url", "url": "x"}}])
def test_media_without_a_limit_have_the_models_limit(block: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": [block]}]

    assert bound(model(input_tokens=5_000), messages=messages).tokens_in == 5_000
    assert messages_limits(messages_request(messages=messages), model(input_tokens=None)) == Unbounded("input")


@pytest.mark.parametrize(
    ("thinking", "facts", "output"),
    [
        ({"type": "disabled"}, Thinking("on"), 100),
        (None, Thinking("off"), 100),
        ({"type": "enabled", "budget_tokens": 40}, Thinking("off"), 140),
        ({"type": "enabled", "budget_tokens": 40}, Thinking("off", capped_by=("max_tokens",)), 100),
        ({"type": "adaptive"}, Thinking("off", max_tokens=7), 107),
        (None, Thinking("on", max_tokens=7), 107),
    ],
)
def test_the_output_includes_thinking_unless_the_cap_covers_it(
    thinking: dict[str, Any] | None, facts: Thinking, output: int
) -> None:
    assert bound(model(thinking=facts), thinking=thinking).tokens_out == output


def test_adaptive_thinking_without_any_limit_has_no_bound() -> None:
    request = messages_request(thinking={"type": "adaptive"})

    assert messages_limits(request, model(thinking=Thinking("off"))) == Unbounded("thinking")


def test_writes_to_a_cache_are_foreseen_wherever_they_are_asked_for() -> None:
    cached = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    for_an_hour = {**cached, "cache_control": {"type": "ephemeral", "ttl": "1h"}}

    assert bound().cache_writes == frozenset()
    assert bound(system=[cached]).cache_writes == {CACHE_WRITE}
    assert bound(system=[for_an_hour]).cache_writes == {CACHE_WRITE, CACHE_WRITE_1H}


def bound_response(known: Any = None, **fields: Any) -> RequestLimits:
    limits = responses_limits(responses_request(max_output_tokens=100, **fields), known or model())
    assert isinstance(limits, RequestLimits)
    return limits


def test_the_input_of_a_response_is_at_least_every_byte_of_the_request() -> None:
    plain = bound_response().tokens_in
    for fields in (
        {"input": "x" * 500},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x" * 500}]}]},
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "x" * 500}]},
        {"instructions": "x" * 500},
        {"tools": [{"type": "function", "name": "t", "description": "x" * 500}]},
        {"text": {"format": {"type": "json_schema", "schema": {"title": "x" * 500}}}},
    ):
        assert plain + 400 < bound_response(**fields).tokens_in


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"prompt": {"id": "p"}},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
    ],
)
def test_what_only_the_provider_has_counts_as_the_models_limit(fields: dict[str, Any]) -> None:
    assert bound_response(model(input_tokens=5_000), **fields).tokens_in == 5_000
    assert responses_limits(responses_request(**fields), model(input_tokens=None)) == Unbounded("input")


@pytest.mark.parametrize("tool", ["web_search", "mcp", "code_interpreter", "file_search"])
def test_tools_of_the_provider_have_no_bound(tool: str) -> None:
    assert responses_limits(responses_request(tools=[{"type": tool}]), model()) == Unbounded("provider_tools")


@pytest.mark.parametrize(
    ("reasoning", "facts", "output"),
    [
        ({"effort": "none"}, Thinking("on", max_tokens=7), 100),
        ({"effort": "high"}, Thinking("off", max_tokens=7), 107),
        ({"effort": "high"}, Thinking("off", capped_by=("max_tokens",)), 100),
        (None, Thinking("on", max_tokens=7), 107),
    ],
)
def test_the_output_of_a_response_includes_thinking_unless_the_cap_covers_it(
    reasoning: dict[str, Any] | None, facts: Thinking, output: int
) -> None:
    assert bound_response(model(thinking=facts), reasoning=reasoning).tokens_out == output
