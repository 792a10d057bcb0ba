"""Summaries of responses: the status, the cause of an error, the sequence of events in a stream."""

import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.stream_response import MessageStream, StreamResponse

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
STREAMED_MESSAGE = AnswerSummary(
    200,
    events=(
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ),
)
STREAMED_RESPONSE = AnswerSummary(
    200,
    events=(
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ),
)
STREAMED_WITH_USAGE = AnswerSummary(200, events=("output", "usage", DONE))


def summarize(answer: Mapping[str, Any]) -> AnswerSummary:
    """Return the summary of a function's response."""
    if answer["headers"]["content-type"].startswith("text/event-stream"):
        response = answer["statusCode"], answer["headers"], answer["body"]
        is_named = answer["body"].startswith("event: ")
        kinds = MessageStream(*response).names if is_named else map(_get_kind, StreamResponse(*response).data)
        return AnswerSummary(answer["statusCode"], events=tuple(kind for kind, _ in itertools.groupby(kinds)))
    error = json.loads(answer["body"]).get("error") or {}
    return AnswerSummary(answer["statusCode"], error.get("code"), error.get("param"))


def _get_kind(data: str) -> str:
    if data == DONE:
        return DONE
    chunk = json.loads(data)
    if "error" in chunk:
        return str(chunk["error"]["code"])
    return "output" if chunk["choices"] else "usage"
