"""OpenAI's Responses: `POST /responses`, and what the provider keeps of them.

Every call for an answer is streamed, also for a client that gets a whole response.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from qwen_gateway.catalog import Model
from qwen_gateway.config import ApiFamily, Endpoint, Provider
from qwen_gateway.dialect import AdaptedRequest
from qwen_gateway.dialect.responses import ResponsesRequirements, adapt_responses
from qwen_gateway.upstream.operations import Event, Method
from qwen_gateway.upstream.operations.chunks import as_object, encode_event, get_index
from qwen_gateway.upstream.operations.document import DocumentReader
from qwen_gateway.upstream.operations.response_events import (
    KNOWN_EVENTS,
    LAST_EVENTS,
    Document,
    ReasoningEvents,
    ResponseReader,
)


class RelayedResponseReader(ResponseReader):
    """Reads a stream for a client that gets the events as the provider sent them, without those it could not read.

    The last event, which has the usage, is kept back until the call is settled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_ready = False
        self.final_event = Event(b"", {})
        self._reasoning = ReasoningEvents()

    def read(self, data: bytes) -> Event | None:
        """Read an event; return what the client gets now, or None."""
        event = self._read(data)
        self.is_ready = self.outputs > 0
        if event is None or event.chunk.get("type") not in KNOWN_EVENTS:
            return None
        if event.chunk["type"] in LAST_EVENTS:
            self.final_event = event
            return None
        return self._reasoning.adapt(event)

    def last_events(self, cost: Mapping[str, Any]) -> list[Event]:
        """Add the cost to the usage of the final event; there is none before it."""
        usage = self._answer.get("usage")
        if cost and isinstance(usage, dict):
            answer = {**self._answer, "usage": {**usage, **cost}}
            self.final_event = encode_event({**self.final_event.chunk, "response": answer})
        return []


class WholeResponseReader(ResponseReader):
    """Takes the response from its last event."""

    is_ready = False

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[int, Document] = {}

    @property
    def answer(self) -> Document:
        """The response. The last event may leave out the items that came before."""
        items = [self._items[index] for index in sorted(self._items)]
        return self._answer if self._answer.get("output") else {**self._answer, "output": items}

    def read(self, data: bytes) -> None:
        """Read an event."""
        event = self._read(data)
        if event and event.chunk.get("type") == "response.output_item.done":
            self._items[get_index({"index": event.chunk.get("output_index")})] = as_object(event.chunk.get("item"))


class Responses:
    """The operation of responses."""

    endpoint: Endpoint = "responses"
    api_family: ApiFamily = "openai"
    method: Method = "POST"
    path = "/responses"

    def requirements(self, body: Mapping[str, Any]) -> ResponsesRequirements:
        """Return what a request requires of a model."""
        return ResponsesRequirements(body)

    def adapt(
        self, body: Mapping[str, Any], model: Model | None, provider: Provider, output_limit: int | None
    ) -> AdaptedRequest:
        """Return the request in the form that a target takes; see `Operation`."""
        return adapt_responses(body, model, output_limit, session_cache=provider.session_cache)

    def whole_reader(self, _body: Mapping[str, Any]) -> WholeResponseReader:
        """Return a reader that gives the response."""
        return WholeResponseReader()

    def relay_reader(self, _body: Mapping[str, Any]) -> RelayedResponseReader:
        """Return a reader that passes the events on."""
        return RelayedResponseReader()


RESPONSES = Responses()


class StoredResponseOperation:
    """The operation that reads or deletes a response that the provider keeps, or lists its input. Nobody bills it.

    Args:
        response_id: of letters, digits, `-` and `_`.
        method: GET or DELETE.
        part: what of it is meant: the whole response, or `input_items`.
        query: the parameters of the list.
    """

    endpoint: Endpoint = "responses"
    api_family: ApiFamily = "openai"

    def __init__(self, response_id: str, method: Method = "GET", part: str = "", query: Mapping[str, str] = {}) -> None:
        self.response_id = response_id
        self.method: Method = method
        path = f"/responses/{response_id}" + (f"/{part}" if part else "")
        self.path = f"{path}?{urlencode(query)}" if query else path
        self._field = "data" if part else "id"

    def requirements(self, _body: Mapping[str, Any]) -> ResponsesRequirements:
        """Return nothing that a model has to be able to do."""
        return ResponsesRequirements({})

    def adapt(
        self, _body: Mapping[str, Any], _model: Model | None, _provider: Provider, _output_limit: int | None
    ) -> AdaptedRequest:
        """Return an empty request."""
        return AdaptedRequest({})

    def whole_reader(self, _body: Mapping[str, Any]) -> DocumentReader:
        """Return a reader for the document."""
        return DocumentReader(self._field)
