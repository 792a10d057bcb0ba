"""What callers are told: the status, and of a refusal why, or of a stream what came one after another."""

import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.stream_response import StreamResponse

DONE = "[DONE]"


class AnswerSummary(NamedTuple):
    """What a caller is told: the status, and of a refusal its code and the field to change.

    `events` are the kinds of a stream's events, each as long as it lasts.
    """

    status: int
    code: str | None = None
    param: str | None = None
    events: tuple[str, ...] = ()


ANSWERED = AnswerSummary(200)
STREAMED = AnswerSummary(200, events=("output", DONE))
STREAMED_WITH_USAGE = AnswerSummary(200, events=("output", "usage", DONE))


def summarize(answer: Mapping[str, Any]) -> AnswerSummary:
    """Return what a function's answer tells."""
    if answer["headers"]["content-type"].startswith("text/event-stream"):
        data = StreamResponse(answer["statusCode"], answer["headers"], answer["body"]).data
        return AnswerSummary(
            answer["statusCode"], events=tuple(kind for kind, _ in itertools.groupby(map(_kind, data)))
        )
    error = json.loads(answer["body"]).get("error", {})
    return AnswerSummary(answer["statusCode"], error.get("code"), error.get("param"))


def _kind(data: str) -> str:
    if data == DONE:
        return DONE
    chunk = json.loads(data)
    if "error" in chunk:
        return str(chunk["error"]["code"])
    return "output" if chunk["choices"] else "usage"
