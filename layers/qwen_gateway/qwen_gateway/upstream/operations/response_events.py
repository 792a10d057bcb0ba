"""The events of a streamed response (OpenAI's Responses), read strictly, and its progress."""

from collections.abc import Mapping
from typing import Any

from qwen_gateway.errors import (
    ProviderAnswerBroken,
    ProviderBurstThrottled,
    ProviderError,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderRefused,
    ProviderResponseMissing,
    ProviderThrottled,
)
from qwen_gateway.provider_failures import is_error_body
from qwen_gateway.upstream.operations import Event
from qwen_gateway.upstream.operations.chunks import (
    as_object,
    as_text,
    build_provider_error,
    encode_event,
    is_done,
    parse_index,
    parse_object,
)
from qwen_gateway.usage import Usage

type Document = dict[str, Any]

LAST_EVENTS = ("response.completed", "response.incomplete")
_FAILURES = ("error", "response.failed")
_REJECTIONS = (
    ProviderRefused,
    ProviderModelMissing,
    ProviderResponseMissing,
    ProviderThrottled,
    ProviderBurstThrottled,
    ProviderKeyRefused,
    ProviderOutOfCredit,
)
"""The errors of requests that the model does not run for."""
_WITHOUT_OUTPUT = ("message", "reasoning")
"""Items that are output only with their deltas; a tool call is output from its beginning."""


class ResponseReader:
    """Reads the events of a response and follows its progress; it keeps no content but that of the last event."""

    def __init__(self) -> None:
        self.outputs = 0
        self.is_complete = False
        self.is_over = False
        self._answer: Document = {}
        self._has_begun = False

    @property
    def usage(self) -> Usage | None:
        """The usage that the provider reported."""
        usage = self._answer.get("usage")
        return Usage.parse_responses(usage) if isinstance(usage, Mapping) and usage else None

    def finish(self) -> None:
        """Check that the response has an end.

        Raises:
            ProviderAnswerBroken: it has none.
        """
        if not self.is_complete:
            raise ProviderAnswerBroken("the answer ended without its last event")

    def _read(self, data: bytes) -> Event | None:
        """Read an event and follow it; None for one that is no part of the response.

        Raises:
            ProviderError: it is no JSON object, a part of it has the wrong type, or it is an error of the provider.
        """
        if is_done(data):
            self.is_over = True
            return None
        document = parse_object(data)
        kind = document.get("type")
        if kind in _FAILURES or (kind is None and is_error_body(document)):
            raise self._build_error(document)
        self._has_begun = True
        if kind in LAST_EVENTS:
            self._answer = as_object(document.get("response"))
            self.is_complete = self.is_over = True
        elif kind == "response.output_item.added":
            self.outputs += as_text(as_object(document.get("item")).get("type")) not in _WITHOUT_OUTPUT
        elif as_text(kind).endswith(".delta"):
            self.outputs += bool(document.get("delta"))
        return Event(data, document)

    def _build_error(self, document: Document) -> ProviderError:
        """Return the error of an event. DashScope rejects a request for a stream with the first event of one."""
        error = build_provider_error(_find_error(document))
        error.was_rejected = not self._has_begun and isinstance(error, _REJECTIONS)
        return error


def _find_error(document: Document) -> Document:
    """Return the error of an event: in the response that failed, in an object of its own, or in the event itself."""
    failed = as_object(document.get("response")).get("error")
    error = failed or document.get("error")
    return {"error": error} if error else {name: value for name, value in document.items() if name != "type"}


class ReasoningEvents:
    """Brings DashScope's events of reasoning into the form that OpenAI's clients read.

    It sends `reasoning_text` for an item that has no content, only a summary, which the last event of the item repeats;
    openai for Node ends such a stream with an error. They become the events of the first part of that summary, which
    the item gets with its first event.
    """

    def __init__(self) -> None:
        self._summaries: set[str] = set()
        """The items whose first event got a part of a summary."""
        self._contents: set[str] = set()
        """The items of which the provider opened a content."""

    def adapt(self, event: Event) -> Event | None:
        """Return an event in that form; None for one whose effect the first event of the item already had."""
        document = event.chunk
        match document.get("type"):
            case "response.output_item.added":
                return self._open(event)
            case "response.content_part.added":
                self._contents.add(as_text(document.get("item_id")))
            case "response.reasoning_summary_part.added" if self._is_opened(document):
                return None
            case "response.reasoning_text.delta" | "response.reasoning_text.done" as kind if self._lacks_content(
                document
            ):
                name = kind.replace("reasoning_text", "reasoning_summary_text")
                rest = {key: value for key, value in document.items() if key != "content_index"}
                return encode_event({**rest, "type": name, "summary_index": 0})
        return event

    def _open(self, event: Event) -> Event:
        item = as_object(event.chunk.get("item"))
        if item.get("type") != "reasoning" or item.get("summary") or item.get("content"):
            return event
        self._summaries.add(as_text(item.get("id")))
        return encode_event({**event.chunk, "item": {**item, "summary": [{"type": "summary_text", "text": ""}]}})

    def _is_opened(self, document: Document) -> bool:
        item = as_text(document.get("item_id"))
        return item in self._summaries and parse_index(document.get("summary_index")) == 0

    def _lacks_content(self, document: Document) -> bool:
        item = as_text(document.get("item_id"))
        return item in self._summaries and item not in self._contents


KNOWN_EVENTS = frozenset(
    f"response.{name}"
    for name in (
        *("created", "queued", "in_progress", "completed", "incomplete", "compaction.compacting"),
        *("output_item.added", "output_item.done", "content_part.added", "content_part.done"),
        *("output_text.delta", "output_text.done", "output_text.annotation.added", "refusal.delta", "refusal.done"),
        *("function_call_arguments.delta", "function_call_arguments.done"),
        *("custom_tool_call_input.delta", "custom_tool_call_input.done"),
        *("mcp_call_arguments.delta", "mcp_call_arguments.done"),
        *("mcp_call.in_progress", "mcp_call.completed", "mcp_call.failed"),
        *("mcp_list_tools.in_progress", "mcp_list_tools.completed", "mcp_list_tools.failed"),
        *("reasoning_text.delta", "reasoning_text.done"),
        *("reasoning_summary_part.added", "reasoning_summary_part.done"),
        *("reasoning_summary_text.delta", "reasoning_summary_text.done"),
        *("shell_call_command.added", "shell_call_command.delta", "shell_call_command.done"),
        *("shell_call_output_content.delta", "shell_call_output_content.done"),
        *("code_interpreter_call_code.delta", "code_interpreter_call_code.done"),
        *("code_interpreter_call.in_progress", "code_interpreter_call.interpreting", "code_interpreter_call.completed"),
        *("file_search_call.in_progress", "file_search_call.searching", "file_search_call.completed"),
        *("web_search_call.in_progress", "web_search_call.searching", "web_search_call.completed"),
        *("image_generation_call.in_progress", "image_generation_call.generating", "image_generation_call.completed"),
        *("image_generation_call.partial_image", "audio.delta", "audio.done"),
        *("audio.transcript.delta", "audio.transcript.done"),
    )
)
"""The events that openai for Node 7.57 reads; its `.stream()` ends with an error at any other."""
