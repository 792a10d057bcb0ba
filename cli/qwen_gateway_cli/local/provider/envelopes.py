"""DashScope's wire formats: a whole answer, the events of a stream, an error.

Source: the provider's documentation of its compatible mode and bodies captured by third parties, November 2026.
"""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from qwen_gateway_cli.local.provider.answers import Choice, FunctionCall
from qwen_gateway_cli.local.provider.refusals import Refusal
from qwen_gateway_cli.local.provider.reply import Part, Reply
from qwen_gateway_cli.local.provider.request import ChatRequest

DONE = b"data: [DONE]\n\n"
REASONING_DELTAS = 2

type Delta = dict[str, Any]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encoded(document: object) -> bytes:
    """`document` as compact JSON in UTF-8."""
    return _encode(document).encode()


def event(document: object) -> bytes:
    """`document` as one server-sent event."""
    return b"data: %b\n\n" % encoded(document)


def refusal_document(request_id: str, refused: Refusal) -> dict[str, Any]:
    """The body of a refusal. That of a refused key has neither type nor ids, as captured."""
    error = {"message": refused.message, "code": refused.code}
    if refused.type is None:
        return {"error": error}
    return error_document(request_id, {**error, "type": refused.type, "param": None})


def error_document(request_id: str, error: dict[str, Any]) -> dict[str, Any]:
    """Return an error in DashScope's envelope."""
    return {"error": error, "id": f"chatcmpl-{request_id}", "request_id": request_id}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Puts the choices of one answer into DashScope's wire formats."""

    request: ChatRequest
    request_id: str
    choices: list[Choice]
    usage: dict[str, Any]
    chunks: int

    def reply(self) -> Reply:
        """Return the answer as the request wants it."""
        return self._stream() if self.request.streamed else self._whole()

    def _whole(self) -> Reply:
        answers = [self._message(index, choice) for index, choice in enumerate(self.choices)]
        body = encoded(self._document("chat.completion", answers, self.usage))
        half = len(body) // 2
        return Reply("application/json", [Part(body[:half], is_delta=True), Part(body[half:])], streamed=False)

    def _stream(self) -> Reply:
        parts = [self._chunk(index, {"content": "", "role": "assistant"}) for index in range(len(self.choices))]
        parts += self._interleaved()
        parts += [
            self._chunk(index, {"content": ""}, finish_reason=choice.finish_reason)
            for index, choice in enumerate(self.choices)
        ]
        if self.request.usage_asked:
            parts.append(Part(event(self._document("chat.completion.chunk", [], self.usage))))
        return Reply("text/event-stream;charset=UTF-8", [*parts, Part(DONE)], streamed=True)

    def _interleaved(self) -> Iterator[Part]:
        """Each choice's deltas in turn, thoughts first, as the model writes them side by side."""
        thoughts = [
            [{"content": None, "reasoning_content": piece} for piece in split(choice.reasoning, REASONING_DELTAS)]
            for choice in self.choices
        ]
        yield from (self._chunk(index, delta) for index, delta in _in_turn(thoughts))
        answers = [[*self._text_deltas(choice), *self._call_deltas(choice.calls)] for choice in self.choices]
        for index, delta in _in_turn(answers):
            yield self._chunk(index, delta, is_delta=True)

    def _text_deltas(self, choice: Choice) -> list[Delta]:
        after_thoughts = {"reasoning_content": None} if choice.reasoning else {}
        return [{"content": piece, **after_thoughts} for piece in split(choice.content, self.chunks)]

    def _call_deltas(self, calls: tuple[FunctionCall, ...]) -> Iterator[Delta]:
        """Only a call's first delta has its id and name; later ones have an empty id, every other an empty name."""
        for index, call in enumerate(calls):
            opening = {"index": index, "id": _call_id(), "type": "function"}
            yield _call_delta({**opening, "function": {"name": call.name, "arguments": ""}})
            for number, piece in enumerate(split(call.arguments, max(2, self.chunks - 1))):
                name = {"name": ""} if number % 2 else {}
                function = {**name, "arguments": piece}
                yield _call_delta({"index": index, "id": "", "type": "function", "function": function})

    def _message(self, index: int, choice: Choice) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": choice.content}
        if choice.reasoning:
            message["reasoning_content"] = choice.reasoning
        if choice.calls:
            message["tool_calls"] = [
                {
                    "index": position,
                    "id": _call_id(),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for position, call in enumerate(choice.calls)
            ]
        return {
            "message": message,
            "finish_reason": choice.finish_reason,
            "index": index,
            "logprobs": self._logprobs(split(choice.content, self.chunks)),
        }

    def _chunk(self, index: int, delta: Delta, *, finish_reason: str | None = None, is_delta: bool = False) -> Part:
        text = delta.get("content")
        choice = {
            "delta": delta,
            "finish_reason": finish_reason,
            "index": index,
            "logprobs": self._logprobs([text] if text else []),
        }
        return Part(event(self._document("chat.completion.chunk", [choice], None)), is_delta=is_delta)

    def _logprobs(self, pieces: list[str]) -> dict[str, Any] | None:
        """Log probabilities when they were asked for, as if each piece of the text were a token."""
        if self.request["logprobs"] is not True or not pieces:
            return None
        alternatives = self.request["top_logprobs"] if isinstance(self.request["top_logprobs"], int) else 0
        tokens = [{"token": piece, "logprob": -0.125, "bytes": list(piece.encode())} for piece in pieces]
        return {"content": [{**token, "top_logprobs": [token] * min(alternatives, 1)} for token in tokens]}

    def _document(self, kind: str, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "choices": choices,
            "object": kind,
            "usage": usage,
            "created": int(time.time()),
            "system_fingerprint": None,
            "model": self.request.model_name,
            "id": f"chatcmpl-{self.request_id}",
        }


def split(text: str, count: int) -> list[str]:
    """`text` in `count` pieces of about one length; fewer when it has fewer characters."""
    edges = [len(text) * number // count for number in range(count + 1)]
    return [text[start:end] for start, end in pairwise(edges) if end > start]


def _in_turn(deltas: list[list[Delta]]) -> Iterator[tuple[int, Delta]]:
    for step in range(max(map(len, deltas))):
        for index, own in enumerate(deltas):
            if step < len(own):
                yield index, own[step]


def _call_delta(call: dict[str, Any]) -> Delta:
    return {"content": None, "tool_calls": [call]}


def _call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
