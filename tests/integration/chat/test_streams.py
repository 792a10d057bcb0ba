"""Streams over real HTTP: what is relayed, when the status goes out, and how each ends with one record."""

import json
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from qwen_gateway.upstream.chunk_normalizer import ChunkNormalizer
from tests.builders import (
    broken_off,
    chat_request,
    chunk,
    error_event,
    finish,
    stream,
    text_chunks,
    usage,
    whole_stream,
)
from tests.integration.chat.conftest import PATIENT, PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.scripted import (
    HEAD,
    Play,
    Scripted,
    closes,
    ends,
    event_stream,
    hangs,
    in_parts,
    one_after_another,
    says,
    scripted_provider,
)

MARKED = "marked words of a prompt"
ASKED = chat_request(messages=[{"role": "user", "content": MARKED}])
USAGE = {"stream_options": {"include_usage": True}}
HELLO = broken_off(*text_chunks("Hel"))
PAIR = {"pair": [{"model": "qwen-plus"}, {"model": "qwen-flash", "provider": "holysheep"}]}
AT_ONCE = {"response_start": 0.2}
"""Soon enough that no provider of these tests has said anything."""


def playing(*parts: bytes | float, end: Play = ends) -> Play:
    return in_parts(HEAD, parts, end)


def gateway_to(provider: Scripted, make_gateway: MakeGateway, **timeouts: float) -> Gateway:
    return make_gateway(provider.url, more={"timeouts": {**PATIENT, **timeouts}})


def pair_of(first: Scripted, second: Scripted, make_gateway: MakeGateway, **timeouts: float) -> Gateway:
    reseller = {"providers": {"holysheep": {"base_url": f"{second.url}/v1"}}}
    gateway = make_gateway(first.url, 2, {**reseller, "routes": PAIR, "timeouts": {**PATIENT, **timeouts}})
    gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY, holysheep=PROVIDER_KEY)
    return gateway


def outcome(gateway: Gateway) -> tuple[int, str]:
    """What the one record says."""
    (record,) = gateway.records()
    return record["status"], record["outcome"]


def test_chunks_go_through_as_they_were_sent(make_gateway: MakeGateway) -> None:
    sent = [
        *text_chunks("Grüße", "\ud83d", "世界"),
        chunk({"content": "!", "unknown": {"deep": [1.50, None]}}),
        finish(),
    ]
    body = b"".join(b"data: " + json.dumps(each, indent=1).replace("\n", " ").encode() + b"\n\n" for each in sent)
    with scripted_provider(playing(body + stream(usage()))) as provider:
        read = gateway_to(provider, make_gateway).stream(ASKED)

    assert read.body == body.decode() + "data: [DONE]\n\n"
    assert read.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "options",
    [{}, {"stream_options": None}, {"stream_options": {}}, {"stream_options": {"include_usage": False}}],
    ids=str,
)
def test_usage_is_told_to_whoever_asks_and_written_down_always(
    make_gateway: MakeGateway, options: dict[str, Any]
) -> None:
    with scripted_provider(says(event_stream(whole_stream()))) as provider:
        gateway = gateway_to(provider, make_gateway)
        read, told = gateway.stream(ASKED | options), gateway.stream(ASKED | USAGE)

    assert (read.usages, read.is_done) == ([], True)
    assert len(told.usages) == 1
    assert [(record["tokens_in"], record["tokens_out"]) for record in gateway.records()] == [(12, 3), (12, 3)]
    asked = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in provider.requests]
    assert [each["stream_options"] for each in asked] == [{"include_usage": True}] * 2


