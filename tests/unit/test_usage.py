"""Usage as providers report it, also with missing and invalid counts."""

from typing import Any

import pytest

from qwen_gateway.usage import Usage, merge_usage, sum_usage

DASHSCOPE = {
    "prompt_tokens": 40,
    "completion_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_creation_input_tokens": 4, "cache_type": "ephemeral"},
    "completion_tokens_details": {"reasoning_tokens": 5, "text_tokens": 9},
}


def test_each_kind_of_token_has_its_own_field() -> None:
    assert Usage.parse(DASHSCOPE) == Usage(
        tokens_in=40, tokens_out=9, tokens_cached=30, tokens_cache_write=4, tokens_thinking=5, cache_type="ephemeral"
    )


def test_cache_writes_are_told_apart_by_their_life() -> None:
    details = {"cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}}

    usage = Usage.parse({"prompt_tokens_details": details})

    assert (usage.tokens_cache_write, usage.tokens_cache_write_1h) == (10, 6)


def test_web_searches_are_counted() -> None:
    assert Usage.parse({"plugins": {"search": {"count": 2, "strategy": "turbo"}}}).searches == 2


def test_a_count_may_be_a_text() -> None:
    assert Usage.parse({"prompt_tokens": "12", "completion_tokens": "0"}) == Usage(tokens_in=12, tokens_out=0)


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": None, "completion_tokens": "9.5", "prompt_tokens_details": 7},
        {"prompt_tokens": -1, "completion_tokens": "-9", "prompt_tokens_details": {"cached_tokens": 10**12}},
        {"prompt_tokens": "٣", "completion_tokens": "9" * 5000, "prompt_tokens_details": {"cache_type": 5}},
        {"prompt_tokens": True, "completion_tokens": 9.5, "completion_tokens_details": {"reasoning_tokens": {}}},
    ],
    ids=str,
)
def test_missing_or_invalid_counts_are_unknown_and_not_zero(usage: dict[str, Any]) -> None:
    assert Usage.parse(usage) == Usage()


def test_a_whole_number_may_be_a_float() -> None:
    assert Usage.parse({"prompt_tokens": 7.0, "completion_tokens": 0.0}) == Usage(tokens_in=7, tokens_out=0)


@pytest.mark.parametrize(
    ("before", "usage", "merged"),
    [
        ({"prompt_tokens": 7}, {"completion_tokens": 5}, {"prompt_tokens": 7, "completion_tokens": 5}),
        (
            {"prompt_tokens": 7},
            {"prompt_tokens": 0, "completion_tokens": 0},
            {"prompt_tokens": 7, "completion_tokens": 0},
        ),
        ({"completion_tokens": 1}, {"completion_tokens": 2}, {"completion_tokens": 2}),
        ({"d": {"cached_tokens": 3}}, {"d": {"text_tokens": 1}}, {"d": {"cached_tokens": 3, "text_tokens": 1}}),
        ({"d": {"cached_tokens": 3}}, {"d": None}, {"d": {"cached_tokens": 3}}),
        (
            {"input_tokens": 7, "prompt_tokens": 7, "output_tokens": 1, "completion_tokens": 1},
            {"output_tokens": 5},
            {"input_tokens": 7, "prompt_tokens": 7, "output_tokens": 5, "completion_tokens": 5},
        ),
    ],
    ids=["parts", "zeros at the end", "counted on", "details", "null details", "native names"],
)
def test_later_usage_counts_but_removes_nothing(
    before: dict[str, Any], usage: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert merge_usage(before, usage) == merged


ANTHROPIC: dict[str, tuple[dict[str, Any], Usage]] = {
    "input and output": ({"input_tokens": 7, "output_tokens": 3}, Usage(tokens_in=7, tokens_out=3)),
    "cached input is added": (
        {"input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 3},
        Usage(tokens_in=12, tokens_out=3, tokens_cached=5),
    ),
    "written input is added": (
        {"input_tokens": 7, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 8, "output_tokens": 3},
        Usage(tokens_in=20, tokens_out=3, tokens_cached=5, tokens_cache_write=8),
    ),
    "what was written for an hour": (
        {
            "input_tokens": 0,
            "cache_creation_input_tokens": 8,
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 6},
            "output_tokens": 3,
        },
        Usage(tokens_in=8, tokens_out=3, tokens_cache_write=8, tokens_cache_write_1h=6),
    ),
    "searches": (
        {"input_tokens": 7, "output_tokens": 3, "server_tool_use": {"web_search_requests": 2}},
        Usage(tokens_in=7, tokens_out=3, searches=2),
    ),
    "no input is not the cached one": ({"cache_read_input_tokens": 5}, Usage(tokens_cached=5)),
    "nothing": ({}, Usage()),
    "counts that are none": ({"input_tokens": -1, "output_tokens": "x", "server_tool_use": 1}, Usage()),
}


@pytest.mark.parametrize(("usage", "expected"), ANTHROPIC.values(), ids=ANTHROPIC)
def test_anthropics_usage_is_mapped(usage: dict[str, Any], expected: Usage) -> None:
    assert Usage.parse_anthropic(usage) == expected
    assert Usage.parse_anthropic(usage, thought=True) == expected._replace(thought=True)


RESPONSES: dict[str, tuple[dict[str, Any], Usage]] = {
    "input and output": ({"input_tokens": 7, "output_tokens": 3}, Usage(tokens_in=7, tokens_out=3)),
    "details": (
        {
            "input_tokens": 7,
            "input_tokens_details": {"cached_tokens": 5},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 2},
        },
        Usage(tokens_in=7, tokens_out=3, tokens_cached=5, tokens_thinking=2),
    ),
    "what the session cache wrote": (
        {
            "input_tokens": 9,
            "output_tokens": 3,
            "x_details": [
                {"prompt_tokens_details": {"cache_creation_input_tokens": 6, "cache_type": "ephemeral"}},
            ],
        },
        Usage(tokens_in=9, tokens_out=3, tokens_cache_write=6, cache_type="ephemeral"),
    ),
    "searches": (
        {"input_tokens": 7, "output_tokens": 3, "x_tools": {"web_search": {"count": 2}}},
        Usage(tokens_in=7, tokens_out=3, searches=2),
    ),
    "nothing": ({}, Usage()),
    "details that are none": ({"input_tokens": -1, "x_details": [7], "x_tools": []}, Usage()),
}


@pytest.mark.parametrize(("usage", "expected"), RESPONSES.values(), ids=RESPONSES)
def test_the_usage_of_responses_is_mapped(usage: dict[str, Any], expected: Usage) -> None:
    assert Usage.parse_responses(usage) == expected


def test_the_usage_of_several_calls_is_their_sum() -> None:
    assert sum_usage([Usage(3, 0), Usage(None, 0), Usage(4, None)]) == Usage(7, 0)
    assert sum_usage([Usage()]) == Usage()
    assert sum_usage([]) is None
