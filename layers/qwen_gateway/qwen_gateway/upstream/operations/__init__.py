"""The kinds of calls to a provider: where each is sent, what it requires, and how its response is read.

A kind of call is one module here; the rest of `upstream` knows only these protocols.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from qwen_gateway.catalog import Model
from qwen_gateway.config import ApiFamily, Endpoint, Provider
from qwen_gateway.dialect import AdaptedRequest
from qwen_gateway.routing import Requirements
from qwen_gateway.usage import Usage

type Method = Literal["POST", "GET", "DELETE"]
"""The HTTP method of a call; only one with POST has a body."""


class Event(NamedTuple):
    """A part of an answer: the bytes for the client, and their JSON."""

    data: bytes
    chunk: dict[str, Any]


class Reader(Protocol):
    """Reads one response of a provider, event by event."""

    @property
    def outputs(self) -> int:
        """The number of events so far that contained output of the model."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The last usage that the provider reported."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether the response to the client can start, although the answer may not be complete."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether the answer is complete, so that only its usage can follow."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the provider ended the response, so that nothing can follow."""
        ...

    def read(self, data: bytes) -> Event | None:
        """Read an event; return what the client gets of it, or None.

        Raises:
            ProviderError: the event violates the protocol, or is an error of the provider.
        """
        ...

    def finish(self) -> None:
        """Complete the answer after the end of the response.

        Raises:
            ProviderAnswerBroken: a part of it is missing.
        """
        ...


class WholeReader(Reader, Protocol):
    """A reader for clients that get the whole answer. It is never ready before the end."""

    @property
    def answer(self) -> dict[str, Any]:
        """The complete answer, available after `finish`."""
        ...


class RelayReader(Reader, Protocol):
    """A reader for clients that get a stream. It is ready with the first output."""

    @property
    def final_event(self) -> Event:
        """The event that tells the client that the answer is complete, after all others; `last_events` completes it."""
        ...

    def last_events(self, cost: Mapping[str, Any]) -> list[Event]:
        """Return what the client gets after the end of the answer; fields of the cost are added to the usage."""
        ...


class Operation(Protocol):
    """A kind of call."""

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint of the API that makes such calls; records name it."""
        ...

    @property
    def api_family(self) -> ApiFamily:
        """The API of the provider that is called."""
        ...

    @property
    def method(self) -> Method:
        """The HTTP method."""
        ...

    @property
    def path(self) -> str:
        """The path below the base URL of that API."""
        ...

    def requirements(self, body: Mapping[str, Any]) -> Requirements:
        """Return what a request requires of a model."""
        ...

    def adapt(
        self, body: Mapping[str, Any], model: Model | None, provider: Provider, output_limit: int | None
    ) -> AdaptedRequest:
        """Return the request in the form that a target takes.

        Args:
            body: the client's request.
            model: the catalog's entry of the target.
            provider: the target's provider.
            output_limit: the highest output cap in tokens that any target of this request may get.

        Raises:
            RequestInvalid: the target cannot do what is asked.
        """
        ...

    def whole_reader(self, body: Mapping[str, Any]) -> WholeReader:
        """Return a reader for the response to a request."""
        ...


class StreamingOperation(Operation, Protocol):
    """A kind of call whose answer can be streamed to the client."""

    def relay_reader(self, body: Mapping[str, Any]) -> RelayReader:
        """Return a reader for the response to a request of a client that gets a stream."""
        ...
