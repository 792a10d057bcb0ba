"""The answer to a chat call: its progress, and the whole answer that its chunks make up."""

from collections.abc import Callable, Mapping

from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.upstream.operations.accumulate import IDENTIFIERS, accumulate, finished
from qwen_gateway.upstream.operations.chunks import (
    Chunk,
    as_object,
    as_objects,
    as_text,
    get_choices,
    get_delta,
    get_index,
    is_done,
    normalize_choice,
    parse_chunk,
)
from qwen_gateway.upstream.operations.tool_calls import ToolCalls
from qwen_gateway.usage import Usage, merge_usage

_ENVELOPE = ("id", "object", "created", "model")
"""What every chunk of an answer repeats."""

_CHECKS: Mapping[str, Callable[[object], object]] = {
    "content": as_text,
    "reasoning_content": as_text,
    "refusal": as_text,
    "tool_calls": as_objects,
    "function_call": as_object,
}
"""The checks of the types of a delta's fields."""
_ROLE = "assistant"


class ChatReader:
    """Reads a chat answer and follows its progress; it keeps no content.

    The forms in which providers differ become one: a whole answer becomes a chunk, each tool call has an index of its
    own, usage inside a choice becomes that of the chunk, and blank fields keep the values of earlier chunks.
    `normalize_choice` has the rest.

    Args:
        choices: the number of choices that were requested.
    """

    def __init__(self, choices: int) -> None:
        self._requested = choices
        self._started: set[int] = set()
        self._finished: dict[int, str] = {}
        self._with_role: set[int] = set()
        self._tool_calls: dict[int, ToolCalls] = {}
        self._envelope: Chunk = {}
        self._usage: Chunk | None = None
        self._is_finished = False
        self.outputs = 0
        self.is_complete = False
        self.is_over = False

    @property
    def usage(self) -> Usage | None:
        """The usage that the provider reported."""
        return Usage.parse(self._usage) if self._usage else None

    def finish(self) -> None:
        """Check that the choices are finished: all that were requested, or those that started if the stream has an end.

        Raises:
            ProviderAnswerBroken: the answer is incomplete.
        """
        if not (self._is_finished if self.is_over else self.is_complete):
            raise ProviderAnswerBroken("the answer ended without a finish_reason")

    def _read(self, data: bytes) -> tuple[Chunk | None, bool]:
        """Read an event; return its chunk, None if there is none, and whether it differs from the provider's.

        Raises:
            ProviderError: it is no chunk, a part of it has the wrong type, or it is an error of the provider.
        """
        if is_done(data):
            self.is_over = True
            return None, False
        chunk = parse_chunk(data)
        if chunk is None:
            return None, False
        is_changed = self._fill_envelope(chunk)
        for choice in get_choices(chunk):
            is_changed = self._normalize(choice, chunk) or is_changed
        self._follow(chunk)
        return chunk, is_changed

    def _fill_envelope(self, chunk: Chunk) -> bool:
        """Give blank fields the values of earlier chunks; return whether there was one."""
        blank = {name: known for name, known in self._envelope.items() if name in chunk and not chunk[name]}
        chunk.update(blank)
        self._envelope |= {name: chunk[name] for name in _ENVELOPE if chunk.get(name)}
        return bool(blank)

    def _normalize(self, choice: Chunk, chunk: Chunk) -> bool:
        """Bring a choice into the form of a chunk; return whether that changed it."""
        is_changed = normalize_choice(choice, chunk)
        index: int = choice["index"]
        delta = get_delta(choice)
        if choice.get("finish_reason") == "stop" and self._finished.get(index, "stop") != "stop":
            # It would hide that tool calls or the output cap ended the answer.
            choice["finish_reason"] = None
            is_changed = True
        is_changed = self._normalize_role(delta, index) or is_changed
        return self._normalize_calls(delta, index) or is_changed

    def _normalize_role(self, delta: Chunk, index: int) -> bool:
        """Leave the role out where it is blank or repeated, because clients join texts; every other is `assistant`."""
        if "role" not in delta:
            return False
        if delta["role"] == _ROLE and index not in self._with_role:
            self._with_role.add(index)
            return False
        role = delta.pop("role")
        if role and index not in self._with_role:
            delta["role"] = _ROLE
            self._with_role.add(index)
        return True

    def _normalize_calls(self, delta: Chunk, index: int) -> bool:
        if not (delta.get("tool_calls") or delta.get("function_call")):
            return False
        calls = self._tool_calls.setdefault(index, ToolCalls())
        normalized = {
            "tool_calls": calls.normalize(as_objects(delta.get("tool_calls"))),
            "function_call": calls.normalize_function(as_object(delta.get("function_call"))),
        }
        changed = {name: value for name, value in normalized.items() if value and value != delta[name]}
        delta.update(changed)
        return bool(changed)

    def _follow(self, chunk: Chunk) -> None:
        usage = chunk.get("usage")
        if usage and isinstance(usage, dict):
            self._usage = merge_usage(self._usage or {}, usage)
        has_output = False
        for choice in get_choices(chunk):
            index = get_index(choice)
            self._started.add(index)
            if reason := as_text(choice.get("finish_reason")):
                self._finished[index] = reason
            has_output = _contains_output(get_delta(choice)) or has_output
        self.outputs += has_output
        self._is_finished = bool(self._started) and self._started == self._finished.keys()
        self.is_complete = self._is_finished and len(self._started) >= self._requested


