"""The content of a completion: deterministic choices that name the mock as their source, and their usage."""

import json
from dataclasses import dataclass
from typing import Any

from qwen_gateway_cli.local.mock_qwen.control import Settings
from qwen_gateway_cli.local.mock_qwen.models import Model
from qwen_gateway_cli.local.mock_qwen.request import BYTES_PER_TOKEN, ChatRequest, count_tokens, encode_utf8
from qwen_gateway_cli.local.mock_qwen.samples import build_sample

MAX_ECHO_CHARACTERS = 200
MAX_PARALLEL_TOOL_CALLS = 2
REASONING = "The mock does not think. This text only stands in the place of a model's reasoning."


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A tool call; `arguments` is JSON text, truncated at the token limit."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the `n` choices: optional reasoning, then text or tool calls."""

    reasoning: str
    content: str
    calls: tuple[FunctionCall, ...]
    finish_reason: str

    @property
    def text_tokens(self) -> int:
        """Tokens of the text and of the tool calls' arguments."""
        arguments = sum(count_tokens(len(encode_utf8(call.arguments))) for call in self.calls)
        return count_tokens(len(encode_utf8(self.content))) + arguments

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of the reasoning."""
        return count_tokens(len(encode_utf8(self.reasoning)))


def build_choices(request: ChatRequest, model: Model, settings: Settings) -> list[Choice]:
    """Return the choices for a valid request, within its token limits."""
    return [_build_choice(request, model, settings, index) for index in range(request.choice_count)]


def build_usage(request: ChatRequest, choices: list[Choice], settings: Settings) -> dict[str, Any]:
    """Return DashScope's `usage`, with the settings' values or else counts of the request and the choices.

    `completion_tokens` and `text_tokens` both include the reasoning tokens, as in captured bodies (November 2026). The
    fields of the explicit cache are present only when the request contains `cache_control`, or
    `cache_creation_tokens` is set: an implicit hit has `cached_tokens` alone (BerriAI/litellm issue 40090).
    """
    reasoning = _default(settings.reasoning_tokens, sum(choice.reasoning_tokens for choice in choices))
    completion = _default(settings.completion_tokens, reasoning + sum(choice.text_tokens for choice in choices))
    prompt = _default(settings.prompt_tokens, request.prompt_tokens)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": _default(settings.cached_tokens, 0),
            **_explicit_cache_details(request, settings.cache_creation_tokens),
        },
        "completion_tokens_details": {"reasoning_tokens": reasoning, "text_tokens": completion},
    }


def _explicit_cache_details(request: ChatRequest, creation_tokens: int | None) -> dict[str, Any]:
    if creation_tokens is None and not request.uses_explicit_cache:
        return {}
    written = _default(creation_tokens, 0)
    return {
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written},
        "cache_type": "ephemeral",
    }


def _default(value: int | None, default: int) -> int:
    return default if value is None else value


def _build_choice(request: ChatRequest, model: Model, settings: Settings, index: int) -> Choice:
    reasoning = ""
    if _includes_reasoning(request, model, settings):
        reasoning = _truncate(REASONING, _reasoning_limit(request, model))
    limit = _content_limit(request, model, reasoning)
    if calls := _select_calls(request, settings):
        truncated = tuple(FunctionCall(call.name, _truncate(call.arguments, limit)) for call in calls)
        return Choice(reasoning, "", truncated, "tool_calls" if truncated == calls else "length")
    content = _build_content(request, index, settings.chunks)
    truncated_content = _truncate(content, limit)
    return Choice(reasoning, truncated_content, (), "stop" if truncated_content == content else "length")


def _includes_reasoning(request: ChatRequest, model: Model, settings: Settings) -> bool:
    return request.enables_thinking(model) if settings.reasoning_tokens is None else settings.reasoning_tokens > 0


def _select_calls(request: ChatRequest, settings: Settings) -> tuple[FunctionCall, ...]:
    """Return the calls to make: the one that the settings have for this turn, or else some with sample values."""
    if settings.tool_calls is not None:
        call = next(iter(settings.tool_calls[request.tool_results :]), None)
        is_known = call is not None and call["name"] in request.functions
        return (FunctionCall(call["name"], _dump(call["arguments"])),) if call and is_known else ()
    names = _select_functions(request)
    return tuple(FunctionCall(name, _dump(build_sample(request.functions.get(name, {})))) for name in names)


def _select_functions(request: ChatRequest) -> list[str]:
    """Return the functions to call: the forced one, else the first tool, or two with parallel tool calls."""
    if request.forced_function:
        return [request.forced_function]
    if request["tool_choice"] == "none" or (request.ends_with_tool_result and not request.forces_tool):
        return []
    return list(request.functions)[: MAX_PARALLEL_TOOL_CALLS if request["parallel_tool_calls"] is True else 1]


def _build_content(request: ChatRequest, index: int, min_characters: int) -> str:
    echo = encode_utf8(request.last_text[:MAX_ECHO_CHARACTERS]).decode()
    speaker = "The tool" if request.ends_with_tool_result else "You"
    numbered = f" (choice {index + 1})" if index else ""
    text = f"This is a mock of {request.model_name}{numbered}. {speaker} said: {echo}"
    match request.response_format.get("type"):
        case "json_schema":
            json_schema = request.response_format.get("json_schema")
            schema = json_schema.get("schema") if isinstance(json_schema, dict) else None
            return _dump(build_sample(schema if isinstance(schema, dict) else {})).ljust(min_characters)
        case "json_object":
            return _dump({"answer": text}).ljust(min_characters)
        case _:
            return text.ljust(min_characters, ".")


def _reasoning_limit(request: ChatRequest, model: Model) -> int | None:
    budget = request["thinking_budget"]
    limits = [budget if type(budget) is int and budget >= 0 else None, _shared_limit(request, model)]
    return min((limit for limit in limits if limit is not None), default=None)


def _content_limit(request: ChatRequest, model: Model, reasoning: str) -> int | None:
    shared = _shared_limit(request, model)
    remaining = None if shared is None else shared - count_tokens(len(encode_utf8(reasoning)))
    return min((limit for limit in (remaining, request["max_tokens"]) if limit is not None), default=None)


def _shared_limit(request: ChatRequest, model: Model) -> int | None:
    """Return the limit of reasoning and content together, in tokens."""
    max_tokens = request["max_tokens"] if model.cap_covers_thinking else None
    return min((limit for limit in (max_tokens, request["max_completion_tokens"]) if limit is not None), default=None)


def _truncate(text: str, limit: int | None) -> str:
    """Return `text` truncated to `limit` tokens, at a character boundary."""
    return text if limit is None else encode_utf8(text)[: limit * BYTES_PER_TOKEN].decode(errors="ignore")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
