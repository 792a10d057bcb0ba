"""A streamed answer put together into the whole one that the client asked for."""

from typing import Any

from qwen_gateway.errors import ProviderAnswerBroken

Chunk = dict[str, Any]

_TEXTS = ("content", "reasoning_content", "refusal")


class Aggregate:
    """Collects chunks of `chat.completion.chunk` and gives one `chat.completion`.

    Text is joined, tool calls are joined by their index, everything that is not known is kept as it came last.
    """

    def __init__(self) -> None:
        self._envelope: Chunk = {}
        self._choices: dict[int, _Choice] = {}
        self.usage: dict[str, Any] | None = None

    def add(self, chunk: Chunk) -> bool:
        """Take one chunk; True when it carried output of the model.

        Raises:
            ProviderAnswerBroken: a part of it is not of the kind that the protocol has there.
        """
        self._envelope.update({key: value for key, value in chunk.items() if key not in {"choices", "usage"}})
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        progressed = False
        for choice in _objects(chunk.get("choices")):
            index = _index(choice)
            progressed |= self._choices.setdefault(index, _Choice(index)).add(choice)
        return progressed

    @property
    def finished(self) -> bool:
        """Whether every choice that began has said why it ended."""
        return bool(self._choices) and all(choice.finish_reason for choice in self._choices.values())

    def whole(self) -> Chunk:
        """Return the answer as `chat.completion`."""
        choices = [self._choices[index].whole() for index in sorted(self._choices)]
        answer = {**self._envelope, "object": "chat.completion", "choices": choices}
        if self.usage is not None:
            answer["usage"] = self.usage
        return answer


class _Choice:
    def __init__(self, index: int) -> None:
        self._index = index
        self._message: dict[str, Any] = {"role": "assistant"}
        self._texts: dict[str, list[str]] = {}
        self._tool_calls: dict[int, _ToolCall] = {}
        self._logprobs: dict[str, Any] | None = None
        self.finish_reason: str | None = None

    def add(self, choice: Chunk) -> bool:
        self.finish_reason = _text(choice.get("finish_reason")) or self.finish_reason
        if choice.get("logprobs") is not None:
            self._add_logprobs(_object(choice["logprobs"]))
        progressed = False
        for key, value in _object(choice.get("delta")).items():
            if value is None:
                continue
            if key in _TEXTS:
                self._texts.setdefault(key, []).append(_text(value))
                progressed |= bool(value)
            elif key == "tool_calls":
                progressed |= self._add_tool_calls(_objects(value))
            else:
                self._message[key] = value
        return progressed

    def _add_tool_calls(self, deltas: list[Chunk]) -> bool:
        for delta in deltas:
            self._tool_calls.setdefault(_index(delta), _ToolCall()).add(delta)
        return bool(deltas)

    def _add_logprobs(self, logprobs: Chunk) -> None:
        collected = self._logprobs = self._logprobs or {}
        for key, values in logprobs.items():
            collected[key] = [*(collected.get(key) or ()), *_objects(values)] if values else collected.get(key, values)

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
        function = _object(delta.get("function"))
        self._arguments.append(_text(function.get("arguments")))
        self._function.update({key: value for key, value in function.items() if value and key != "arguments"})

    def whole(self) -> Chunk:
        return {
            "type": "function",
            **self._fields,
            "function": {**self._function, "arguments": "".join(self._arguments)},
        }


# Null counts as empty, as what is left out does.


def _object(value: object) -> Chunk:
    return {} if value is None else _of_kind(value, dict)


def _objects(value: object) -> list[Chunk]:
    return [] if value is None else [_of_kind(each, dict) for each in _of_kind(value, list)]


def _text(value: object) -> str:
    return "" if value is None else _of_kind(value, str)


def _index(part: Chunk) -> int:
    index = part.get("index")
    return 0 if index is None else _of_kind(index, int)


def _of_kind[Kind](value: object, kind: type[Kind]) -> Kind:
    if not isinstance(value, kind):
        raise ProviderAnswerBroken("a chunk of the stream is not of the protocol's form")
    return value
