"""Streams of any events in any pieces: the client gets each delta once, and exactly one end."""

import itertools
import json
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.service import ChatService
from qwen_gateway import config
from qwen_gateway.api import EventStreamResponse, HttpRequest
from qwen_gateway.calls import MeteredCalls
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError, ProviderAnswerBroken
from qwen_gateway.ledger import Admission, Caller, KeySnapshot, UsageRecord, WinningRecord
from qwen_gateway.pricing import Prices
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Transport, Upstream
from tests.builders import (
    chat_request,
    chunk,
    encode_chunks,
    error_event,
    finish,
    key_snapshot,
    split_at,
    token,
    usage,
)
from tests.builders.provider_responses import DONE
from tests.stream_response import StreamResponse
from tests.unit.upstream.fakes import FakeResponse

HEADERS = {"content-type": "text/event-stream; charset=utf-8"}
TOKEN = token()
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)


class ProviderEvent(NamedTuple):
    """An event of the provider with its attributes: a delta, a finish, a usage or an end (`done`, `failure`)."""

    data: bytes
    delta: tuple[int, str, str] | None = None
    started_choice: int | None = None
    finished_choice: int | None = None
    completion_tokens: int | None = None
    end: str = ""


class FakeDependencies:
    """All dependencies of the service: every key is valid, and the provider sends the given stream."""

    def __init__(self, response: FakeResponse) -> None:
        self._response = response
        self.records: list[UsageRecord] = []

    def was_valid(self, _token_hash: str) -> bool:
        return False

    def read_key(self, _caller: Caller) -> KeySnapshot:
        return key_snapshot()

    def admit(self, *_: object) -> Admission:
        return Admission(key_snapshot(), now=0)

    def serving(self, *_: object) -> tuple[Target, ...]:
        return (Target("dashscope", "qwen-plus"),)

    def retirement(self, _target: Target) -> None:
        return None

    def describe(self, _target: Target) -> None:
        return None

    def key(self, _provider: str, _seconds: float) -> str:
        return "sk-test"

    def reload_refused(self, _provider: str, _refused: str, _seconds: float) -> bool:
        return False

    def open(self, *call: object) -> FakeResponse | None:
        """Return the response of the transport; or put an open record."""
        return self._response if len(call) > 1 else None

    def put(self, _admission: Admission, record: UsageRecord) -> WinningRecord:
        self.records.append(record)
        return WinningRecord(record.state, record.hold, record.cost or 0)

    def release(self, *_: object) -> None: ...

    def stream(self, **choices: Any) -> StreamResponse | GatewayError:
        settings = config.parse('{"retries": {"attempts": 1}}')
        upstream = Upstream(settings, self, cast("Transport", self))
        service = ChatService(
            cast("Any", self), MeteredCalls(self, upstream, cast("Any", self), Timeouts(), self, Prices(settings))
        )
        body = json.dumps(chat_request(stream=True, **choices)).encode()
        request = HttpRequest(RequestIds("req_01ARZ3NDEKTSV4RRFFQ69G5FAV"), {"authorization": f"Bearer {TOKEN}"}, body)
        response = service.complete(request, remaining_s=20)
        if isinstance(response, EventStreamResponse):
            return StreamResponse(200, HEADERS, b"".join(response.events).decode())
        return cast("GatewayError", response.body)


def _delta(index: int, name: str, text: str, tokens: int | None) -> ProviderEvent:
    value = [{"index": 0, "id": "", "function": {"name": "", "arguments": text}}] if name == "tool_calls" else text
    return _event(chunk({name: value}, index=index), tokens, delta=(index, name, text), started_choice=index)


def _event(document: dict[str, Any], tokens: int | None, **attributes: Any) -> ProviderEvent:
    if tokens is not None:
        document = document | {"usage": usage(7, tokens)["usage"]}
    return ProviderEvent(encode_chunks(document), completion_tokens=tokens, **attributes)


