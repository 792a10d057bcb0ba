"""Chat completions: `POST /chat/completions`.

Every call is streamed, also for a client that gets a whole answer.
"""

from collections.abc import Mapping
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.config import ApiFamily, Endpoint, Provider
from qwen_gateway.dialect import AdaptedRequest, ChatRequirements, adapt_request
from qwen_gateway.upstream.operations import Event, Method
from qwen_gateway.upstream.operations.chat_answer import ChatReader, WholeChatReader
from qwen_gateway.upstream.operations.chunks import DONE, encode_event, get_choices


class RelayedChatReader(ChatReader):
    """Reads a stream for a client that gets the chunks as the provider sent them, unless their form has to change.

    The usage is removed wherever the provider sends it, and comes last for a client that asked for it.
    """

    final_event = Event(DONE, {})

    def __init__(self, choices: int, *, wants_usage: bool) -> None:
        super().__init__(choices)
        self._wants_usage = wants_usage
        self.is_ready = False
        self._usage_event: Event | None = None

    def read(self, data: bytes) -> Event | None:
        """Read an event; return it as the client gets it, or None."""
        chunk, is_changed = self._read(data)
        self.is_ready = self.outputs > 0
        if chunk is None:
            return None
        event = encode_event(chunk) if is_changed else Event(data, chunk)
        return self._remove_usage(event) if chunk.get("usage") else event

    def last_events(self, cost: Mapping[str, Any]) -> list[Event]:
        """Return the usage, in OpenAI's form: a chunk without a choice."""
        if not self._usage_event or not self._wants_usage:
            return []
        chunk = self._usage_event.chunk
        return [encode_event({**chunk, "usage": {**chunk["usage"], **cost}}) if cost else self._usage_event]

    def _remove_usage(self, event: Event) -> Event | None:
        is_usage_chunk = not get_choices(event.chunk)
        if isinstance(event.chunk["usage"], dict):
            is_in_form = event.chunk.get("choices") == [] and event.chunk["usage"] == self._usage
            self._usage_event = (
                event if is_in_form else encode_event({**event.chunk, "choices": [], "usage": self._usage})
            )
        if is_usage_chunk:
            return None
        return encode_event({name: value for name, value in event.chunk.items() if name != "usage"})


class ChatCompletions:
    """The operation of chat completions."""

    endpoint: Endpoint = "chat/completions"
    api_family: ApiFamily = "openai"
    method: Method = "POST"
    path = "/chat/completions"

    def requirements(self, body: Mapping[str, Any]) -> ChatRequirements:
        """Return what a request requires of a model."""
        return ChatRequirements(body)

    def adapt(
        self, body: Mapping[str, Any], model: Model | None, provider: Provider, output_limit: int | None
    ) -> AdaptedRequest:
        """Return the request in the form that a target takes; see `Operation`."""
        return adapt_request(body, model, output_limit=output_limit, stream_usage=provider.stream_usage)

    def whole_reader(self, body: Mapping[str, Any]) -> WholeChatReader:
        """Return a reader that assembles the answer."""
        return WholeChatReader(_choices(body))

    def relay_reader(self, body: Mapping[str, Any]) -> RelayedChatReader:
        """Return a reader that passes the chunks on."""
        options = body.get("stream_options") or {}
        return RelayedChatReader(_choices(body), wants_usage=bool(options.get("include_usage")))


CHAT = ChatCompletions()


def _choices(body: Mapping[str, Any]) -> int:
    choices: int = body.get("n") or 1
    return choices
