"""How the clients of a dialect get errors and streams: OpenAI's forms and Anthropic's, over one table of errors."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from qwen_gateway import strictjson
from qwen_gateway.api.http_errors import http_error_for
from qwen_gateway.errors import GatewayError, HttpError
from qwen_gateway.request_ids import RequestIds


class Event(Protocol):
    """A part of a streamed answer: the bytes for the client, and their JSON."""

    @property
    def data(self) -> bytes:
        """The bytes."""
        ...

    @property
    def chunk(self) -> Mapping[str, Any]:
        """The JSON."""
        ...


class WireFormat(Protocol):
    """The form of errors and streams for the clients of a dialect."""

    def id_headers(self, ids: RequestIds) -> dict[str, str]:
        """Return the headers with the request's id."""
        ...

    def error_type(self, error: HttpError) -> str:
        """Return the dialect's type of an error."""
        ...

    def error_body(self, error: GatewayError, ids: RequestIds) -> dict[str, Any]:
        """Return the body of an error response."""
        ...

    def encode_events(self, events: Iterable[Event]) -> bytes:
        """Return the server-sent events of a stream."""
        ...

    def encode_error(self, error: GatewayError, ids: RequestIds) -> bytes:
        """Return the server-sent event for an error after the start of the response."""
        ...


class OpenAIFormat:
    """OpenAI's form: events without names."""

    def id_headers(self, ids: RequestIds) -> dict[str, str]:
        """Return the header that OpenAI's clients read."""
        return {"x-request-id": ids.request_id}

    def error_type(self, error: HttpError) -> str:
        """Return OpenAI's type."""
        return error.type

    def error_body(self, error: GatewayError, _ids: RequestIds) -> dict[str, Any]:
        """Return the error, with a type at the top for clients of other dialects."""
        return {"type": "error", "error": error_object(error)}

    def encode_events(self, events: Iterable[Event]) -> bytes:
        """Return one event per chunk. A line break inside a chunk is white space of its JSON."""
        return b"".join([b"data: " + _fold(event.data) + b"\n\n" for event in events])

    def encode_error(self, error: GatewayError, _ids: RequestIds) -> bytes:
        """Return the error without a type at the top."""
        return self.encode_events([_event({"error": error_object(error)})])


class AnthropicFormat:
    """Anthropic's form: events with the names that are their types, errors with Anthropic's types."""

    def id_headers(self, ids: RequestIds) -> dict[str, str]:
        """Return the header of every response, and the one that Anthropic's clients read."""
        return {"x-request-id": ids.request_id, "request-id": ids.request_id}

    def error_type(self, error: HttpError) -> str:
        """Return Anthropic's type by the status, except for the one whose status differs."""
        return "overloaded_error" if error.code == _OVERLOADED else _ANTHROPIC_TYPES.get(error.status, "api_error")

    def error_body(self, error: GatewayError, ids: RequestIds) -> dict[str, Any]:
        """Return the error with the id. Code and parameter stay: Anthropic's clients pass over them."""
        described = error_object(error) | {"type": self.error_type(http_error_for(error))}
        return {"type": "error", "error": described, "request_id": ids.request_id}

    def encode_events(self, events: Iterable[Event]) -> bytes:
        """Return one event per chunk; its type is its name."""
        return _encode_named(events)

    def encode_error(self, error: GatewayError, ids: RequestIds) -> bytes:
        """Return an event of the type `error`."""
        return self.encode_events([_event(self.error_body(error, ids))])


class ResponsesFormat(OpenAIFormat):
    """The form of OpenAI's Responses, for one stream: events with the names that are their types."""

    def __init__(self) -> None:
        self._next_number = 0

    def encode_events(self, events: Iterable[Event]) -> bytes:
        """Return one event per chunk; its type is its name."""
        encoded = list(events)
        number = encoded[-1].chunk.get("sequence_number") if encoded else None
        if isinstance(number, int):
            self._next_number = number + 1
        return _encode_named(encoded)

    def encode_error(self, error: GatewayError, _ids: RequestIds) -> bytes:
        """Return an event of the type `error`, with its fields at the top and in an object.

        It is the only form that openai for Python and Node, the AI SDK and openai-agents all report; `response.failed`
        is passed over by the first two (run in November 2026).
        """
        described = error_object(error)
        event = {**described, "type": "error", "sequence_number": self._next_number, "error": described}
        return _encode_named([_event(event)])


OPENAI: WireFormat = OpenAIFormat()
ANTHROPIC: WireFormat = AnthropicFormat()

_ANTHROPIC_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
}
"""Anthropic's types of errors by status (platform.claude.com, Errors; read in November 2026)."""
_OVERLOADED = "provider_overloaded"
"""The code of the cause for which Anthropic has a type, but under a status of its own (529)."""


def error_object(error: GatewayError) -> dict[str, Any]:
    """Return OpenAI's error object."""
    http_error = http_error_for(error)
    return {"message": error.message, "type": http_error.type, "param": error.param, "code": http_error.code}


class _ErrorEvent(NamedTuple):
    data: bytes
    chunk: Mapping[str, Any]


def _event(document: Mapping[str, Any]) -> _ErrorEvent:
    return _ErrorEvent(strictjson.dumps(document).encode(), document)


def _fold(data: bytes) -> bytes:
    return data.replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")


def _encode_named(events: Iterable[Event]) -> bytes:
    return b"".join([_name(event.chunk) + b"data: " + _fold(event.data) + b"\n\n" for event in events])


def _name(chunk: Mapping[str, Any]) -> bytes:
    """Return the line with an event's name; none for a chunk whose type is no single word."""
    kind = chunk.get("type")
    is_word = isinstance(kind, str) and kind.isascii() and kind.replace(".", "_").isidentifier()
    return b"event: %b\n" % str(kind).encode() if is_word else b""
