"""What a client has read of a stream, or of the answer that it got in its place."""

import json
from typing import Any, NamedTuple


class StreamResponse(NamedTuple):
    """Status and headers, and the body as it came."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def data(self) -> list[str]:
        """The data of its events; a body that holds anything but whole events of data is refused."""
        assert self.headers["content-type"] == "text/event-stream; charset=utf-8"
        *events, rest = self.body.split("\n\n")
        assert rest == "", "an event has no end"
        lines = [event.split("\n") for event in events]
        assert all(line.startswith("data: ") for event in lines for line in event)
        return ["\n".join(line.removeprefix("data: ") for line in event) for event in lines]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """Its chunks, without the last event, which is none: `[DONE]` or the error."""
        return [json.loads(data) for data in self.data[:-1]]

    @property
    def deltas(self) -> list[tuple[int, dict[str, Any]]]:
        """What each chunk adds to which choice."""
        return [(choice["index"], choice["delta"]) for chunk in self.chunks for choice in chunk["choices"]]

    def text(self, name: str = "content", index: int = 0) -> str:
        """One of the texts of a choice."""
        return "".join(delta.get(name) or "" for choice, delta in self.deltas if choice == index)

    @property
    def finish_reasons(self) -> dict[int, str]:
        """Why each choice ended that did."""
        choices = [choice for chunk in self.chunks for choice in chunk["choices"]]
        return {choice["index"]: choice["finish_reason"] for choice in choices if choice["finish_reason"]}

    @property
    def usage_chunks(self) -> list[dict[str, Any]]:
        """The chunks that tell a usage, which have no choice."""
        telling = [chunk for chunk in self.chunks if chunk.get("usage")]
        assert all(chunk["choices"] == [] for chunk in telling)
        return telling

    @property
    def is_done(self) -> bool:
        """Whether its last event is `[DONE]`."""
        return self.data[-1] == "[DONE]"

    @property
    def error(self) -> dict[str, Any]:
        """The error that it ends with, or that came in its place."""
        error: dict[str, Any] = json.loads(self.data[-1] if self.status == 200 else self.body)["error"]
        return error
