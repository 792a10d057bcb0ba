"""A streamed answer put together into the whole one that the client asked for."""

from typing import Any

from qwen_gateway.upstream.chunks import Chunk, choices_of, delta_of, index_of, object_of, objects, text_of

_TEXTS = ("content", "reasoning_content", "refusal")


class Aggregate:
    """Collects chunks of `chat.completion.chunk` and gives one `chat.completion`.

    Text is joined, tool calls are joined by their index, everything that is not known is kept as it came last.
    """

    def __init__(self) -> None:
        self._envelope: Chunk = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: Chunk) -> None:
        """Take one chunk.

        Raises:
            ProviderAnswerBroken: a part of it is not of the kind that the protocol has there.
        """
        self._envelope.update({key: value for key, value in chunk.items() if key not in {"choices", "usage"}})
        for choice in choices_of(chunk):
            index = index_of(choice)
            self._choices.setdefault(index, _Choice(index)).add(choice)

    def whole(self, usage: dict[str, Any] | None) -> Chunk:
        """Return the answer as `chat.completion`."""
        choices = [self._choices[index].whole() for index in sorted(self._choices)]
        answer = {**self._envelope, "object": "chat.completion", "choices": choices}
        return answer if usage is None else {**answer, "usage": usage}


class _Choice:
    def __init__(self, index: int) -> None:
        self._index = index
        self._message: dict[str, Any] = {"role": "assistant"}
        self._texts: dict[str, list[str]] = {}
        self._tool_calls: dict[int, _ToolCall] = {}
        self._logprobs: dict[str, Any] | None = None
        self.finish_reason: str | None = None

    def add(self, choice: Chunk) -> None:
        self.finish_reason = text_of(choice.get("finish_reason")) or self.finish_reason
        if choice.get("logprobs") is not None:
            self._add_logprobs(object_of(choice["logprobs"]))
        for key, value in delta_of(choice).items():
            if value is None:
                continue
            if key in _TEXTS:
                self._texts.setdefault(key, []).append(text_of(value))
            elif key == "tool_calls":
                self._add_tool_calls(objects(value))
            else:
                self._message[key] = value

    def _add_tool_calls(self, deltas: list[Chunk]) -> None:
        for delta in deltas:
            self._tool_calls.setdefault(index_of(delta), _ToolCall()).add(delta)

    def _add_logprobs(self, logprobs: Chunk) -> None:
        collected = self._logprobs = self._logprobs or {}
        for key, values in logprobs.items():
            collected[key] = [*(collected.get(key) or ()), *objects(values)] if values else collected.get(key, values)

    def whole(self) -> Chunk:
        texts = {key: "".join(parts) for key, parts in self._texts.items()}
        content = texts.pop("content", None)
        message = {**self._message, "content": content, **texts}
        if self._tool_calls:
            message["content"] = content or None
            message["tool_calls"] = [self._tool_calls[index].whole() for index in sorted(self._tool_calls)]
        return {
            "index": self._index,
            "message": message,
            "logprobs": self._logprobs,
            "finish_reason": self.finish_reason,
        }


class _ToolCall:
    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._function: dict[str, Any] = {}
        self._arguments: list[str] = []

    def add(self, delta: Chunk) -> None:
        """Later deltas of Qwen's streams repeat `id` and `name` empty: only what says something is taken."""
        self._fields.update({key: value for key, value in delta.items() if value and key not in {"index", "function"}})
        function = object_of(delta.get("function"))
        self._arguments.append(text_of(function.get("arguments")))
        self._function.update({key: value for key, value in function.items() if value and key != "arguments"})

    def whole(self) -> Chunk:
        return {
            "type": "function",
            **self._fields,
            "function": {**self._function, "arguments": "".join(self._arguments)},
        }
