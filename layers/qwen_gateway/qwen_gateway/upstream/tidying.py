"""What is changed of a chunk on its way to a client; every other one goes through as the provider sent it.

Later pieces of a tool call lose their empty `id` and `name`: clients that overwrite instead of append break on them.
The usage is taken out, wherever the provider puts it, to be told once at the end to whoever asked for it.
"""

import json

from qwen_gateway.upstream.answering import Event
from qwen_gateway.upstream.chunks import Chunk, choices_of, delta_of, index_of, object_of, objects

_TOOL_CALLS = b"tool_calls"


class Tidying:
    """Knows which tool calls of an answer have begun, and the usage that was told last."""

    def __init__(self) -> None:
        self._begun: set[tuple[int, int]] = set()
        self.usage: Event | None = None
        """The chunk that tells the usage, as OpenAI has it: without a choice."""

    def tidy(self, batch: list[Event]) -> list[Event]:
        """Return what the client is to see of these events, whose form was checked."""
        tidied = []
        for event in batch:
            kept = self._without_usage(event) if event.chunk.get("usage") else event
            if kept:
                tidied.append(self._without_empty_names(kept) if _TOOL_CALLS in kept.data else kept)
        return tidied

    def _without_usage(self, event: Event) -> Event | None:
        is_usage_alone = not choices_of(event.chunk)
        if isinstance(event.chunk["usage"], dict):
            self.usage = event if is_usage_alone else _event({**event.chunk, "choices": []})
        if is_usage_alone:
            return None
        return _event({name: value for name, value in event.chunk.items() if name != "usage"})

    def _without_empty_names(self, event: Event) -> Event:
        is_changed = False
        for choice in choices_of(event.chunk):
            for call in objects(delta_of(choice).get("tool_calls")):
                is_changed = self._drop_empty_names(index_of(choice), call) or is_changed
        return _event(event.chunk) if is_changed else event

    def _drop_empty_names(self, choice: int, call: Chunk) -> bool:
        place = (choice, index_of(call))
        if place not in self._begun:
            self._begun.add(place)
            return False
        function = object_of(call.get("function"))
        return _drop_empty(call, "id") | _drop_empty(function, "name")


def _drop_empty(part: Chunk, name: str) -> bool:
    if name not in part or part[name]:
        return False
    del part[name]
    return True


def _event(chunk: Chunk) -> Event:
    # In ASCII, because half a surrogate pair, which models do send, has no UTF-8 form but an escape.
    return Event(json.dumps(chunk, separators=(",", ":")).encode(), chunk)
