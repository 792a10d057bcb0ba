"""Each row of tests/failures/streams.py over real HTTP: what the client reads, and the one record."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from qwen_gateway.errors import ANSWERS
from tests.builders import chat_request, whole_stream
from tests.failures.streams import MARKED, ROWS, Row, Way
from tests.integration.chat.conftest import PATIENT, PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.scripted import (
    Play,
    Scripted,
    closes,
    drips,
    ends,
    event_stream,
    hangs,
    in_parts,
    resets,
    says,
    scripted_provider,
)
from tests.reading import ReadStream

ENDS: dict[str, Play] = {"ends": ends, "closes": closes, "resets": resets, "hangs": hangs, "drips": drips}
TYPES = {answer.code: answer.type for answer in ANSWERS.values()}
MESSAGES = [{"role": "user", "content": MARKED}]
FIRST = {"model": "qwen-plus"}
SECOND = {"model": "qwen-flash", "provider": "holysheep"}
SECONDS = 28.0
EVERY_WAY = [pytest.param(row, way, id=f"{row.what}: {way.words}") for row in ROWS for way in row.ways]


class Stage(NamedTuple):
    """A gateway whose first target does what a row says, and whose second one answers."""

    gateway: Gateway
    second: Scripted

    def ask(self, way: Way) -> ReadStream:
        asked = {"stream_options": {"include_usage": True}, "messages": MESSAGES, **way.asks}
        return self.gateway.stream(chat_request(model="route", **asked), seconds=SECONDS)


type Set = Callable[..., Stage]


@pytest.fixture
def stage(make_gateway: MakeGateway) -> Iterator[Set]:
    with ExitStack() as running:

        def set_stage(way: Way, *targets: dict[str, str]) -> Stage:
            first = running.enter_context(scripted_provider(in_parts(way.head, way.parts, ENDS[way.end])))
            second = running.enter_context(scripted_provider(says(event_stream(whole_stream("The second.")))))
            more = {
                "providers": {"holysheep": {"base_url": f"{second.url}/v1"}},
                "routes": {"route": targets},
                "timeouts": PATIENT | dict(way.limits),
            }
            gateway = make_gateway(first.url, len(targets), more)
            gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY, holysheep=PROVIDER_KEY)
            return Stage(gateway, second)

        yield set_stage


@pytest.mark.parametrize(("row", "way"), EVERY_WAY)
def test_what_the_client_of_a_stream_sees(stage: Set, capsys: pytest.CaptureFixture[str], row: Row, way: Way) -> None:
    gateway = (staged := stage(way, FIRST)).gateway

    read = staged.ask(way)

    assert read.status == row.status
    assert read.headers["x-gateway-attempts"] == "1"
    if not row.says_nothing:
        assert read.text() == way.text
    if row.code:
        assert_failed(read, row, way)
    else:
        assert_answered(read, row, way)
    (record,) = gateway.records()
    assert record["streamed"] is True
    assert (record["status"], record["outcome"]) == (row.status, row.code or "answered")
    assert tokens(record) == ((12, 3) if row.tokens and not row.code else (None, None))
    assert [kept(attempt) for attempt in record["attempts"]] == [(row.recorded, way.http, row.charged)]
    written = capsys.readouterr()
    assert MARKED not in written.out + written.err + str(record)
    if row.code:
        assert f'"{row.code}":[1.0]' in written.out.replace(" ", ""), "no metric counts it"


@pytest.mark.parametrize(("row", "way"), [each for each in EVERY_WAY if each.values[0].says_nothing])  # type: ignore[union-attr]
def test_before_the_first_output_another_target_makes_up_for_it(stage: Set, row: Row, way: Way) -> None:
    gateway = (staged := stage(way, FIRST, SECOND)).gateway

    read = staged.ask(way)

    attempts = [kept(attempt) for attempt in gateway.record(read)["attempts"]]
    failed = (row.recorded, way.http, row.charged)
    if row.is_final:
        assert (read.status, read.error["code"], attempts) == (row.status, row.code, [failed])
        assert staged.second.requests == []
    else:
        assert (read.text(), read.is_done) == ("The second.", True)
        assert (read.headers["x-gateway-provider"], read.headers["x-gateway-attempts"]) == ("holysheep", "2")
        assert attempts == [failed, (None, 200, "billed")]


@pytest.mark.parametrize(("row", "way"), [each for each in EVERY_WAY if not each.values[0].says_nothing])  # type: ignore[union-attr]
def test_after_it_nobody_else_is_asked(stage: Set, row: Row, way: Way) -> None:
    read = (staged := stage(way, FIRST, SECOND)).ask(way)

    assert (read.status, read.text()) == (200, way.text)
    assert staged.second.requests == []


def assert_answered(read: ReadStream, row: Row, way: Way) -> None:
    assert read.is_done
    assert read.finishes == dict.fromkeys(range(way.asks.get("n", 1)), row.finish)
    told = [(chunk["usage"]["prompt_tokens"], chunk["usage"]["completion_tokens"]) for chunk in read.usages]
    assert told == ([(12, 3)] if row.tokens else [])
    if row.tokens:
        assert read.chunks[-1] == read.usages[0], "the usage comes last"


def assert_failed(read: ReadStream, row: Row, way: Way) -> None:
    assert set(read.error) == {"message", "type", "param", "code"}
    assert (read.error["type"], read.error["code"]) == (TYPES[row.code], row.code)
    assert "[DONE]" not in read.body
    if not row.says_nothing:
        assert read.usages == []
        assert len(read.finishes) < way.asks.get("n", 1)


def kept(attempt: dict[str, Any]) -> tuple[str | None, int | None, str]:
    return attempt.get("cause"), attempt.get("http_status"), attempt["charged"]


def tokens(record: dict[str, Any]) -> tuple[int | None, int | None]:
    return record.get("tokens_in"), record.get("tokens_out")
