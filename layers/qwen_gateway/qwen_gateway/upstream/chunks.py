"""Chunks of a streamed answer (`chat.completion.chunk`): strict reading, and the progress of an answer.

Null counts as missing. Each accessor raises ProviderAnswerBroken for a part of the wrong type.
"""

from collections.abc import Callable, Mapping
from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.provider_failures import classify, parse_error_body

Chunk = dict[str, Any]

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


class AnswerProgress:
    """The progress of a streamed answer; it keeps no content.

    Args:
        choices: the number of choices that were requested.
    """

    def __init__(self, choices: int) -> None:
        self._requested = choices
        self._started: set[int] = set()
        self._finished: set[int] = set()
        self.usage: dict[str, Any] | None = None
        """The last usage that the provider reported."""

    def add(self, chunk: Chunk) -> bool:
        """Add a chunk; return whether it contains output of the model.

        Raises:
            ProviderAnswerBroken: a part of it has the wrong type.
        """
        usage = chunk.get("usage")
        if usage and isinstance(usage, dict):
            self.usage = usage
        has_output = False
        for choice in get_choices(chunk):
            index = get_index(choice)
            self._started.add(index)
            if as_text(choice.get("finish_reason")):
                self._finished.add(index)
            has_output = _contains_output(get_delta(choice)) or has_output
        return has_output

    @property
    def is_finished(self) -> bool:
        """Whether every choice that started has a finish_reason."""
        return bool(self._started) and self._started == self._finished

    @property
    def is_complete(self) -> bool:
        """Whether every requested choice has a finish_reason, so that only usage can follow."""
        return self.is_finished and len(self._started) >= self._requested


def _contains_output(delta: Chunk) -> bool:
    has_output = False
    for name, value in delta.items():
        if value and (check := _OUTPUT_FIELDS.get(name)):
            check(value)
            has_output = True
    return has_output