TOKENS = st.none() | st.integers(1, 99)
NAMES = st.sampled_from(("content", "reasoning_content", "tool_calls", "refusal"))
EVENTS = st.one_of(
    st.builds(_delta, st.integers(0, 1), NAMES, TEXTS, TOKENS),
    st.builds(
        lambda index, tokens: _event(finish(index=index), tokens, started_choice=index, finished_choice=index),
        st.integers(0, 1),
        TOKENS,
    ),
    st.builds(
        lambda tokens: ProviderEvent(encode_chunks(usage(7, tokens)), completion_tokens=tokens), st.integers(1, 99)
    ),
    st.just(ProviderEvent(b": ping\n\n")),
    st.just(ProviderEvent(b"event: message\nid: 7\n\n")),
)
ENDS = st.sampled_from(
    (
        ProviderEvent(DONE, end="done"),
        ProviderEvent(b"", end="over"),
        ProviderEvent(b"", end="cut"),
        ProviderEvent(error_event(), end="failure"),
        ProviderEvent(b"data: {\n\n", end="failure"),
        ProviderEvent(encode_chunks({"choices": 7}), end="failure"),
        ProviderEvent(encode_chunks(chunk({"tool_calls": 7})), end="failure"),
    )
)
CUTS = st.lists(st.integers(0, 4000), max_size=12) | st.integers(1, 100).map(lambda step: range(0, 9000, step))
FINAL = st.sampled_from(((), (0,), (1,), (0, 1), (1, 0)))


@st.composite
def answers(draw: st.DrawFn) -> list[ProviderEvent]:
    """Draw any events, usually with those that complete the answer, and one end."""
    final = [_event(finish(index=index), None, started_choice=index, finished_choice=index) for index in draw(FINAL)]
    return [*draw(st.lists(EVENTS, max_size=10)), *final, *draw(st.lists(EVENTS, max_size=2)), draw(ENDS)]


@pytest.fixture(autouse=True, scope="module")
def _no_metrics() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qwen_gateway.api.responses.count", lambda *_: None)
        patch.setattr("qwen_gateway.metrics.write", lambda *_: None)
        yield


@given(answers(), st.integers(1, 2), st.booleans(), CUTS, st.booleans())
def test_each_delta_is_sent_once_and_the_stream_has_one_end(
    sent: list[ProviderEvent], choices: int, wants_usage: bool, cuts: Iterable[int], ends_in_crlf: bool
) -> None:
    body = b"".join(each.data for each in sent)
    body = body.replace(b"\n", b"\r\n") if ends_in_crlf else body
    dependencies = FakeDependencies(
        FakeResponse(split_at(body, cuts), ProviderAnswerBroken("cut") if sent[-1].end == "cut" else None)
    )

    read = dependencies.stream(n=choices, stream_options={"include_usage": wants_usage})

    (record,) = dependencies.records
    if isinstance(read, GatewayError):
        assert not is_complete_answer(sent, choices), read
        assert record.status != 200
        return
    assert deltas(read) == [each.delta for each in sent if each.delta]
    assert [data for data in read.data[:-1] if data == "[DONE]" or "error" in json.loads(data)] == []
    assert (read.is_done, record.outcome == "answered") == (is_complete_answer(sent, choices),) * 2
    assert record.status == 200
    reported = [each.completion_tokens for each in sent if each.completion_tokens is not None][-1:]
    tokens = [each["usage"]["completion_tokens"] for each in read.usage_chunks]
    if read.is_done:
        assert tokens == (reported if wants_usage else [])
        assert ([] if record.usage.tokens_out is None else [record.usage.tokens_out]) == reported
    else:
        assert "error" in json.loads(read.data[-1])
        assert tokens == []


def is_complete_answer(sent: list[ProviderEvent], choices: int) -> bool:
    """Return whether every started choice is finished and, without `[DONE]`, every requested one was started."""
    started = {each.started_choice for each in sent} - {None}
    finished = {each.finished_choice for each in sent} - {None}
    is_whole = started == finished and len(started) >= (1 if sent[-1].end == "done" else choices)
    return is_whole and sent[-1].end != "failure"


def deltas(read: StreamResponse) -> list[tuple[int, str, str]]:
    """Return the deltas that the client reads, without the empty ones of a finish."""
    found = []
    for chunk_read in read.chunks:
        for choice in chunk_read["choices"]:
            if choice["finish_reason"]:
                continue
            ((name, value),) = choice["delta"].items()
            text = value[0]["function"]["arguments"] if name == "tool_calls" else value
            found.append((choice["index"], name, text))
    return found


def test_the_id_of_a_tool_call_is_sent_once() -> None:
    events = [_delta(0, "tool_calls", text, None) for text in "{}"]
    read = FakeDependencies(
        FakeResponse([each.data for each in events] + [encode_chunks(finish("tool_calls")), DONE])
    ).stream()

    assert isinstance(read, StreamResponse)
    calls = [delta["tool_calls"][0] for _, delta in read.deltas if "tool_calls" in delta]
    assert list(itertools.chain.from_iterable(call.keys() & {"id"} for call in calls)) == ["id"]
