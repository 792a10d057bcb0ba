"""How far a streamed answer has come, chunk by chunk, without keeping what it says."""

from collections.abc import Callable, Mapping
from typing import Any

from qwen_gateway.upstream.chunks import Chunk, choices_of, delta_of, index_of, object_of, objects, text_of


def _calls_of(value: object) -> list[Chunk]:
    calls = objects(value)
    for call in calls:
        index_of(call)
        object_of(call.get("function"))
    return calls


_OUTPUT: Mapping[str, Callable[[object], object]] = {
    "content": text_of,
    "reasoning_content": text_of,
    "reasoning": bool,
    "refusal": text_of,
    "tool_calls": _calls_of,
    "function_call": bool,
    "audio": bool,
}
"""Where a delta carries what the model says, and what is read of it with care; a role alone is none of it."""


class Progress:
    """What an answer's chunks have told so far.

    Args:
        choices: how many answers were asked for.
    """

    def __init__(self, choices: int) -> None:
        self._asked = choices
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self.usage: dict[str, Any] | None = None
        """The tokens that the provider counted, as it told them last."""

    def note(self, chunk: Chunk) -> bool:
        """Take one chunk; True when it carried output of the model.

        Raises:
            ProviderAnswerBroken: a part of it is not of the kind that the protocol has there.
        """
        usage = chunk.get("usage")
        if usage and isinstance(usage, dict):
            self.usage = usage
        progressed = False
        for choice in choices_of(chunk):
            index = index_of(choice)
            self._begun.add(index)
            if text_of(choice.get("finish_reason")):
                self._finished.add(index)
            progressed = _is_output(delta_of(choice)) or progressed
        return progressed

    @property
    def finished(self) -> bool:
        """Whether every choice that began has said why it ended."""
        return bool(self._begun) and self._begun == self._finished

    @property
    def complete(self) -> bool:
        """Whether every choice that was asked for has: what may still come is usage alone."""
        return self.finished and len(self._begun) >= self._asked


def _is_output(delta: Chunk) -> bool:
    """Whether a delta carries output, whose form is checked before anybody reads it."""
    is_output = False
    for name, value in delta.items():
        if value and (read := _OUTPUT.get(name)):
            read(value)
            is_output = True
    return is_output
