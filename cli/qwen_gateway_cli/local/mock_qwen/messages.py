"""Anthropic-compatible messages: `POST .../v1/messages` and `.../v1/messages/count_tokens`.

Source: Alibaba Cloud's page "Anthropic-compatible Messages" (addresses, key, request fields, `thinking`), and where it
refers to Anthropic, platform.claude.com: Messages, Streaming messages, Errors, Token counting; November 2026. Not
published, and so left out: Alibaba's own codes of errors on this path, how it counts thinking, rate limit headers.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from qwen_gateway_cli.local.mock_qwen.completion import Choice, FunctionCall, build_choices, build_usage
from qwen_gateway_cli.local.mock_qwen.control import Settings
from qwen_gateway_cli.local.mock_qwen.models import Model
from qwen_gateway_cli.local.mock_qwen.request import ChatRequest
from qwen_gateway_cli.local.mock_qwen.responses import Part, ResponseBody, encode_json, split
from qwen_gateway_cli.local.mock_qwen.validation import Rejection, validate

_THINKING_DELTAS = 2
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_TOOL_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_SIGNATURE = "bW9jaw=="


def check_messages(body: dict[str, Any], model: Model) -> Rejection | None:
    """Return the provider's rejection of a request, or None when it is valid."""
    if type(body.get("max_tokens")) is not int:
        return Rejection(400, "invalid_request_error", "max_tokens: Field required")
    return check_messages_to_count(body, model)


def check_messages_to_count(body: dict[str, Any], model: Model) -> Rejection | None:
    """Return the provider's rejection of a request whose tokens are to be counted, or None when it is valid."""
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        return Rejection(400, "invalid_request_error", "messages: at least one message is required")
    # Every call streams, in whichever form its answer is sent.
    return validate(ChatRequest({**_build_chat_body(body), "stream": True}), model)


def build_token_count(body: dict[str, Any]) -> ResponseBody:
    """Return the count of a request's tokens."""
    document = {"input_tokens": ChatRequest(_build_chat_body(body)).prompt_tokens}
    return ResponseBody("application/json", [Part(encode_json(document))], streamed=False)


def build_message(body: dict[str, Any], model: Model, request_id: str, settings: Settings) -> ResponseBody:
    """Return the response to a valid request, streamed or whole."""
    request = ChatRequest(_build_chat_body(body))
    (choice,) = build_choices(request, model, settings)
    usage = _build_usage(build_usage(request, [choice], settings)) if settings.usage is None else settings.usage
    message = {
        "id": f"msg_{request_id}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "stop_reason": _STOP_REASONS[choice.finish_reason],
        "stop_sequence": None,
        "usage": usage,
    }
    if body.get("stream") is True:
        parts = list(_encode_events(message, choice, settings.chunks))
        return ResponseBody("text/event-stream;charset=UTF-8", parts, streamed=True)
    document = encode_json({**message, "content": [block for block, _ in _build_blocks(choice)]})
    half = len(document) // 2
    parts = [Part(document[:half], is_delta=True), Part(document[half:])]
    return ResponseBody("application/json", parts, streamed=False)


def _build_chat_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request in the form from which the mock makes its content."""
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    tools = [each for each in body.get("tools") or [] if isinstance(each, dict)]
    choice: dict[str, Any] = body["tool_choice"] if isinstance(body.get("tool_choice"), dict) else {}
    fields = {
        "model": body.get("model"),
        "messages": [*system, *(_build_chat_message(each) for each in body["messages"] if isinstance(each, dict))],
        "max_tokens": body.get("max_tokens"),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "enable_thinking": _enables_thinking(body.get("thinking")),
    }
    if tools:
        fields["tools"] = [
            {"type": "function", "function": {"name": each.get("name"), "parameters": each.get("input_schema")}}
            for each in tools
        ]
        forced = {"type": "function", "function": {"name": choice.get("name")}}
        fields["tool_choice"] = (
            forced if choice.get("type") == "tool" else _TOOL_CHOICES.get(choice.get("type", "auto"))
        )
    return {name: value for name, value in fields.items() if value is not None}


def _build_chat_message(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    if any(block.get("type") == "tool_result" for block in blocks):
        return {"role": "tool", "content": "".join(_read_texts(blocks))}
    return {"role": message.get("role"), "content": content if isinstance(content, str) else [*_text_parts(blocks)]}


def _text_parts(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        if isinstance(block.get("text"), str):
            yield {"type": "text", **block}


def _read_texts(blocks: list[dict[str, Any]]) -> Iterator[str]:
    for block in blocks:
        content = block.get("content", block.get("text"))
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield from _read_texts([each for each in content if isinstance(each, dict)])


def _enables_thinking(thinking: Any) -> bool | None:
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    return None if kind is None else kind != "disabled"


def _build_usage(usage: dict[str, Any]) -> dict[str, Any]:
    """Return the counts under Anthropic's names. Its input does not include what a cache was read or written for."""
    details = usage["prompt_tokens_details"]
    cached, written = details["cached_tokens"], details.get("cache_creation_input_tokens", 0)
    return {
        "input_tokens": usage["prompt_tokens"] - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage["completion_tokens"],
    }


type _Block = tuple[dict[str, Any], list[dict[str, Any]]]
"""A whole block, and the deltas of a stream that make it up."""


def _build_blocks(choice: Choice, chunks: int = 1) -> Iterator[_Block]:
    if choice.reasoning:
        deltas = [{"type": "thinking_delta", "thinking": each} for each in split(choice.reasoning, _THINKING_DELTAS)]
        block = {"type": "thinking", "thinking": choice.reasoning, "signature": _SIGNATURE}
        yield block, [*deltas, {"type": "signature_delta", "signature": _SIGNATURE}]
    if choice.content:
        yield (
            {"type": "text", "text": choice.content},
            [{"type": "text_delta", "text": each} for each in split(choice.content, chunks)],
        )
    for call in choice.calls:
        yield _build_tool_use(call, chunks)


def _build_tool_use(call: FunctionCall, chunks: int) -> _Block:
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        # The output cap cut it off.
        arguments = {}
    block = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:24]}", "name": call.name, "input": arguments}
    return block, [{"type": "input_json_delta", "partial_json": each} for each in split(call.arguments, chunks)]


_EMPTY_FIELDS: dict[str, dict[str, Any]] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}


def _encode_events(message: dict[str, Any], choice: Choice, chunks: int) -> Iterator[Part]:
    start = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield _encode_event({"type": "message_start", "message": start})
    for index, (block, deltas) in enumerate(_build_blocks(choice, chunks)):
        opened = {**block, **_EMPTY_FIELDS[block["type"]]}
        yield _encode_event({"type": "content_block_start", "index": index, "content_block": opened})
        if index == 0:
            yield _encode_event({"type": "ping"})
        for delta in deltas:
            is_delta = not delta["type"].startswith(("thinking", "signature"))
            yield _encode_event({"type": "content_block_delta", "index": index, "delta": delta}, is_delta=is_delta)
        yield _encode_event({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": message["usage"].get("output_tokens")}
    yield _encode_event({"type": "message_delta", "delta": ended, "usage": usage})
    yield _encode_event({"type": "message_stop"})


def _encode_event(document: dict[str, Any], *, is_delta: bool = False) -> Part:
    data = b"event: %b\ndata: %b\n\n" % (document["type"].encode(), encode_json(document))
    return Part(data, is_delta=is_delta)
