"""What a provider sends: chunks of a stream as DashScope words them, and its errors."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

COMPLETION_ID = "chatcmpl-4f6f0b4e"
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, *, index: int = 0, **choice: Any) -> dict[str, Any]:
    """Return a chunk with one choice; `choice` sets more of its fields."""
    own = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": None, **choice}
    return {**_envelope(), "choices": [own], "usage": None}


def text_chunks(*texts: str, index: int = 0) -> list[dict[str, Any]]:
    """Return the chunk that names the role, and one for each text."""
    return [
        chunk({"role": "assistant", "content": ""}, index=index),
        *(chunk({"content": text}, index=index) for text in texts),
    ]


def finish(reason: str = "stop", index: int = 0) -> dict[str, Any]:
    """Return the chunk that ends a choice."""
    return chunk({"content": ""}, index=index, finish_reason=reason)


def usage(prompt: int = 12, completion: int = 3, **details: Any) -> dict[str, Any]:
    """Return the chunk that reports the usage, with no choice in it."""
    counted = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**_envelope(), "choices": [], "usage": counted | details}


def encode_chunks(*chunks: dict[str, Any]) -> bytes:
    """Return the events of a stream that ends without its last words."""
    return b"".join(_event(each) for each in chunks)


def stream(*chunks: dict[str, Any]) -> bytes:
    """Return a stream of these chunks, to its end."""
    return encode_chunks(*chunks) + DONE


def whole_stream(*texts: str) -> bytes:
    """Return a whole stream: texts, end, usage."""
    return stream(*text_chunks(*(texts or ("Hello.",))), finish(), usage())


def error_event(message: str = "Internal server error", code: str | int | None = "InternalError") -> bytes:
    """Return an error inside a stream."""
    return _event(error_body(message, code))


def error_body(message: str, code: str | int | None, **more: Any) -> dict[str, Any]:
    """Return an error body in DashScope's OpenAI envelope."""
    return {
        "error": {"message": message, "type": code, "param": None, "code": code, **more},
        "id": COMPLETION_ID,
        "request_id": "4f6f0b4e-0000-4000-8000-000000000000",
    }


def split_at(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Return `data` cut at these places."""
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
