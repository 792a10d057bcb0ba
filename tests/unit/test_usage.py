"""Usage as providers report it, also with missing and invalid counts."""

from typing import Any

import pytest

from qwen_gateway.usage import Usage

DASHSCOPE = {
    "prompt_tokens": 40,
    "completion_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_creation_input_tokens": 4, "cache_type": "ephemeral"},
    "completion_tokens_details": {"reasoning_tokens": 5, "text_tokens": 9},
}


def test_each_kind_of_token_has_its_own_field() -> None:
    assert Usage.parse(DASHSCOPE) == Usage(
        tokens_in=40, tokens_out=9, tokens_cached=30, tokens_cache_write=4, tokens_thinking=5
    )


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": None, "completion_tokens": "9", "prompt_tokens_details": 7},
        {"prompt_tokens": True, "completion_tokens": 9.5, "completion_tokens_details": {"reasoning_tokens": {}}},
    ],
    ids=str,
)
def test_missing_or_invalid_counts_are_unknown_and_not_zero(usage: dict[str, Any]) -> None:
    assert Usage.parse(usage) == Usage()
