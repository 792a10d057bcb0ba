"""Summaries of responses: the status, the cause of an error, the sequence of events in a stream."""

import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.stream_response import StreamResponse

DONE = "[DONE]"


class AnswerSummary(NamedTuple):
    """Status of a response; `code` and `param` of an error; `events` of a stream.

    `events` lists the kinds of events in order, consecutive events of one kind as one.
    """

    status: int
    code: str | None = None
    param: str | None = None
    events: tuple[str, ...] = ()


ANSWERED = AnswerSummary(200)
STREAMED = AnswerSummary(200, events=("output", DONE))
STREAMED_WITH_USAGE = AnswerSummary(200, events=("output", "usage", DONE))


def summarize(answer: Mapping[str, Any]) -> AnswerSummary:
    """Return the summary of a function's response."""
    if answer["headers"]["content-type"].startswith("text/event-stream"):
        data = StreamResponse(answer["statusCode"], answer["headers"], answer["body"]).data
        return AnswerSummary(
            answer["statusCode"], events=tuple(kind for kind, _ in itertools.groupby(map(_get_kind, data)))
        )
    error = json.loads(answer["body"]).get("error", {})
    return AnswerSummary(answer["statusCode"], error.get("code"), error.get("param"))


def _get_kind(data: str) -> str:
    if data == DONE:
        return DONE
    chunk = json.loads(data)
    if "error" in chunk:
        return str(chunk["error"]["code"])
    return "output" if chunk["choices"] else "usage"
