"""What a provider counted for one call."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self


class Usage(NamedTuple):
    """Token counts as the provider reported them; None where it reported none.

    `tokens_cached` and `tokens_cache_write` are part of `tokens_in`, `tokens_thinking` is part of `tokens_out`.
    """

    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_cache_write: int | None = None
    tokens_thinking: int | None = None

    @classmethod
    def parse(cls, usage: Mapping[str, Any]) -> Self:
        """Parse OpenAI's `usage` object with DashScope's details. A count of another type counts as missing."""
        prompt, completion = _object(usage, "prompt_tokens_details"), _object(usage, "completion_tokens_details")
        return cls(
            tokens_in=_count(usage, "prompt_tokens"),
            tokens_out=_count(usage, "completion_tokens"),
            tokens_cached=_count(prompt, "cached_tokens"),
            tokens_cache_write=_count(prompt, "cache_creation_input_tokens"),
            tokens_thinking=_count(completion, "reasoning_tokens"),
        )


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_OTHER_NAMES = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
"""DashScope's native names, and those of Anthropic and of OpenAI's Responses."""


def merge_usage(before: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two usage objects of one answer say together, in OpenAI's names.

    The later one counts, but an empty value never replaces a count: some providers split the usage, or end with zeros.
    """
    merged = dict(before)
    for name, value in usage.items():
        known = merged.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[name] = merge_usage(known, value)
        elif value or name not in merged:
            merged[name] = value
    for other, name in _OTHER_NAMES.items():
        if other in usage and not usage.get(name):
            merged[name] = merged[other]
    return merged
