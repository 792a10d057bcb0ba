"""The answer to a chat call: its chunks (`chat.completion.chunk`), read strictly, its progress, and the whole answer.

Null counts as missing. Each accessor raises ProviderAnswerBroken for a part of the wrong type.
"""

from collections.abc import Callable, Mapping
from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.provider_failures import classify, parse_error_body
from qwen_gateway.upstream.operations import Event
from qwen_gateway.usage import Usage

Chunk = dict[str, Any]

DONE = b"[DONE]"
"""The last event of a complete stream."""
_TEXTS = ("content", "reasoning_content", "refusal")

_WRONG_FORM = "a chunk of the stream is not of the protocol's form"


def parse_chunk(data: bytes) -> Chunk:
    """Parse the data of an event.

    Raises:
        ProviderError: it is not a chunk, or it is an error event of the provider.
    """
    try:
        chunk = strictjson.loads(data)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise ProviderAnswerBroken("a chunk of the stream is no JSON object")
    if chunk.get("error"):
        body = parse_error_body(chunk)
        raise classify(None, body)(body.message, param=body.param, code=body.code or None)
    return chunk


def get_choices(chunk: Chunk) -> list[Chunk]:
    """Return the choices of a chunk."""
    return as_objects(chunk.get("choices"))


def get_delta(choice: Chunk) -> Chunk:
    """Return the delta of a choice."""
    return as_object(choice.get("delta"))


def get_index(part: Chunk) -> int:
    """Return the index of a choice or of a tool call, 0 if it has none."""
    index = part.get("index")
    return 0 if index is None else _check_type(index, int)


def as_objects(value: object) -> list[Chunk]:
    """Return a list of JSON objects."""
    if value is None:
        return []
    items: list[Chunk] = _check_type(value, list)
    for item in items:
        if not isinstance(item, dict):
            raise ProviderAnswerBroken(_WRONG_FORM)
    return items


def as_object(value: object) -> Chunk:
    """Return a JSON object."""
    return {} if value is None else _check_type(value, dict)


def as_text(value: object) -> str:
    """Return a string."""
    return "" if value is None else _check_type(value, str)


def _check_type[Type](value: object, expected: type[Type]) -> Type:
    if not isinstance(value, expected):
        raise ProviderAnswerBroken(_WRONG_FORM)
    return value


def _check_tool_calls(value: object) -> None:
    for call in as_objects(value):
        get_index(call)
        as_object(call.get("function"))


_OUTPUT_FIELDS: Mapping[str, Callable[[object], object]] = {
    "content": as_text,
    "reasoning_content": as_text,
    "reasoning": bool,
    "refusal": as_text,
    "tool_calls": _check_tool_calls,
    "function_call": bool,
    "audio": bool,
}
"""The fields of a delta that are output of the model, each with the check of its type; `role` alone is no output."""


class ChatReader:
    """Reads a chat answer and follows its progress; it keeps no content.

    Args:
        choices: the number of choices that were requested.
    """

    def __init__(self, choices: int) -> None:
        self._requested = choices
        self._started: set[int] = set()
        self._finished: set[int] = set()
        self._usage: Chunk | None = None
        self._is_finished = False
        self.outputs = 0
        self.is_complete = False
        self.is_over = False

    @property
    def usage(self) -> Usage | None:
        """The last usage that the provider reported."""
        return Usage.parse(self._usage) if self._usage else None

    def check_end(self) -> None:
        """Check that the choices are finished: all that were requested, or those that started if the stream has an end.

        Raises:
            ProviderAnswerBroken: the answer is incomplete.
        """
        if not (self._is_finished if self.is_over else self.is_complete):
            raise ProviderAnswerBroken("the answer ended without a finish_reason")

    def _read(self, data: bytes) -> Event | None:
        """Read an event; return it, or None at the end of the stream.

        Raises:
            ProviderError: it is no chunk, a part of it has the wrong type, or it is an error of the provider.
        """
        if data == DONE:
            self.is_over = True
            return None
        chunk = parse_chunk(data)
        self._add(chunk)
        return Event(data, chunk)

    def _add(self, chunk: Chunk) -> None:
        usage = chunk.get("usage")
        if usage and isinstance(usage, dict):
            self._usage = usage
        has_output = False
        for choice in get_choices(chunk):
            index = get_index(choice)
            self._started.add(index)
            if as_text(choice.get("finish_reason")):
                self._finished.add(index)
            has_output = _contains_output(get_delta(choice)) or has_output
        self.outputs += has_output
        self._is_finished = bool(self._started) and self._started == self._finished
        self.is_complete = self._is_finished and len(self._started) >= self._requested


def _contains_output(delta: Chunk) -> bool:
    has_output = False
    for name, value in delta.items():
        if value and (check := _OUTPUT_FIELDS.get(name)):
            check(value)
            has_output = True
    return has_output


class WholeChatReader(ChatReader):
    """Assembles one `chat.completion` from the chunks.

    Text is joined, tool calls are joined by index, and of an unknown field the last value is kept.
    """

    def __init__(self, choices: int) -> None:
        super().__init__(choices)
        self._envelope: Chunk = {}
        self._choices: dict[int, _Choice] = {}

    is_ready = False

    def read(self, data: bytes) -> None:
        """Read an event and add it to the answer."""
        if event := self._read(data):
            self._assemble(event.chunk)

    def answer(self) -> Chunk:
        """Return the `chat.completion`."""
        choices = [self._choices[index].choice() for index in sorted(self._choices)]
        answer = {**self._envelope, "object": "chat.completion", "choices": choices}
        return answer if self._usage is None else {**answer, "usage": self._usage}

    def _assemble(self, chunk: Chunk) -> None:
        self._envelope.update({key: value for key, value in chunk.items() if key not in {"choices", "usage"}})
        for choice in get_choices(chunk):
            index = get_index(choice)
            self._choices.setdefault(index, _Choice(index)).add(choice)


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