def test_later_pieces_of_a_tool_call_repeat_neither_id_nor_name(make_gateway: MakeGateway) -> None:
    def call(index: int, function: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": index, "type": "function", "function": function, **fields}]})

    body = stream(
        call(0, {"name": "weather", "arguments": ""}, id="call_1"),
        call(0, {"name": "", "arguments": '{"city":'}, id=""),
        call(1, {"name": "time", "arguments": "{"}, id="call_2"),
        call(0, {"name": None, "arguments": ' "Ulm"}'}, id=None),
        call(1, {"arguments": "}"}),
        finish("tool_calls"),
        usage(),
    )
    with scripted_provider(playing(body)) as provider:
        read = gateway_to(provider, make_gateway).stream(ASKED)

    calls = [each for _, delta in read.deltas for each in delta.get("tool_calls", ())]
    named = [(each.get("id"), each["function"].get("name")) for each in calls if each.keys() & {"id"}]
    assert named == [("call_1", "weather"), ("call_2", "time")]
    assert [each["function"].keys() for each in calls if "id" not in each] == [{"arguments"}] * 3
    pieces = [(each["index"], each["function"]["arguments"]) for each in calls]
    assert "".join(piece for index, piece in pieces if index == 0) == '{"city": "Ulm"}'
    assert (read.finishes, read.is_done) == ({0: "tool_calls"}, True)


def test_thoughts_come_before_what_was_thought_about(make_gateway: MakeGateway) -> None:
    thoughts = [chunk({"reasoning_content": text, "content": None}) for text in ("Hm. ", "So.")]
    with scripted_provider(playing(stream(*thoughts, *text_chunks("Hel", "lo."), finish(), usage()))) as provider:
        read = gateway_to(provider, make_gateway).stream(ASKED)

    assert (read.text("reasoning_content"), read.text()) == ("Hm. So.", "Hello.")
    assert [name for _, delta in read.deltas for name, text in delta.items() if text] == [
        *("reasoning_content", "reasoning_content", "role", "content", "content")
    ]


def test_choices_are_asked_for_and_kept_apart(make_gateway: MakeGateway) -> None:
    told = (*text_chunks("A"), *text_chunks("B", index=1), chunk({"content": "a"}), finish(), finish("length", 1))
    with scripted_provider(playing(stream(*told, usage()))) as provider:
        read = gateway_to(provider, make_gateway).stream(ASKED | {"n": 2})

    assert b'"n":2' in provider.requests[0].replace(b" ", b"")
    assert (read.text(), read.text(index=1)) == ("Aa", "B")
    assert read.finishes == {0: "stop", 1: "length"}


def test_after_commit_seconds_the_status_goes_out_and_the_next_target_may_still_answer(
    make_gateway: MakeGateway,
) -> None:
    silent, answers = playing(broken_off(*text_chunks()), end=hangs), says(event_stream(whole_stream()))
    with scripted_provider(silent) as first, scripted_provider(answers) as second:
        gateway = pair_of(first, second, make_gateway, first_token=0.6, **AT_ONCE)
        read = gateway.stream(chat_request(model="pair"))

    assert (read.status, read.text(), read.is_done) == (200, "Hello.", True)
    assert not [name for name in read.headers if name.startswith("x-gateway-")]
    (record,) = gateway.records()
    assert (record["outcome"], record["provider"]) == ("answered", "holysheep")
    assert [attempt["charged"] for attempt in record["attempts"]] == ["presumed", "billed"]


def test_when_all_fail_after_it_the_error_is_the_streams_only_event(make_gateway: MakeGateway) -> None:
    with scripted_provider(playing(end=hangs)) as first, scripted_provider(playing(end=closes)) as second:
        gateway = pair_of(first, second, make_gateway, first_token=0.6, **AT_ONCE)
        read = gateway.stream(chat_request(model="pair"))

    assert (read.status, len(read.data), read.error["code"]) == (200, 1, "provider_timeout")
    (record,) = gateway.records()
    assert (record["status"], record["outcome"], len(record["attempts"])) == (200, "provider_timeout", 2)


def test_a_client_of_little_patience_hears_sooner(make_gateway: MakeGateway) -> None:
    with scripted_provider(playing(1.0, whole_stream())) as provider:
        gateway = gateway_to(provider, make_gateway)
        hurried = gateway.stream(ASKED, headers={"x-stainless-read-timeout": "0.3"})
        patient = gateway.stream(ASKED)

    assert (hurried.status, hurried.text(), hurried.is_done) == (200, "Hello.", True)
    assert "x-gateway-provider" not in hurried.headers
    assert "x-gateway-provider" in patient.headers


def test_a_clients_own_limit_is_the_whole_streams(make_gateway: MakeGateway) -> None:
    limit = {"x-gateway-timeout-ms": "600"}
    with scripted_provider(one_after_another(hangs, playing(HELLO, end=hangs))) as provider:
        gateway = gateway_to(provider, make_gateway)
        none, half = (gateway.stream(ASKED, headers=limit, seconds=28) for _ in range(2))

    assert (none.status, none.error["code"]) == (504, "provider_timeout")
    assert (half.status, half.text(), half.error["code"]) == (200, "Hel", "provider_timeout")
    assert "the time for the whole call was over" in half.error["message"]
    assert "fewer max_tokens" in half.error["message"]
    assert [record["latency_ms"] < 5000 for record in gateway.records()] == [True, True]


def test_a_deadline_in_mid_stream_leaves_its_record_though_the_provider_talks_on(make_gateway: MakeGateway) -> None:
    endless = (part for _ in range(1000) for part in (broken_off(chunk({"content": "x"})), 0.05))
    with scripted_provider(playing(*endless)) as provider:
        gateway = gateway_to(provider, make_gateway)
        read = gateway.stream(ASKED, seconds=1.0)

    assert read.text().startswith("xx")
    assert (read.error["code"], "[DONE]" in read.body) == ("provider_timeout", False)
    assert outcome(gateway) == (200, "provider_timeout")
    assert gateway.records()[0]["latency_ms"] < 5000


def test_a_target_that_failed_in_mid_stream_is_asked_last_by_the_next_request(make_gateway: MakeGateway) -> None:
    answers = says(event_stream(whole_stream()))
    with scripted_provider(playing(HELLO, end=closes)) as first, scripted_provider(answers) as second:
        gateway = pair_of(first, second, make_gateway)
        gateway.stream(chat_request(model="pair"))
        read = gateway.stream(chat_request(model="pair"))

    assert read.headers["x-gateway-provider"] == "holysheep"


@pytest.fixture
def a_defect_at_the_second_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    tidy = ChunkNormalizer.normalize

    def failing(self: ChunkNormalizer, batch: list[Any]) -> Any:
        if b"lo." in batch[0].data:
            raise RuntimeError(MARKED)
        return tidy(self, batch)

    monkeypatch.setattr(ChunkNormalizer, "normalize", failing)


@pytest.mark.usefixtures("a_defect_at_the_second_piece")
def test_a_defect_after_output_is_told_and_logged_without_its_words(
    make_gateway: MakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted_provider(playing(HELLO, stream(chunk({"content": "lo."}), finish()))) as provider:
        gateway = gateway_to(provider, make_gateway)
        read = gateway.stream(ASKED)

    assert (read.status, read.text()) == (200, "Hel")
    assert (read.error["type"], read.error["code"]) == ("server_error", "internal_error")
    assert outcome(gateway) == (200, "internal_error")
    (attempt,) = gateway.records()[0]["attempts"]
    assert (attempt["cause"], attempt["charged"]) == ("RuntimeError", "presumed")
    written = capsys.readouterr().out
    assert [line["error_type"] for line in lines(written) if line.get("message") == "unhandled exception"] == [
        "RuntimeError"
    ]
    assert MARKED not in written + read.body


def lose_records(monkeypatch: pytest.MonkeyPatch) -> None:
    call = BaseClient._make_api_call

    def failing(self: BaseClient, name: str, parameters: dict[str, Any]) -> Any:
        if name == "PutItem":
            raise EndpointConnectionError(endpoint_url="http://dynamodb")
        return call(self, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", failing)


@pytest.mark.parametrize(
    ("last", "said"),
    [(stream(finish(), usage()), "answered"), (error_event(code="InternalError"), "provider_failed")],
    ids=["answered", "failed"],
)
def test_a_stream_ends_as_it_would_though_its_record_cannot_be_written(
    make_gateway: MakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    last: bytes,
    said: str,
) -> None:
    with scripted_provider(playing(HELLO, last)) as provider:
        gateway = gateway_to(provider, make_gateway)
        lose_records(monkeypatch)
        read = gateway.stream(ASKED)

    assert (read.status, read.text(), read.is_done) == (200, "Hel", said == "answered")
    logged = lines(capsys.readouterr().out)
    (lost,) = [line["usage_record"] for line in logged if line.get("message") == "usage record lost"]
    assert lost["sk"] == f"USE#{read.headers['x-request-id'].removeprefix('req_')}"
    assert (lost["streamed"], lost["status"], lost["outcome"]) == (True, 200, said)


def test_what_is_refused_before_a_provider_is_called_is_no_stream(gateway: Gateway) -> None:
    read = gateway.stream(chat_request(model="no-such-model"))

    assert (read.status, read.error["code"]) == (404, "model_not_found")
    assert read.headers["content-type"] == "application/json"
    assert gateway.records() == []


def lines(written: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.splitlines()]
