"""The changes to a stream on its way to a client; every other chunk is relayed as the provider sent it.

Later deltas of a tool call lose their empty `id` and `name`: clients that overwrite instead of append break on them.
The usage is removed wherever the provider sends it, and kept for clients that asked for it.
"""

import json

from qwen_gateway.upstream.chunks import Chunk, as_object, as_objects, get_choices, get_delta, get_index
from qwen_gateway.upstream.provider_stream import Event

_TOOL_CALLS = b"tool_calls"


class ChunkNormalizer:
    """Normalizes the chunks of one answer; it remembers which tool calls have started, and the last usage."""

    def __init__(self) -> None:
        self._started: set[tuple[int, int]] = set()
        self.usage: Event | None = None
        """The usage chunk in OpenAI's form, without a choice."""

    def normalize(self, batch: list[Event]) -> list[Event]:
        """Return the events for the client. Their types were checked before."""
        normalized = []
        for event in batch:
            kept = self._remove_usage(event) if event.chunk.get("usage") else event
            if kept:
                normalized.append(self._remove_empty_names(kept) if _TOOL_CALLS in kept.data else kept)
        return normalized

    def _remove_usage(self, event: Event) -> Event | None:
        is_usage_chunk = not get_choices(event.chunk)
        if isinstance(event.chunk["usage"], dict):
            self.usage = event if is_usage_chunk else _encode({**event.chunk, "choices": []})
        if is_usage_chunk:
            return None
        return _encode({name: value for name, value in event.chunk.items() if name != "usage"})

    def _remove_empty_names(self, event: Event) -> Event:
        is_changed = False
        for choice in get_choices(event.chunk):
            for call in as_objects(get_delta(choice).get("tool_calls")):
                is_changed = self._remove_empty_name(get_index(choice), call) or is_changed
        return _encode(event.chunk) if is_changed else event

    def _remove_empty_name(self, choice: int, call: Chunk) -> bool:
        key = (choice, get_index(call))
        if key not in self._started:
            self._started.add(key)
            return False
        function = as_object(call.get("function"))
        return _remove_empty(call, "id") | _remove_empty(function, "name")


def _remove_empty(part: Chunk, name: str) -> bool:
    if name not in part or part[name]:
        return False
    del part[name]
    return True


def _encode(chunk: Chunk) -> Event:
    # ASCII, because half a surrogate pair, which models do send, has no UTF-8 form.
    return Event(json.dumps(chunk, separators=(",", ":")).encode(), chunk)