def _contains_output(delta: Chunk) -> bool:
    """Return whether a delta adds anything but identifiers such as its role: providers name their outputs freely."""
    has_output = False
    for name, value in delta.items():
        if value and name not in IDENTIFIERS:
            if check := _CHECKS.get(name):
                check(value)
            has_output = True
    return has_output


class WholeChatReader(ChatReader):
    """Assembles one `chat.completion` from the chunks."""

    is_ready = False

    def __init__(self, choices: int) -> None:
        super().__init__(choices)
        self.answer: Chunk = {}
        self._fields: Chunk = {}
        self._choices: dict[int, _Choice] = {}

    def read(self, data: bytes) -> None:
        """Read an event and add it to the answer."""
        chunk, _ = self._read(data)
        if chunk is None:
            return
        self._fields |= {name: value for name, value in chunk.items() if value and name not in {"choices", "usage"}}
        for choice in get_choices(chunk):
            self._choices.setdefault(get_index(choice), _Choice()).add(choice)

    def finish(self) -> None:
        """Check the choices as `ChatReader` does, and assemble the `chat.completion`."""
        super().finish()
        choices = [{"index": index, **self._choices[index].choice()} for index in sorted(self._choices)]
        usage = {} if self._usage is None else {"usage": self._usage}
        self.answer = {**self._fields, "object": "chat.completion", "choices": choices, **usage}


class _Choice:
    def __init__(self) -> None:
        self._delta: Chunk = {}
        self._logprobs: Chunk = {}
        self._fields: Chunk = {}

    def add(self, choice: Chunk) -> None:
        accumulate(self._delta, get_delta(choice))
        if choice.get("logprobs"):
            self._add_logprobs(as_object(choice["logprobs"]))
        others = {name: value for name, value in choice.items() if name not in {"index", "delta", "logprobs"}}
        self._fields |= {name: value for name, value in others.items() if value is not None}

    def _add_logprobs(self, logprobs: Chunk) -> None:
        for values in logprobs.values():
            as_objects(values)
        self._logprobs = {**dict.fromkeys(logprobs), **self._logprobs}
        accumulate(self._logprobs, logprobs)

    def choice(self) -> Chunk:
        message = {"role": "", "content": None, **finished(self._delta)}
        message["role"] = "assistant"
        if calls := message.pop("tool_calls", None):
            message["content"] = message["content"] or None
            message["tool_calls"] = [_tool_call(call) for call in sorted(calls, key=get_index)]
        return {
            **self._fields,
            "message": message,
            "logprobs": finished(self._logprobs) or None,
            "finish_reason": self._fields.get("finish_reason"),
        }


def _tool_call(call: Chunk) -> Chunk:
    fields = {name: value for name, value in call.items() if name != "index"}
    return {"type": "function", **fields, "function": {"arguments": "", **as_object(call.get("function"))}}
