"""Streams arrive while they are made, also those that last longer than a buffered integration may."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import openai
import pytest

from tests.smoke.conftest import Record

BUFFERED_S = 29
"""The longest that API Gateway waits for a whole answer unless it is told otherwise."""
SHORT: Any = [{"role": "user", "content": "Count from 1 to 100 in words, a number a line."}]
LONG: Any = [{"role": "user", "content": "Write a story of at least 6000 words. Do not stop before."}]

type Pace = Callable[[int, int], None]


class Stream(NamedTuple):
    """A stream that was read to its end, and the seconds after which the first output and the end came."""

    chunks: list[Any]
    request_id: str
    first_s: float
    end_s: float


@pytest.fixture
def read(client: openai.OpenAI) -> Callable[[Any], Stream]:
    """Return a function that reads the answer to a conversation."""

    def stream(messages: Any) -> Stream:
        begun = time.monotonic()
        answer = client.chat.completions.with_raw_response.create(
            model="qwen-plus", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        arrived = [(chunk, time.monotonic() - begun) for chunk in answer.parse()]
        first_s = next(at for chunk, at in arrived if chunk.choices and chunk.choices[0].delta.content)
        return Stream([chunk for chunk, _ in arrived], answer.headers["x-request-id"], first_s, arrived[-1][1])

    return stream


def test_the_first_output_comes_long_before_the_end_and_the_call_leaves_one_record(
    read: Callable[[Any], Stream], pace: Pace, record: Record
) -> None:
    pace(10, 200)

    stream = read(SHORT)

    assert stream.end_s - stream.first_s >= 1
    recorded = record(stream.request_id)
    usage = stream.chunks[-1].usage
    assert (recorded["outcome"], recorded["status"], recorded["streamed"]) == ("answered", 200, True)
    assert (recorded["tokens_in"], recorded["tokens_out"]) == (usage.prompt_tokens, usage.completion_tokens)


def test_a_stream_may_last_longer_than_an_answer_that_is_buffered(read: Callable[[Any], Stream], pace: Pace) -> None:
    pace(16, 2_000)

    stream = read(LONG)

    assert [chunk.choices[0].finish_reason for chunk in stream.chunks if chunk.choices][-1] in {"stop", "length"}
    if stream.end_s < BUFFERED_S:
        pytest.skip(f"the model was done after {stream.end_s:.0f} s: nothing is shown")
