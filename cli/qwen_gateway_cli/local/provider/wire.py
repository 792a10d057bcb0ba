"""An answer as it stands on the wire: one body, or the chunks of a stream."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from qwen_gateway_cli.local.provider.answers import Choice, FunctionCall

DONE = b"data: [DONE]\n\n"
ARGUMENT_PIECES = 2


class Envelope(NamedTuple):
    """What every body and chunk of one call has in common. `created` is in seconds since 1970."""

    id: str
    model: str
    created: int
    logprobs: bool


class Chunk(NamedTuple):
    """One event of a stream; `is_delta` tells content, thoughts and tool calls from the frame around them."""

    data: bytes
    is_delta: bool = False


def whole(envelope: Envelope, choices: list[Choice], usage: dict[str, Any]) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    return {
        "id": envelope.id,
        "object": "chat.completion",
        "created": envelope.created,
        "model": envelope.model,
        "system_fingerprint": None,
        "choices": [
            {
                "index": index,
                "message": _message(choice, envelope, index),
                "logprobs": _logprobs(choice.content) if envelope.logprobs else None,
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(choices)
        ],
        "usage": usage,
    }


def stream(envelope: Envelope, choices: list[Choice], usage: dict[str, Any] | None, pieces: int) -> Iterator[Chunk]:
    """The events of a streamed answer up to `[DONE]`, each choice's content in `pieces` deltas.

    `usage` None leaves the usage chunk out.
    """
    for index in range(len(choices)):
        yield Chunk(_event(envelope, [_part(index, {"role": "assistant", "content": ""})]))
    for index, choice in enumerate(choices):
        for delta in _deltas(choice, envelope, index, pieces):
            shown = _logprobs(delta["content"]) if envelope.logprobs and delta.get("content") else None
            yield Chunk(_event(envelope, [_part(index, delta, logprobs=shown)]), is_delta=True)
    for index, choice in enumerate(choices):
        yield Chunk(_event(envelope, [_part(index, {"content": ""}, choice.finish_reason)]))
    if usage is not None:
        yield Chunk(_event(envelope, [], usage))
    yield Chunk(DONE)


def event(document: dict[str, Any]) -> bytes:
    """A document as one server-sent event."""
    return b"data: " + json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _event(envelope: Envelope, parts: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
    return event(
        {
            "id": envelope.id,
            "object": "chat.completion.chunk",
            "created": envelope.created,
            "model": envelope.model,
            "system_fingerprint": None,
            "choices": parts,
            "usage": usage,
        }
    )


def _part(
    index: int, delta: dict[str, Any], finish_reason: str | None = None, logprobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _deltas(choice: Choice, envelope: Envelope, index: int, pieces: int) -> Iterator[dict[str, Any]]:
    if choice.reasoning:
        for piece in _split(choice.reasoning, pieces):
            yield {"content": None, "reasoning_content": piece}
    if choice.calls:
        for position, call in enumerate(choice.calls):
            yield from _call_deltas(call, _call_id(envelope, index, position), position)
        return
    for piece in _split(choice.content, pieces):
        yield {"content": piece}


def _call_deltas(call: FunctionCall, call_id: str, position: int) -> Iterator[dict[str, Any]]:
    """The id and the name come first; later deltas repeat the id empty, as the real ones do."""
    function = {"name": call.name, "arguments": ""}
    yield {"content": None, "tool_calls": [_call(position, call_id, function)]}
    for piece in _split(call.arguments, ARGUMENT_PIECES):
        yield {"content": None, "tool_calls": [_call(position, "", {"arguments": piece})]}


def _call(position: int, call_id: str, function: dict[str, Any]) -> dict[str, Any]:
    return {"index": position, "id": call_id, "type": "function", "function": function}


def _call_id(envelope: Envelope, index: int, position: int) -> str:
    return f"call_{envelope.id.removeprefix('chatcmpl-')[:16]}_{index}_{position}"


def _message(choice: Choice, envelope: Envelope, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.content}
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.calls:
        message["tool_calls"] = [
            {
                "index": position,
                "id": _call_id(envelope, index, position),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for position, call in enumerate(choice.calls)
        ]
    return message


def _logprobs(text: str) -> dict[str, Any]:
    tokens = [{"token": word, "logprob": -0.1, "bytes": list(word.encode()), "top_logprobs": []} for word in [text]]
    return {"content": tokens}


def _split(text: str, pieces: int) -> list[str]:
    """A text in so many parts of nearly one length; fewer when it has fewer characters."""
    count = max(1, min(pieces, len(text)))
    edges = [len(text) * step // count for step in range(count + 1)]
    return [text[start:end] for start, end in zip(edges, edges[1:], strict=False)]
