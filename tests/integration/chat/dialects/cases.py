"""The corpus: one file for each dialect, with what its providers were seen to send.

A case says what the provider sends: `body`, or `deltas` (JSON), to which the ordinary rest is added; `status` and
`media_type` are 200 and an event stream by default. It says what the client gets: the `message` (the fields that count)
with `finish_reason` and `usage` (prompt and completion tokens), or the `error` (status and code) with `words` that the
client reads and `hidden` ones that it must not. `source` names where it was reported.
"""

import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from tests.builders import chunk, finish, stream, usage
from tests.integration.chat.fake_provider import Behaviour, end_body, respond_in_parts

FOLDER = Path(__file__).with_name("cases")


class Case(NamedTuple):
    """One case of the corpus."""

    name: str
    source: str
    body: str = ""
    deltas: str = ""
    finish_reason: str = "stop"
    status: int = 200
    media_type: str = "text/event-stream"
    message: str = ""
    usage: tuple[int, int] | None = None
    error: tuple[int, str] | None = None
    words: str = ""
    hidden: str = ""
    streamed_first: str = ""
    whole_only: bool = False

    @property
    def behaviour(self) -> Behaviour:
        """The provider that sends the response; the first output alone, if the case is a failure after it."""
        body = self.body.encode() if self.body else self._stream()
        media_type = f"content-type: {self.media_type}\r\n" if self.media_type else ""
        first, separator, rest = body.partition(b"\n\n")
        parts: list[bytes | float] = [first + separator, 0.05, rest] if self.streamed_first else [body]
        return respond_in_parts(f"HTTP/1.1 {self.status} x\r\n{media_type}".encode(), parts, end_body)

    @property
    def expected_usage(self) -> tuple[int, int] | None:
        """The prompt and completion tokens that the client gets."""
        return self.usage or ((7, 5) if self.deltas else None)

    @property
    def expected_message(self) -> dict[str, Any]:
        """The fields of the message that the case states."""
        message: dict[str, Any] = json.loads(self.message)
        return message

    def _stream(self) -> bytes:
        return stream(*(chunk(delta) for delta in json.loads(self.deltas)), finish(self.finish_reason), usage(7, 5))


def _parse(fields: dict[str, Any]) -> Case:
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in fields.items()}
    return Case(**values)


def read_cases() -> list[tuple[str, Case]]:
    """Return every case with the name of its dialect."""
    cases = []
    for path in sorted(FOLDER.glob("*.toml")):
        with path.open("rb") as file:
            cases += [(path.stem, _parse(fields)) for fields in tomllib.load(file)["case"]]
    return cases
