"""DashScope's wire formats of chat: a whole response, the events of a stream.

Source: the provider's documentation of its compatible mode and bodies captured by third parties, November 2026.
"""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from qwen_gateway_cli.local.mock_qwen.completion import Choice, FunctionCall
from qwen_gateway_cli.local.mock_qwen.request import ChatRequest

DONE = b"data: [DONE]\n\n"
REASONING_DELTAS = 2

type Delta = dict[str, Any]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Part(NamedTuple):
    """Bytes that are sent in one write. A delta has content or a fragment of a tool call."""

    data: bytes
    is_delta: bool = False


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """A body in parts: the events of a stream, or two halves of a whole body, of which the first counts as a delta."""

    content_type: str
    parts: list[Part]
    streamed: bool

    @property
    def data(self) -> bytes:
        """All parts joined."""
        return b"".join(part.data for part in self.parts)

    def count_parts(self, deltas: int) -> int:
        """Return the number of parts up to that many deltas, or up to the last delta when there are fewer."""
        ends = [number for number, part in enumerate(self.parts, 1) if part.is_delta]
        return ends[min(deltas, len(ends)) - 1] if deltas and ends else 0

    def with_broken_json(self, deltas: int) -> "ResponseBody":
        """Return this body without the last bracket of the event after `deltas`, or of the whole body."""
        position = self.count_parts(deltas) if self.streamed else len(self.parts) - 1
        text = self.parts[position].data.rstrip()
        ending = self.parts[position].data[len(text) :]
        broken = Part(text[:-1] + ending, is_delta=self.parts[position].is_delta)
        parts = [*self.parts[:position], broken, *self.parts[position + 1 :]]
        return ResponseBody(self.content_type, parts, self.streamed)


def encode_json(document: object) -> bytes:
    """Encode a document as compact JSON in UTF-8."""
    return _encode(document).encode()


def encode_event(document: object) -> bytes:
    """Encode a document as one server-sent event."""
    return b"data: %b\n\n" % encode_json(document)


@dataclass(frozen=True, slots=True)
class CompletionEncoder:
    """Encodes the choices of one completion."""

    request: ChatRequest
    request_id: str
    choices: list[Choice]
    usage: dict[str, Any]
    chunks: int

    def encode(self) -> ResponseBody:
        """Return the body in the requested form, streamed or whole."""
        return self._encode_stream() if self.request.streamed else self._encode_whole()

    def _encode_whole(self) -> ResponseBody:
        choices = [self._message(index, choice) for index, choice in enumerate(self.choices)]
        body = encode_json(self._document("chat.completion", choices, self.usage))
        half = len(body) // 2
        return ResponseBody("application/json", [Part(body[:half], is_delta=True), Part(body[half:])], streamed=False)

    def _encode_stream(self) -> ResponseBody:
        parts = [self._chunk(index, {"content": "", "role": "assistant"}) for index in range(len(self.choices))]
        parts += self._interleave_deltas()
        parts += [
            self._chunk(index, {"content": ""}, finish_reason=choice.finish_reason)
            for index, choice in enumerate(self.choices)
        ]
        if self.request.includes_usage:
            parts.append(Part(encode_event(self._document("chat.completion.chunk", [], self.usage))))
        return ResponseBody("text/event-stream;charset=UTF-8", [*parts, Part(DONE)], streamed=True)

    def _interleave_deltas(self) -> Iterator[Part]:
        """Yield the deltas of all choices in turn, reasoning first, as models generate them in parallel."""
        reasoning = [
            [{"content": None, "reasoning_content": piece} for piece in split(choice.reasoning, REASONING_DELTAS)]
            for choice in self.choices
        ]
        yield from (self._chunk(index, delta) for index, delta in _interleave(reasoning))
        contents = [[*self._text_deltas(choice), *self._call_deltas(choice.calls)] for choice in self.choices]
        for index, delta in _interleave(contents):
            yield self._chunk(index, delta, is_delta=True)

    def _text_deltas(self, choice: Choice) -> list[Delta]:
        after_reasoning = {"reasoning_content": None} if choice.reasoning else {}
        return [{"content": piece, **after_reasoning} for piece in split(choice.content, self.chunks)]

    def _call_deltas(self, calls: tuple[FunctionCall, ...]) -> Iterator[Delta]:
        """Yield a call's deltas: the first has id and name, later ones an empty id, every other one an empty name."""
        for index, call in enumerate(calls):
            first = {"index": index, "id": _create_call_id(), "type": "function"}
            yield _build_call_delta({**first, "function": {"name": call.name, "arguments": ""}})
            for number, piece in enumerate(split(call.arguments, max(2, self.chunks - 1))):
                name = {"name": ""} if number % 2 else {}
                function = {**name, "arguments": piece}
                yield _build_call_delta({"index": index, "id": "", "type": "function", "function": function})

    def _message(self, index: int, choice: Choice) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": choice.content}
        if choice.reasoning:
            message["reasoning_content"] = choice.reasoning
        if choice.calls:
            message["tool_calls"] = [
                {
                    "index": position,
                    "id": _create_call_id(),
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
        return Part(encode_event(self._document("chat.completion.chunk", [choice], None)), is_delta=is_delta)

    def _logprobs(self, pieces: list[str]) -> dict[str, Any] | None:
        """Return log probabilities when requested, with each piece of the text as a token."""
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
    """Split text into `count` pieces of similar length, or fewer when it has fewer characters."""
    edges = [len(text) * number // count for number in range(count + 1)]
    return [text[start:end] for start, end in pairwise(edges) if end > start]


def _interleave(deltas: list[list[Delta]]) -> Iterator[tuple[int, Delta]]:
    for step in range(max(map(len, deltas))):
        for index, choice_deltas in enumerate(deltas):
            if step < len(choice_deltas):
                yield index, choice_deltas[step]


def _build_call_delta(call: dict[str, Any]) -> Delta:
    return {"content": None, "tool_calls": [call]}


def _create_call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
