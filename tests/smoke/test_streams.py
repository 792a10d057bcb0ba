"""Streams are delivered incrementally, also longer than the timeout of a buffered integration."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import openai
import pytest

from tests.smoke.claims import Claim, proves
from tests.smoke.conftest import Measure, ReadRecord

BUFFERED_S = 29
"""API Gateway's default integration timeout."""
SHORT: Any = [{"role": "user", "content": "Count from 1 to 100 in words, a number a line."}]
LONG: Any = [{"role": "user", "content": "Write a story of at least 6000 words. Do not stop before."}]
LONG_TOKENS = 6_000
"""60 s of output at 100 tokens per second, and a limit of its cost."""

type SetPace = Callable[[int, int], None]
type ReadStream = Callable[[Any, int], Stream]


class Stream(NamedTuple):
    """A complete stream, with the seconds until its first output and its end."""

    chunks: list[Any]
    request_id: str
    first_s: float
    end_s: float


@pytest.fixture
def read_stream(client: openai.OpenAI) -> ReadStream:
    """Return a function that reads the streamed answer to messages, of at most `max_tokens`."""

    def read(messages: Any, max_tokens: int) -> Stream:
        started = time.monotonic()
        answer = client.chat.completions.with_raw_response.create(
            model="qwen-plus",
            messages=messages,
            max_tokens=max_tokens,
            stream=True,
            stream_options={"include_usage": True},
        )
        arrived = [(chunk, time.monotonic() - started) for chunk in answer.parse()]
        first_s = next(at for chunk, at in arrived if chunk.choices and chunk.choices[0].delta.content)
        return Stream([chunk for chunk, _ in arrived], answer.headers["x-request-id"], first_s, arrived[-1][1])

    return read


@proves(Claim.STREAMS, Claim.RECORDS)
def test_the_first_output_precedes_the_end_and_the_call_writes_one_record(
    read_stream: ReadStream, set_pace: SetPace, read_record: ReadRecord, measure: Measure
) -> None:
    set_pace(10, 200)

    stream = read_stream(SHORT, 1_000)

    assert stream.end_s - stream.first_s >= 1
    record = read_record(stream.request_id)
    usage = stream.chunks[-1].usage
    assert (record["outcome"], record["status"], record["streamed"]) == ("answered", 200, True)
    assert (record["tokens_in"], record["tokens_out"]) == (usage.prompt_tokens, usage.completion_tokens)
    measure(f"{stream.first_s:.1f} s of {stream.end_s:.1f} s", Claim.STREAMS)


@proves(Claim.LONG_STREAMS)
def test_a_stream_can_exceed_the_timeout_of_a_buffered_integration(
    read_stream: ReadStream, set_pace: SetPace, measure: Measure
) -> None:
    set_pace(16, 2_000)

    stream = read_stream(LONG, LONG_TOKENS)

    assert [chunk.choices[0].finish_reason for chunk in stream.chunks if chunk.choices][-1] in {"stop", "length"}
    if stream.end_s < BUFFERED_S:
        pytest.skip(f"the model finished after {stream.end_s:.0f} s; repeat the test")
    measure(f"{stream.end_s:.0f} s", Claim.LONG_STREAMS)
