"""Responses of a provider: stream chunks and errors in DashScope's format."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

COMPLETION_ID = "chatcmpl-4f6f0b4e"
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, *, index: int = 0, **choice: Any) -> dict[str, Any]:
    """Return a chunk with one choice; `choice` overrides further fields of it."""
    own = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": None, **choice}
    return {**_envelope(), "choices": [own], "usage": None}


def text_chunks(*texts: str, index: int = 0) -> list[dict[str, Any]]:
    """Return the chunk with the role, then one chunk for each text."""
    return [
        chunk({"role": "assistant", "content": ""}, index=index),
        *(chunk({"content": text}, index=index) for text in texts),
    ]


def finish(reason: str = "stop", index: int = 0) -> dict[str, Any]:
    """Return the chunk that ends a choice."""
    return chunk({"content": ""}, index=index, finish_reason=reason)


def usage(prompt: int = 12, completion: int = 3, **details: Any) -> dict[str, Any]:
    """Return the chunk that reports the usage, which has no choice."""
    counted = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**_envelope(), "choices": [], "usage": counted | details}


def encode_chunks(*chunks: dict[str, Any]) -> bytes:
    """Return these chunks as events, without `[DONE]`."""
    return b"".join(_event(each) for each in chunks)


def stream(*chunks: dict[str, Any]) -> bytes:
    """Return these chunks as events, followed by `[DONE]`."""
    return encode_chunks(*chunks) + DONE


def whole_stream(*texts: str) -> bytes:
    """Return a complete stream: texts, finish, usage, `[DONE]`."""
    return stream(*text_chunks(*(texts or ("Hello.",))), finish(), usage())


def error_event(message: str = "Internal server error", code: str | int | None = "InternalError") -> bytes:
    """Return an error event of a stream."""
    return _event(error_body(message, code))


def error_body(message: str, code: str | int | None, **more: Any) -> dict[str, Any]:
    """Return an error body in DashScope's OpenAI envelope."""
    return {
        "error": {"message": message, "type": code, "param": None, "code": code, **more},
        "id": COMPLETION_ID,
        "request_id": "4f6f0b4e-0000-4000-8000-000000000000",
    }


def split_at(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Return `data`, split at these offsets."""
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def _envelope() -> dict[str, Any]:
    return {
        "id": COMPLETION_ID,
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "qwen-plus",
        "system_fingerprint": None,
    }


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"
