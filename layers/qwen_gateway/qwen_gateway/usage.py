"""What a provider counted for one call."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self


class Usage(NamedTuple):
    """Token counts as the provider reported them; None where it reported none.

    `tokens_cached` and `tokens_cache_write` are part of `tokens_in`, `tokens_cache_write_1h` (kept for an hour) is part
    of `tokens_cache_write`, `tokens_thinking` is part of `tokens_out`. `cache_type` is DashScope's: "ephemeral" for the
    explicit cache. `searches` counts web searches. `thought`: the answer has thinking that is not counted apart.
    """

    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_cache_write: int | None = None
    tokens_thinking: int | None = None
    tokens_cache_write_1h: int | None = None
    cache_type: str | None = None
    searches: int | None = None
    thought: bool | None = None

    @classmethod
    def parse(cls, usage: Mapping[str, Any]) -> Self:
        """Parse OpenAI's `usage` object with DashScope's details; a negative or malformed count is missing."""
        prompt, completion = _object(usage, "prompt_tokens_details"), _object(usage, "completion_tokens_details")
        cache_type, written = prompt.get("cache_type"), _object(prompt, "cache_creation")
        written_5m, written_1h = (_count(written, f"ephemeral_{life}_input_tokens") for life in ("5m", "1h"))
        total_written = _count(prompt, "cache_creation_input_tokens")
        if total_written is None and written:
            total_written = (written_5m or 0) + (written_1h or 0)
        return cls(
            tokens_in=_count(usage, "prompt_tokens"),
            tokens_out=_count(usage, "completion_tokens"),
            tokens_cached=_count(prompt, "cached_tokens"),
            tokens_cache_write=total_written,
            tokens_thinking=_count(completion, "reasoning_tokens"),
            tokens_cache_write_1h=written_1h,
            cache_type=cache_type if isinstance(cache_type, str) else None,
            searches=_count(_object(_object(usage, "plugins"), "search"), "count"),
        )

    @classmethod
    def parse_anthropic(cls, usage: Mapping[str, Any], *, thought: bool = False) -> Self:
        """Parse Anthropic's `usage` object; a negative or malformed count is missing.

        Its input excludes what was read from or written to a cache, and its output does not tell thinking apart:
        `thought` says whether there was any.
        """
        has_input = _count(usage, "input_tokens") is not None
        return cls(
            tokens_in=_sum(usage, _ANTHROPIC_INPUT) if has_input else None,
            tokens_out=_count(usage, "output_tokens"),
            tokens_cached=_count(usage, "cache_read_input_tokens"),
            tokens_cache_write=_count(usage, "cache_creation_input_tokens"),
            tokens_cache_write_1h=_count(_object(usage, "cache_creation"), "ephemeral_1h_input_tokens"),
            searches=_count(_object(usage, "server_tool_use"), "web_search_requests"),
            thought=thought or None,
        )

    @classmethod
    def parse_responses(cls, usage: Mapping[str, Any]) -> Self:
        """Parse the `usage` object of OpenAI's Responses with DashScope's details, as `parse` does."""
        details = usage.get("x_details")
        billed = details[0] if isinstance(details, list) and details and isinstance(details[0], Mapping) else {}
        return cls.parse(
            {
                "prompt_tokens": usage.get("input_tokens"),
                "completion_tokens": usage.get("output_tokens"),
                # DashScope reports what its session cache wrote in the details alone.
                "prompt_tokens_details": {
                    **_object(billed, "prompt_tokens_details"),
                    **_object(usage, "input_tokens_details"),
                },
                "completion_tokens_details": usage.get("output_tokens_details"),
                "plugins": {"search": _object(_object(usage, "x_tools"), "web_search")},
            }
        )


_ANTHROPIC_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""Anthropic's counts that together are the input (platform.claude.com, Messages; read in November 2026)."""


def _sum(usage: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return sum(_count(usage, name) or 0 for name in names)


_MAX_DIGITS = 12


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_MAX_DIGITS
    return value if is_count else None


_OTHER_NAMES = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
"""DashScope's native names, and those of Anthropic and of OpenAI's Responses."""


def merge_counts(before: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two usage objects of one answer say together, in their own names; see `merge_usage`."""
    merged = dict(before)
    for name, value in usage.items():
        known = merged.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[name] = merge_counts(known, value)
        elif value or name not in merged:
            merged[name] = value
    return merged


def merge_usage(before: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two usage objects of one answer say together, in OpenAI's names.

    The later one counts, but an empty value never replaces a count: some providers split the usage, or end with zeros.
    """
    merged = merge_counts(before, usage)
    for other, name in _OTHER_NAMES.items():
        if other in usage and not usage.get(name):
            merged[name] = merged[other]
    return merged


def sum_usage(usages: Sequence[Usage]) -> Usage | None:
    """Return the input and output of several calls together; None without a call, and where no call has a count."""
    tokens_in = [usage.tokens_in for usage in usages if usage.tokens_in is not None]
    tokens_out = [usage.tokens_out for usage in usages if usage.tokens_out is not None]
    return Usage(sum(tokens_in) if tokens_in else None, sum(tokens_out) if tokens_out else None) if usages else None
