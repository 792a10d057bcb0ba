"""The usage that an answer reports."""

from typing import Any

from qwen_gateway_cli.local.provider.answers import Choice
from qwen_gateway_cli.local.provider.control import Settings
from qwen_gateway_cli.local.provider.request import ChatRequest


def usage(request: ChatRequest, choices: list[Choice], settings: Settings) -> dict[str, Any]:
    """DashScope's `usage`: what the control document sets, else counts of what was received and answered.

    `completion_tokens` and `text_tokens` both include the reasoning tokens, as in captured bodies (November 2026).
    The fields of the explicit cache are there only when the request marks something with `cache_control`, or
    `cache_creation_tokens` is set: an implicit hit shows `cached_tokens` alone (BerriAI/litellm issue 40090).
    """
    derived_reasoning = sum(choice.reasoning_tokens for choice in choices)
    reasoning = _or(settings.reasoning_tokens, derived_reasoning)
    completion = _or(settings.completion_tokens, reasoning + sum(choice.text_tokens for choice in choices))
    prompt = _or(settings.prompt_tokens, request.prompt_tokens)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": _or(settings.cached_tokens, 0),
            **_explicit_cache(request, settings.cache_creation_tokens),
        },
        "completion_tokens_details": {"reasoning_tokens": reasoning, "text_tokens": completion},
    }


def _explicit_cache(request: ChatRequest, created: int | None) -> dict[str, Any]:
    if created is None and not request.marks_cache:
        return {}
    written = _or(created, 0)
    return {
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written},
        "cache_type": "ephemeral",
    }


def _or(told: int | None, derived: int) -> int:
    return derived if told is None else told
