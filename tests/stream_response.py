"""The response to a streaming request: server-sent events, or an error in JSON."""

import json
from typing import Any, NamedTuple


class StreamResponse(NamedTuple):
    """Status, headers and the raw body."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def data(self) -> list[str]:
        """The data of each event. Assert that the body consists of complete data events only."""
        assert self.headers["content-type"] == "text/event-stream; charset=utf-8"
        *events, rest = self.body.split("\n\n")
        assert rest == "", "the last event is incomplete"
        lines = [event.split("\n") for event in events]
        assert all(line.startswith("data: ") for event in lines for line in event)
        return ["\n".join(line.removeprefix("data: ") for line in event) for event in lines]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The chunks, without the last event, which is `[DONE]` or the error."""
        return [json.loads(data) for data in self.data[:-1]]

    @property
    def deltas(self) -> list[tuple[int, dict[str, Any]]]:
        """The index of the choice and the delta, for each choice of each chunk."""
        return [(choice["index"], choice["delta"]) for chunk in self.chunks for choice in chunk["choices"]]

    def text(self, name: str = "content", index: int = 0) -> str:
        """Return the concatenated deltas of one field of a choice."""
        return "".join(delta.get(name) or "" for choice, delta in self.deltas if choice == index)

    @property
    def finish_reasons(self) -> dict[int, str]:
        """The finish_reason of each finished choice, by index."""
        choices = [choice for chunk in self.chunks for choice in chunk["choices"]]
        return {choice["index"]: choice["finish_reason"] for choice in choices if choice["finish_reason"]}

    @property
    def usage_chunks(self) -> list[dict[str, Any]]:
        """The chunks that report the usage. Assert that they have no choice."""
        reporting = [chunk for chunk in self.chunks if chunk.get("usage")]
        assert all(chunk["choices"] == [] for chunk in reporting)
        return reporting

    @property
    def is_done(self) -> bool:
        """Whether its last event is `[DONE]`."""
        return self.data[-1] == "[DONE]"

    @property
    def error(self) -> dict[str, Any]:
        """The error at the end of the stream, or in the body of an error response."""
        error: dict[str, Any] = json.loads(self.data[-1] if self.status == 200 else self.body)["error"]
        return error


class MessageStream(NamedTuple):
    """The response to a request for a streamed message: named events, or an error in JSON."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Name and JSON of each event. Assert that the body consists of complete events only."""
        assert self.headers["content-type"] == "text/event-stream; charset=utf-8"
        *events, rest = self.body.split("\n\n")
        assert rest == "", "the last event is incomplete"
        return [_parse_named_event(event) for event in events]

    @property
    def names(self) -> list[str]:
        """The names of the events in order."""
        return [name for name, _ in self.events]

    @property
    def text(self) -> str:
        """The deltas of text, joined."""
        return "".join(event["delta"].get("text", "") for name, event in self.events if name == "content_block_delta")

    @property
    def is_complete(self) -> bool:
        """Whether its last event says that the message has stopped."""
        return self.names[-1] == "message_stop"

    @property
    def error(self) -> dict[str, Any]:
        """The error at the end of the stream, or in the body of an error response."""
        error: dict[str, Any] = (self.events[-1][1] if self.status == 200 else json.loads(self.body))["error"]
        return error


class ResponseEvents(MessageStream):
    """The response to a request for a streamed response (OpenAI's Responses): named events, or an error in JSON."""

    @property
    def text(self) -> str:
        """The deltas of text, joined."""
        return "".join(event["delta"] for name, event in self.events if name == "response.output_text.delta")

    @property
    def is_complete(self) -> bool:
        """Whether its last event says that the response is complete."""
        return self.names[-1] in {"response.completed", "response.incomplete"}

    @property
    def final(self) -> dict[str, Any]:
        """The response in the last event."""
        response: dict[str, Any] = self.events[-1][1]["response"]
        return response


def _parse_named_event(event: str) -> tuple[str, dict[str, Any]]:
    name, *data = event.split("\n")
    assert name.startswith("event: ")
    assert all(line.startswith("data: ") for line in data)
    return name.removeprefix("event: "), json.loads("\n".join(line.removeprefix("data: ") for line in data))
