"""What the stand-in answers: deterministic, and honest about where it comes from."""

import json
from dataclasses import dataclass
from typing import Any

from qwen_gateway_cli.local.provider.control import Settings
from qwen_gateway_cli.local.provider.models import Model
from qwen_gateway_cli.local.provider.request import BYTES_A_TOKEN, ChatRequest, tokens, utf8
from qwen_gateway_cli.local.provider.samples import sample

ECHO_CHARACTERS = 200
TOOLS_AT_ONCE = 2
REASONING = "The stand-in does not think. It only shows where a model's thoughts would be."


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A tool call; `arguments` is JSON text, cut short when the answer was."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the `n` answers: thoughts, and then either a text or tool calls."""

    reasoning: str
    content: str
    calls: tuple[FunctionCall, ...]
    finish_reason: str

    @property
    def text_tokens(self) -> int:
        """Tokens of the text and of the calls' arguments."""
        return tokens(len(utf8(self.content))) + sum(tokens(len(utf8(call.arguments))) for call in self.calls)

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of the thoughts."""
        return tokens(len(utf8(self.reasoning)))


def choices(request: ChatRequest, model: Model, settings: Settings) -> list[Choice]:
    """The answers to a request that is not refused, within its own token limits."""
    return [_choice(request, model, settings, index) for index in range(request.choices)]


def _choice(request: ChatRequest, model: Model, settings: Settings, index: int) -> Choice:
    reasoning = _within(REASONING, _thinking_limit(request, model)) if _shows_thoughts(request, model, settings) else ""
    limit = _answer_limit(request, model, reasoning)
    if functions := _called_functions(request):
        calls = tuple(FunctionCall(name, _json(sample(request.functions.get(name, {})))) for name in functions)
        cut = tuple(FunctionCall(call.name, _within(call.arguments, limit)) for call in calls)
        return Choice(reasoning, "", cut, "tool_calls" if cut == calls else "length")
    content = _content(request, index, settings.chunks)
    kept = _within(content, limit)
    return Choice(reasoning, kept, (), "stop" if kept == content else "length")


def _shows_thoughts(request: ChatRequest, model: Model, settings: Settings) -> bool:
    return request.thinks(model) if settings.reasoning_tokens is None else settings.reasoning_tokens > 0


def _called_functions(request: ChatRequest) -> list[str]:
    """The tools to call: a named one; else the first offered, or the first two where parallel calls are allowed."""
    if request.forced_function:
        return [request.forced_function]
    answers_in_text = request["tool_choice"] == "none" or (request.ends_in_tool_result and not request.forces_a_tool)
    if answers_in_text:
        return []
    return list(request.functions)[: TOOLS_AT_ONCE if request["parallel_tool_calls"] is True else 1]


def _content(request: ChatRequest, index: int, least_characters: int) -> str:
    said = utf8(request.last_text[:ECHO_CHARACTERS]).decode()
    speaker = "The tool" if request.ends_in_tool_result else "You"
    numbered = f" (choice {index + 1})" if index else ""
    text = f"This is the stand-in for {request.model_name}{numbered}. {speaker} said: {said}"
    match request.response_format.get("type"):
        case "json_schema":
            wanted = request.response_format.get("json_schema")
            schema = wanted.get("schema") if isinstance(wanted, dict) else None
            return _json(sample(schema if isinstance(schema, dict) else {})).ljust(least_characters)
        case "json_object":
            return _json({"answer": text}).ljust(least_characters)
        case _:
            return text.ljust(least_characters, ".")


def _thinking_limit(request: ChatRequest, model: Model) -> int | None:
    budget = request["thinking_budget"]
    limits = [budget if type(budget) is int and budget >= 0 else None, _common_limit(request, model)]
    return min((limit for limit in limits if limit is not None), default=None)


def _answer_limit(request: ChatRequest, model: Model, reasoning: str) -> int | None:
    common = _common_limit(request, model)
    left = None if common is None else common - tokens(len(utf8(reasoning)))
    return min((limit for limit in (left, request["max_tokens"]) if limit is not None), default=None)


def _common_limit(request: ChatRequest, model: Model) -> int | None:
    """The limit on thinking and answer together, in tokens."""
    own = request["max_tokens"] if model.cap_covers_thinking else None
    return min((limit for limit in (own, request["max_completion_tokens"]) if limit is not None), default=None)


def _within(text: str, limit: int | None) -> str:
    """`text` cut to `limit` tokens, at a character's end."""
    return text if limit is None else utf8(text)[: limit * BYTES_A_TOKEN].decode(errors="ignore")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
