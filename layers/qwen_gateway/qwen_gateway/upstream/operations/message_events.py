"""The events of a streamed message (Anthropic's Messages), read strictly, and its progress."""

from typing import Any

from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.provider_failures import is_error_body
from qwen_gateway.upstream.operations import Event
from qwen_gateway.upstream.operations.chunks import as_object, as_text, build_provider_error, is_done, parse_object
from qwen_gateway.usage import Usage, merge_counts

type Document = dict[str, Any]

_THINKING_BLOCKS = ("thinking", "redacted_thinking")
_PING = "ping"


class MessageReader:
    """Reads the events of a message and follows its progress; it keeps no content."""

    def __init__(self) -> None:
        self._counts: Document = {}
        self._has_thought = False
        self.outputs = 0
        self.is_complete = False
        self.is_over = False

    @property
    def usage(self) -> Usage | None:
        """The usage that the provider reported."""
        return Usage.parse_anthropic(self._counts, thought=self._has_thought) if self._counts else None

    def finish(self) -> None:
        """Check that the message has an end.

        Raises:
            ProviderAnswerBroken: it has none.
        """
        if not self.is_complete:
            raise ProviderAnswerBroken("the answer ended without a stop_reason")

    def _read(self, data: bytes) -> Event | None:
        """Read an event and follow it; None for one that is no part of the message.

        Raises:
            ProviderError: it is no JSON object, a part of it has the wrong type, or it is an error of the provider.
        """
        if is_done(data):
            self.is_over = True
            return None
        document = parse_object(data)
        kind = document.get("type")
        if kind == "error" or document.get("error") or (kind is None and is_error_body(document)):
            raise build_provider_error(document)
        if kind == _PING:
            return None
        self._follow(kind, document)
        return Event(data, document)

    def _follow(self, kind: object, document: Document) -> None:
        match kind:
            case "message_start":
                self._count(as_object(document.get("message")))
            case "content_block_start":
                block = as_object(document.get("content_block"))
                self._has_thought = self._has_thought or block.get("type") in _THINKING_BLOCKS
                self.outputs += block.get("type") == "tool_use"
            case "content_block_delta":
                delta = as_object(document.get("delta"))
                self.outputs += any(value for name, value in delta.items() if name != "type")
            case "message_delta":
                self._count(document)
                self.is_complete = (
                    bool(as_text(as_object(document.get("delta")).get("stop_reason"))) or self.is_complete
                )
            case "message_stop":
                self.is_over = True

    def _count(self, document: Document) -> None:
        self._counts = merge_counts(self._counts, as_object(document.get("usage")))
