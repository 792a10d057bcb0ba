"""Assemble a whole answer from the chunks of a streamed one."""

from typing import Any

from qwen_gateway.upstream.chunks import Chunk, as_object, as_objects, as_text, get_choices, get_delta, get_index

_TEXTS = ("content", "reasoning_content", "refusal")


class Aggregate:
    """Assembles one `chat.completion` from chunks of `chat.completion.chunk`.

    Text is joined, tool calls are joined by index, and of an unknown field the last value is kept.
    """

    def __init__(self) -> None:
        self._envelope: Chunk = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: Chunk) -> None:
        """Add a chunk.

        Raises:
            ProviderAnswerBroken: a part of it has the wrong type.
        """
        self._envelope.update({key: value for key, value in chunk.items() if key not in {"choices", "usage"}})
        for choice in get_choices(chunk):
            index = get_index(choice)
            self._choices.setdefault(index, _Choice(index)).add(choice)

    def completion(self, usage: dict[str, Any] | None) -> Chunk:
        """Return the `chat.completion`."""
        choices = [self._choices[index].choice() for index in sorted(self._choices)]
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
        self.finish_reason = as_text(choice.get("finish_reason")) or self.finish_reason
        if choice.get("logprobs") is not None:
            self._add_logprobs(as_object(choice["logprobs"]))
        for key, value in get_delta(choice).items():
            if value is None:
                continue
            if key in _TEXTS:
                self._texts.setdefault(key, []).append(as_text(value))
            elif key == "tool_calls":
                self._add_tool_calls(as_objects(value))
            else:
                self._message[key] = value

    def _add_tool_calls(self, deltas: list[Chunk]) -> None:
        for delta in deltas:
            self._tool_calls.setdefault(get_index(delta), _ToolCall()).add(delta)

    def _add_logprobs(self, logprobs: Chunk) -> None:
        collected = self._logprobs = self._logprobs or {}
        for key, values in logprobs.items():
            collected[key] = (
                [*(collected.get(key) or ()), *as_objects(values)] if values else collected.get(key, values)
            )

    def choice(self) -> Chunk:
        texts = {key: "".join(parts) for key, parts in self._texts.items()}
        content = texts.pop("content", None)
        message = {**self._message, "content": content, **texts}
        if self._tool_calls:
            message["content"] = content or None
            message["tool_calls"] = [self._tool_calls[index].tool_call() for index in sorted(self._tool_calls)]
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
        """Add a delta; empty values are skipped, because Qwen repeats `id` and `name` empty in later deltas."""
        self._fields.update({key: value for key, value in delta.items() if value and key not in {"index", "function"}})
        function = as_object(delta.get("function"))
        self._arguments.append(as_text(function.get("arguments")))
        self._function.update({key: value for key, value in function.items() if value and key != "arguments"})

    def tool_call(self) -> Chunk:
        return {
            "type": "function",
            **self._fields,
            "function": {**self._function, "arguments": "".join(self._arguments)},
        }
