"""Streams over real HTTP: relayed chunks, the start of the response, deadlines, and the record of each stream."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from qwen_gateway.upstream.operations.chat import RelayedChatReader
from tests.builders import (
    chat_request,
    chunk,
    encode_chunks,
    error_event,
    finish,
    stream,
    text_chunks,
    usage,
    whole_stream,
)
from tests.integration.chat.aws_calls import fail_aws_call
from tests.integration.chat.conftest import LONG_TIMEOUTS, PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.fake_provider import (
    HEAD,
    Behaviour,
    FakeProvider,
    close,
    end_body,
    hang,
    respond_in_order,
    respond_in_parts,
    respond_with,
    run_fake_provider,
    sse_response,
)

MARKED = "marked words of a prompt"
REQUEST = chat_request(messages=[{"role": "user", "content": MARKED}])
INCLUDE_USAGE = {"stream_options": {"include_usage": True}}
HELLO = encode_chunks(*text_chunks("Hel"))
PAIR = {"pair": [{"model": "qwen-plus"}, {"model": "qwen-flash", "provider": "holysheep"}]}
EARLY_START = {"response_start": 0.2}
"""Starts the response before any provider of these tests has sent output."""


def stream_parts(*parts: bytes | float, end: Behaviour = end_body) -> Behaviour:
    return respond_in_parts(HEAD, parts, end)


def create_gateway(provider: FakeProvider, make_gateway: MakeGateway, **timeouts: float) -> Gateway:
    return make_gateway(provider.url, more={"timeouts": {**LONG_TIMEOUTS, **timeouts}})


def create_gateway_with_fallback(
    first: FakeProvider, second: FakeProvider, make_gateway: MakeGateway, **timeouts: float
) -> Gateway:
    reseller = {"providers": {"holysheep": {"base_url": f"{second.url}/v1"}}}
    gateway = make_gateway(first.url, 2, {**reseller, "routes": PAIR, "timeouts": {**LONG_TIMEOUTS, **timeouts}})
    gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY, holysheep=PROVIDER_KEY)
    return gateway


def read_outcome(gateway: Gateway) -> tuple[int, str]:
    """Return status and outcome of the only record."""
    (record,) = gateway.records()
    return record["status"], record["outcome"]


def test_chunks_are_relayed_unchanged(make_gateway: MakeGateway) -> None:
    sent = [
        *text_chunks("Grüße", "\ud83d", "世界"),
        chunk({"content": "!", "unknown": {"deep": [1.50, None]}}),
        finish(),
    ]
    body = b"".join(b"data: " + json.dumps(each, indent=1).replace("\n", " ").encode() + b"\n\n" for each in sent)
    with run_fake_provider(stream_parts(body + stream(usage()))) as provider:
        response = create_gateway(provider, make_gateway).stream(REQUEST)

    assert response.body == body.decode() + "data: [DONE]\n\n"
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "options",
    [{}, {"stream_options": None}, {"stream_options": {}}, {"stream_options": {"include_usage": False}}],
    ids=str,
)
def test_only_a_stream_with_include_usage_has_a_usage_chunk_and_every_record_has_usage(
    make_gateway: MakeGateway, options: dict[str, Any]
) -> None:
    with run_fake_provider(respond_with(sse_response(whole_stream()))) as provider:
        gateway = create_gateway(provider, make_gateway)
        without_usage, with_usage = gateway.stream(REQUEST | options), gateway.stream(REQUEST | INCLUDE_USAGE)

    assert (without_usage.usage_chunks, without_usage.is_done) == ([], True)
    assert len(with_usage.usage_chunks) == 1
    assert [(record["tokens_in"], record["tokens_out"]) for record in gateway.records()] == [(12, 3), (12, 3)]
    sent = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in provider.requests]
    assert [each["stream_options"] for each in sent] == [{"include_usage": True}] * 2


def test_later_chunks_of_a_tool_call_have_neither_id_nor_name(make_gateway: MakeGateway) -> None:
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
    with run_fake_provider(stream_parts(body)) as provider:
        response = create_gateway(provider, make_gateway).stream(REQUEST)

    calls = [each for _, delta in response.deltas for each in delta.get("tool_calls", ())]
    ids_and_names = [(each.get("id"), each["function"].get("name")) for each in calls if each.keys() & {"id"}]
    assert ids_and_names == [("call_1", "weather"), ("call_2", "time")]
    assert [each["function"].keys() for each in calls if "id" not in each] == [{"arguments"}] * 3
    pieces = [(each["index"], each["function"]["arguments"]) for each in calls]
    assert "".join(piece for index, piece in pieces if index == 0) == '{"city": "Ulm"}'
    assert (response.finish_reasons, response.is_done) == ({0: "tool_calls"}, True)


def test_reasoning_precedes_the_content(make_gateway: MakeGateway) -> None:
    reasoning = [chunk({"reasoning_content": text, "content": None}) for text in ("Hm. ", "So.")]
    with run_fake_provider(stream_parts(stream(*reasoning, *text_chunks("Hel", "lo."), finish(), usage()))) as provider:
        response = create_gateway(provider, make_gateway).stream(REQUEST)

    assert (response.text("reasoning_content"), response.text()) == ("Hm. So.", "Hello.")
    assert [name for _, delta in response.deltas for name, text in delta.items() if text] == [
        *("reasoning_content", "reasoning_content", "role", "content", "content")
    ]


def test_choices_are_requested_and_relayed_separately(make_gateway: MakeGateway) -> None:
    chunks = (*text_chunks("A"), *text_chunks("B", index=1), chunk({"content": "a"}), finish(), finish("length", 1))
    with run_fake_provider(stream_parts(stream(*chunks, usage()))) as provider:
        response = create_gateway(provider, make_gateway).stream(REQUEST | {"n": 2})

    assert b'"n":2' in provider.requests[0].replace(b" ", b"")
    assert (response.text(), response.text(index=1)) == ("Aa", "B")
    assert response.finish_reasons == {0: "stop", 1: "length"}


def test_after_the_response_start_the_next_target_may_still_answer(
    make_gateway: MakeGateway,
) -> None:
    no_output, answer = (
        stream_parts(encode_chunks(*text_chunks()), end=hang),
        respond_with(sse_response(whole_stream())),
    )
    with run_fake_provider(no_output) as first, run_fake_provider(answer) as second:
        gateway = create_gateway_with_fallback(first, second, make_gateway, first_token=0.6, **EARLY_START)
        response = gateway.stream(chat_request(model="pair"))

    assert (response.status, response.text(), response.is_done) == (200, "Hello.", True)
    assert not [name for name in response.headers if name.startswith("x-gateway-")]
    (record,) = gateway.records()
    assert (record["outcome"], record["provider"]) == ("answered", "holysheep")
    assert [attempt["charged"] for attempt in record["attempts"]] == ["presumed", "billed"]


def test_if_all_targets_fail_after_the_response_start_the_only_event_is_the_error(make_gateway: MakeGateway) -> None:
    with run_fake_provider(stream_parts(end=hang)) as first, run_fake_provider(stream_parts(end=close)) as second:
        gateway = create_gateway_with_fallback(first, second, make_gateway, first_token=0.6, **EARLY_START)
        response = gateway.stream(chat_request(model="pair"))

    assert (response.status, len(response.data), response.error["code"]) == (200, 1, "provider_timeout")
    (record,) = gateway.records()
    assert (record["status"], record["outcome"], len(record["attempts"])) == (200, "provider_timeout", 2)


def test_a_short_client_read_timeout_causes_an_earlier_response_start(make_gateway: MakeGateway) -> None:
    with run_fake_provider(stream_parts(1.0, whole_stream())) as provider:
        gateway = create_gateway(provider, make_gateway)
        short_timeout = gateway.stream(REQUEST, headers={"x-stainless-read-timeout": "0.3"})
        no_timeout = gateway.stream(REQUEST)

    assert (short_timeout.status, short_timeout.text(), short_timeout.is_done) == (200, "Hello.", True)
    assert "x-gateway-provider" not in short_timeout.headers
    assert "x-gateway-provider" in no_timeout.headers


def test_the_timeout_of_the_client_limits_the_whole_stream(make_gateway: MakeGateway) -> None:
    limit = {"x-gateway-timeout-ms": "600"}
    with run_fake_provider(respond_in_order(hang, stream_parts(HELLO, end=hang))) as provider:
        gateway = create_gateway(provider, make_gateway)
        without_output, with_output = (gateway.stream(REQUEST, headers=limit, seconds=28) for _ in range(2))

    assert (without_output.status, without_output.error["code"]) == (504, "provider_timeout")
    assert (with_output.status, with_output.text(), with_output.error["code"]) == (200, "Hel", "provider_timeout")
    assert "the time for the whole call was over" in with_output.error["message"]
    assert "fewer max_tokens" in with_output.error["message"]
    assert [record["latency_ms"] < 5000 for record in gateway.records()] == [True, True]


def test_the_deadline_ends_an_endless_stream_and_writes_a_record(make_gateway: MakeGateway) -> None:
    endless = (part for _ in range(1000) for part in (encode_chunks(chunk({"content": "x"})), 0.05))
    with run_fake_provider(stream_parts(*endless)) as provider:
        gateway = create_gateway(provider, make_gateway)
        response = gateway.stream(REQUEST, seconds=1.0)

    assert response.text().startswith("xx")
    assert (response.error["code"], "[DONE]" in response.body) == ("provider_timeout", False)
    assert read_outcome(gateway) == (200, "provider_timeout")
    assert gateway.records()[0]["latency_ms"] < 5000


def test_a_target_that_failed_during_a_stream_is_tried_last_by_the_next_request(make_gateway: MakeGateway) -> None:
    answer = respond_with(sse_response(whole_stream()))
    with run_fake_provider(stream_parts(HELLO, end=close)) as first, run_fake_provider(answer) as second:
        gateway = create_gateway_with_fallback(first, second, make_gateway)
        gateway.stream(chat_request(model="pair"))
        response = gateway.stream(chat_request(model="pair"))

    assert response.headers["x-gateway-provider"] == "holysheep"


@pytest.fixture
def defect_in_second_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    read = RelayedChatReader.read

    def fail_on_second_chunk(self: RelayedChatReader, data: bytes) -> Any:
        if b"lo." in data:
            raise RuntimeError(MARKED)
        return read(self, data)

    monkeypatch.setattr(RelayedChatReader, "read", fail_on_second_chunk)


@pytest.mark.usefixtures("defect_in_second_chunk")
def test_an_unhandled_exception_after_output_returns_internal_error_and_logs_no_message(
    make_gateway: MakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_fake_provider(stream_parts(HELLO, stream(chunk({"content": "lo."}), finish()))) as provider:
        gateway = create_gateway(provider, make_gateway)
        response = gateway.stream(REQUEST)

    assert (response.status, response.text()) == (200, "Hel")
    assert (response.error["type"], response.error["code"]) == ("server_error", "internal_error")
    assert read_outcome(gateway) == (200, "internal_error")
    (attempt,) = gateway.records()[0]["attempts"]
    assert (attempt["cause"], attempt["charged"]) == ("RuntimeError", "presumed")
    output = capsys.readouterr().out
    assert [line["error_type"] for line in parse_log(output) if line.get("message") == "unhandled exception"] == [
        "RuntimeError"
    ]
    assert MARKED not in output + response.body


@pytest.mark.parametrize(
    ("last", "outcome"),
    [(stream(finish(), usage()), "answered"), (error_event(code="InternalError"), "provider_failed")],
    ids=["answered", "failed"],
)
def test_a_failed_record_write_does_not_change_the_stream(
    make_gateway: MakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    last: bytes,
    outcome: str,
) -> None:
    with run_fake_provider(stream_parts(HELLO, last)) as provider:
        gateway = create_gateway(provider, make_gateway)
        key = gateway.add_key(concurrency=5)
        fail_aws_call(monkeypatch, "PutItem", EndpointConnectionError(endpoint_url="http://dynamodb"))
        response = gateway.stream(REQUEST, key=key)

    assert (response.status, response.text(), response.is_done) == (200, "Hel", outcome == "answered")
    logged = parse_log(capsys.readouterr().out)
    (lost,) = [line["usage_record"] for line in logged if line.get("message") == "usage record lost"]
    assert lost["sk"] == f"USE#{response.headers['x-request-id'].removeprefix('req_')}"
    assert (lost["streamed"], lost["status"], lost["outcome"]) == (True, 200, outcome)


def test_a_request_rejected_before_the_provider_call_returns_json(gateway: Gateway) -> None:
    response = gateway.stream(chat_request(model="no-such-model"))

    assert (response.status, response.error["code"]) == (404, "model_not_found")
    assert response.headers["content-type"] == "application/json"
    assert gateway.records() == []


def parse_log(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]
