"""Anthropic's Messages: `POST /v1/messages`, and the count of a request's tokens.

Every call is streamed, also for a client that gets a whole message.
"""

from collections.abc import Mapping
from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.catalog import Model
from qwen_gateway.config import ApiFamily, Endpoint, Provider
from qwen_gateway.dialect import AdaptedRequest
from qwen_gateway.dialect.messages import MessagesRequirements, adapt_messages
from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.upstream.operations import Event, Method
from qwen_gateway.upstream.operations.chunks import as_object, as_text, encode_event, parse_index
from qwen_gateway.upstream.operations.document import DocumentReader
from qwen_gateway.upstream.operations.message_events import Document, MessageReader

_STOP = {"type": "message_stop"}


class RelayedMessageReader(MessageReader):
    """Reads a stream for a client that gets the events as the provider sent them, unknown ones included.

    The event with the usage is kept back, so that the cost can be added to it, and the end until the call is settled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_ready = False
        self.final_event = encode_event(_STOP)
        self._kept: Event | None = None

    def read(self, data: bytes) -> Event | None:
        """Read an event; return what the client gets now, or None."""
        event = self._read(data)
        self.is_ready = self.outputs > 0
        if event is None:
            return None
        if event.chunk.get("type") == _STOP["type"]:
            self.final_event = event
            return None
        if event.chunk.get("type") != "message_delta" and self._kept is None:
            return event
        # From the first one on, each event waits for the next: it may be the last one before the end.
        before, self._kept = self._kept, event
        return before

    def last_events(self, cost: Mapping[str, Any]) -> list[Event]:
        """Return the last event before the end, with the cost in its usage."""
        if self._kept is None:
            return []
        document = self._kept.chunk
        if not cost or not isinstance(document.get("usage"), dict):
            return [self._kept]
        return [encode_event({**document, "usage": {**document["usage"], **cost}})]


class WholeMessageReader(MessageReader):
    """Assembles one message from its events."""

    is_ready = False

    def __init__(self) -> None:
        super().__init__()
        self.answer: Document = {}
        self._message: Document = {}
        self._blocks: dict[int, _Block] = {}

    def read(self, data: bytes) -> None:
        """Read an event and add it to the message."""
        event = self._read(data)
        document = event.chunk if event else {}
        match document.get("type"):
            case "message_start":
                self._message = dict(as_object(document.get("message")))
            case "content_block_start":
                self._blocks[_index(document)] = _Block(as_object(document.get("content_block")))
            case "content_block_delta":
                if (block := self._blocks.get(_index(document))) is None:
                    raise ProviderAnswerBroken("a part of the answer belongs to no block")
                block.add(as_object(document.get("delta")))
            case "message_delta":
                self._message |= as_object(document.get("delta"))

    def finish(self) -> None:
        """Check that the message has an end, and assemble it."""
        super().finish()
        is_cut = self._message.get("stop_reason") == "max_tokens"
        content = [self._blocks[index].finished(is_cut=is_cut) for index in sorted(self._blocks)]
        self.answer = {**self._message, "content": content, "usage": self._counts}


class _Block:
    """A content block, whose texts arrive in deltas."""

    def __init__(self, block: Document) -> None:
        self._block = block
        self._texts: dict[str, list[str]] = {}

    def add(self, delta: Document) -> None:
        """Add a delta: a text to the field that it names, a citation to the list; others are passed over."""
        for name in ("text", "thinking", "signature", "partial_json"):
            if text := as_text(delta.get(name)):
                self._texts.setdefault(name, []).append(text)
        if "citation" in delta:
            self._block["citations"] = [*(self._block.get("citations") or ()), delta["citation"]]

    def finished(self, *, is_cut: bool) -> Document:
        """Return the whole block. `is_cut`: the output cap ended the message, perhaps within a tool's input."""
        block = dict(self._block)
        for name, texts in self._texts.items():
            if name != "partial_json":
                block[name] = as_text(block.get(name)) + "".join(texts)
        if "partial_json" in self._texts:
            block["input"] = _parse_input("".join(self._texts["partial_json"]), is_cut=is_cut)
        return block


def _parse_input(text: str, *, is_cut: bool) -> Any:
    try:
        return strictjson.loads(text)
    except ValueError:
        if is_cut:
            return {}
        raise ProviderAnswerBroken("the input of a tool is no JSON") from None


def _index(document: Document) -> int:
    return parse_index(document.get("index")) or 0


class Messages:
    """The operation of messages."""

    endpoint: Endpoint = "messages"
    api_family: ApiFamily = "anthropic"
    method: Method = "POST"
    path = "/v1/messages"

    def requirements(self, body: Mapping[str, Any]) -> MessagesRequirements:
        """Return what a request requires of a model."""
        return MessagesRequirements(body)

    def adapt(
        self, body: Mapping[str, Any], model: Model | None, _provider: Provider, output_limit: int | None
    ) -> AdaptedRequest:
        """Return the request in the form that a target takes; see `Operation`."""
        return adapt_messages(body, model, output_limit)

    def whole_reader(self, _body: Mapping[str, Any]) -> WholeMessageReader:
        """Return a reader that assembles the message."""
        return WholeMessageReader()

    def relay_reader(self, _body: Mapping[str, Any]) -> RelayedMessageReader:
        """Return a reader that passes the events on."""
        return RelayedMessageReader()


class CountTokens:
    """The operation that counts the tokens of a request for a message. No provider is known to bill it."""

    endpoint: Endpoint = "messages"
    api_family: ApiFamily = "anthropic"
    method: Method = "POST"
    path = "/v1/messages/count_tokens"

    def requirements(self, body: Mapping[str, Any]) -> MessagesRequirements:
        """Return what a request requires of a model."""
        return MessagesRequirements(body)

    def adapt(
        self, body: Mapping[str, Any], _model: Model | None, _provider: Provider, _output_limit: int | None
    ) -> AdaptedRequest:
        """Return the request as it is, without the switch of thinking that is a default of some routes."""
        return AdaptedRequest({name: value for name, value in body.items() if name != "enable_thinking"})

    def whole_reader(self, _body: Mapping[str, Any]) -> DocumentReader:
        """Return a reader for the count."""
        return DocumentReader("input_tokens")


MESSAGES = Messages()
COUNT_TOKENS = CountTokens()
