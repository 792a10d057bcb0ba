"""Whatever a provider sends in whatever pieces: each delta reaches the client once, and the stream has one end."""

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.service import ChatService
from qwen_gateway import config
from qwen_gateway.api import EventStreamResponse, HttpRequest
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError, ProviderAnswerBroken
from qwen_gateway.ledger import ApiKey, UsageRecord
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Transport, Upstream
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from tests.builders import api_key, chat_request, chunk, encode_chunks, error_event, finish, split_at, usage
from tests.builders.provider_responses import DONE
from tests.stream_response import StreamResponse
from tests.unit.upstream.playing import Playing

HEADERS = {"content-type": "text/event-stream; charset=utf-8"}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)


class Sent(NamedTuple):
    """An event of the provider's, and what it means: a delta, a finish or a usage, an end (`done`, `failure`)."""

    data: bytes
    delta: tuple[int, str, str] | None = None
    begins: int | None = None
    finishes: int | None = None
    tells_usage: int | None = None
    end: str = ""


class House:
    """All that a stream leans on: everybody is let in, and the provider plays its pieces."""

    def __init__(self, playing: Playing) -> None:
        self._playing = playing
        self.records: list[UsageRecord] = []

    def check_format(self, _token_text: str) -> None: ...

    def authenticate(self, _token_text: str, _now: float) -> ApiKey:
        return api_key()

    def targets(self, _name: str) -> tuple[Target, ...]:
        return (Target("dashscope", "qwen-plus"),)

    def key(self, _provider: str) -> str:
        return "sk-test"

    def reload_refused(self, _provider: str, _refused: str) -> bool:
        return False

    def open(self, _url: str, _key: str, _body: Mapping[str, Any], _patience: AttemptTimeouts) -> Playing:
        return self._playing

    def put(self, record: UsageRecord) -> None:
        self.records.append(record)

    def stream(self, **asked: Any) -> StreamResponse | GatewayError:
        upstream = Upstream(config.parse('{"retries": {"attempts": 1}}'), self, cast("Transport", self))
        service = ChatService(self, self, upstream, self, Timeouts())
        body = json.dumps(chat_request(stream=True, **asked)).encode()
        request = HttpRequest({"authorization": "Bearer t"}, body)
        served = service.complete(request, "req_01ARZ3NDEKTSV4RRFFQ69G5FAV", seconds=20)
        if isinstance(served, EventStreamResponse):
            return StreamResponse(200, HEADERS, b"".join(served.events).decode())
        return cast("GatewayError", served.body)


def _delta(index: int, name: str, text: str, told: int | None) -> Sent:
    value = [{"index": 0, "id": "", "function": {"name": "", "arguments": text}}] if name == "tool_calls" else text
    return _sent(chunk({name: value}, index=index), told, delta=(index, name, text), begins=index)


def _sent(document: dict[str, Any], told: int | None, **meaning: Any) -> Sent:
    if told is not None:
        document = document | {"usage": usage(7, told)["usage"]}
    return Sent(encode_chunks(document), tells_usage=told, **meaning)


TOLD = st.none() | st.integers(1, 99)
NAMES = st.sampled_from(("content", "reasoning_content", "tool_calls", "refusal"))
EVENTS = st.one_of(
    st.builds(_delta, st.integers(0, 1), NAMES, TEXTS, TOLD),
    st.builds(
        lambda index, told: _sent(finish(index=index), told, begins=index, finishes=index), st.integers(0, 1), TOLD
    ),
    st.builds(lambda told: Sent(encode_chunks(usage(7, told)), tells_usage=told), st.integers(1, 99)),
    st.just(Sent(b": ping\n\n")),
    st.just(Sent(b"event: message\nid: 7\n\n")),
)
ENDS = st.sampled_from(
    (
        Sent(DONE, end="done"),
        Sent(b"", end="over"),
        Sent(b"", end="cut"),
        Sent(error_event(), end="failure"),
        Sent(b"data: {\n\n", end="failure"),
        Sent(encode_chunks({"choices": 7}), end="failure"),
        Sent(encode_chunks(chunk({"tool_calls": 7})), end="failure"),
    )
)
CUTS = st.lists(st.integers(0, 4000), max_size=12) | st.integers(1, 100).map(lambda step: range(0, 9000, step))
CLOSING = st.sampled_from(((), (0,), (1,), (0, 1), (1, 0)))


@st.composite
def answers(draw: st.DrawFn) -> list[Sent]:
    """Any events, mostly with what makes them a whole answer, and one end."""
    closing = [_sent(finish(index=index), None, begins=index, finishes=index) for index in draw(CLOSING)]
    return [*draw(st.lists(EVENTS, max_size=10)), *closing, *draw(st.lists(EVENTS, max_size=2)), draw(ENDS)]


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qwen_gateway.api.sse.count", lambda *_: None)
        yield


@given(answers(), st.integers(1, 2), st.booleans(), CUTS, st.booleans())
def test_every_delta_comes_once_and_the_stream_has_one_end(
    sent: list[Sent], asked: int, wants_usage: bool, cuts: Iterable[int], ends_in_crlf: bool
) -> None:
    body = b"".join(each.data for each in sent)
    body = body.replace(b"\n", b"\r\n") if ends_in_crlf else body
    house = House(Playing(split_at(body, cuts), ProviderAnswerBroken("cut") if sent[-1].end == "cut" else None))

    read = house.stream(n=asked, stream_options={"include_usage": wants_usage})

    (record,) = house.records
    if isinstance(read, GatewayError):
        assert not is_answer(sent, asked), read
        assert record.status != 200
        return
    assert deltas(read) == [each.delta for each in sent if each.delta]
    assert [data for data in read.data[:-1] if data == "[DONE]" or "error" in json.loads(data)] == []
    assert (read.is_done, record.outcome == "answered") == (is_answer(sent, asked),) * 2
    assert record.status == 200
    known = [each.tells_usage for each in sent if each.tells_usage is not None][-1:]
    told = [each["usage"]["completion_tokens"] for each in read.usage_chunks]
    if read.is_done:
        assert told == (known if wants_usage else [])
        assert [record.tokens_out] == [*known, None][:1]
    else:
        assert "error" in json.loads(read.data[-1])
        assert told == []


def is_answer(sent: list[Sent], asked: int) -> bool:
    """Whether every choice that began has finished, and, when nobody says that it is all, every one asked for."""
    begun = {each.begins for each in sent} - {None}
    finished = {each.finishes for each in sent} - {None}
    is_whole = begun == finished and len(begun) >= (1 if sent[-1].end == "done" else asked)
    return is_whole and sent[-1].end != "failure"


def deltas(read: StreamResponse) -> list[tuple[int, str, str]]:
    """What the client reads, without the empty deltas of a finish."""
    found = []
    for chunk_read in read.chunks:
        for choice in chunk_read["choices"]:
            if choice["finish_reason"]:
                continue
            ((name, value),) = choice["delta"].items()
            text = value[0]["function"]["arguments"] if name == "tool_calls" else value
            found.append((choice["index"], name, text))
    return found


def test_the_ids_of_a_tool_call_come_once() -> None:
    events = [_delta(0, "tool_calls", text, None) for text in "{}"]
    read = House(Playing([each.data for each in events] + [encode_chunks(finish("tool_calls")), DONE])).stream()

    assert isinstance(read, StreamResponse)
    calls = [delta["tool_calls"][0] for _, delta in read.deltas if "tool_calls" in delta]
    assert list(itertools.chain.from_iterable(call.keys() & {"id"} for call in calls)) == ["id"]
