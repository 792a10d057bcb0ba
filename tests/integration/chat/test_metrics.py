"""The metrics of calls through the chat function, and the ids by which a call is found everywhere."""

import io
import json
import sys
from typing import Any

import pytest

from qwen_gateway.ledger import UsageLedger, UsageRecord, WinningRecord
from qwen_gateway.runtime import EventStream
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_event, chat_request
from tests.builders.provider_responses import DONE
from tests.emf import MetricLine, read_metric_lines
from tests.integration.chat.conftest import DEADLINE_S, Gateway, MakeGateway

API_REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
"""Of the events that the tests send."""
ALL = {"requests", "tokens_in", "tokens_out", "tokens_cached", "latency_ms", "first_token_ms"}
CHAIN = {"routes": {"pair": [{"model": "qwen4-max"}, {"model": "qwen-flash"}]}}
PROMPT = "a marked prompt"


@pytest.fixture
def counted(provider: RunningMockQwen) -> RunningMockQwen:
    """The mock Qwen, which reports 40, 9 and 30 tokens."""
    provider.control({"prompt_tokens": 40, "completion_tokens": 9, "cached_tokens": 30})
    return provider


def of_models(lines: list[MetricLine]) -> list[MetricLine]:
    return [line for line in lines if "model" in line.dimensions]


def counts(lines: list[MetricLine]) -> list[str]:
    """Return the names of the metrics that have no dimension but the service."""
    return [name for line in lines if line.dimensions.keys() == {"service"} for name in line.values]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answered_call_writes_one_line(
    gateway: Gateway, counted: RunningMockQwen, capsys: pytest.CaptureFixture[str], *, stream: bool
) -> None:
    request = chat_request(model="qwen-max", messages=[{"role": "user", "content": PROMPT}])

    answer = gateway.stream(request) if stream else gateway.chat(request)

    output = capsys.readouterr().out
    (line,) = read_metric_lines(output)
    record = gateway.record(answer)
    assert line.values.keys() == ALL
    assert {name: line.values[name] for name in ALL - {"requests"}} == {
        name: int(record[name]) for name in ALL - {"requests"}
    }
    assert (line.values["tokens_in"], line.values["tokens_out"], line.values["tokens_cached"]) == (40, 9, 30)
    assert line.dimensions == {"service": "qwen-gateway", "provider": "dashscope", "model": "qwen4-max"}
    assert not [secret for secret in (PROMPT, gateway.token, record["pk"].removeprefix("KEY#")) if secret in output]


@pytest.fixture
def written(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """The gateway; writing a record prints a line."""
    replace_open = UsageLedger.replace_open

    def put_and_print(ledger: UsageLedger, record: UsageRecord) -> WinningRecord:
        winner = replace_open(ledger, record)
        print("record")  # noqa: T201 - read from the captured output
        return winner

    monkeypatch.setattr(UsageLedger, "replace_open", put_and_print)
    return gateway


def test_the_line_of_a_stream_follows_its_content_and_its_record_and_precedes_its_end(
    written: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = written.handle(chat_event(chat_request(stream=True), written.token))
    assert isinstance(stream, EventStream)

    for chunk in stream.chunks:
        output = capsys.readouterr().out
        assert (output == "") == (chunk != DONE), chunk

    assert capsys.readouterr().out == ""
    record, line = output.splitlines()
    assert record == "record"
    assert read_metric_lines(line)


def test_the_line_of_a_whole_answer_follows_its_record(written: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    written.chat(chat_request())

    record, line = capsys.readouterr().out.splitlines()
    assert record == "record"
    assert read_metric_lines(line)


def test_a_failed_call_is_counted_by_its_model_and_by_its_error_code(
    gateway: Gateway, provider: RunningMockQwen, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.control({"faults": [{"status": 429, "code": "limit_requests"}]})

    assert gateway.chat(chat_request()).status == 429

    lines = read_metric_lines(capsys.readouterr().out)
    (line,) = of_models(lines)
    assert line.values == {"requests": 1}
    assert counts(lines) == ["provider_throttled"]


def test_a_stream_that_fails_in_the_middle_has_no_latency(
    gateway: Gateway, provider: RunningMockQwen, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.control({"faults": [{"kind": "truncate", "after_chunks": 1}]})

    assert gateway.stream(chat_request()).status == 200

    lines = read_metric_lines(capsys.readouterr().out)
    (line,) = of_models(lines)
    assert line.values.keys().isdisjoint({"latency_ms", "first_token_ms"})
    assert counts(lines) == ["provider_answer_broken"]


def test_a_fallback_is_counted_by_the_model_that_answered(
    make_gateway: MakeGateway, provider: RunningMockQwen, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.control({"faults": [{"model": "qwen4-max", "times": 9, "status": 404, "code": "model_not_found"}]})
    gateway = make_gateway(provider.url, attempts=2, more=CHAIN)

    assert gateway.chat(chat_request(model="pair")).status == 200

    (line,) = read_metric_lines(capsys.readouterr().out)
    assert (line.values["requests"], line.dimensions["model"]) == (1, "qwen-flash")


def test_a_name_that_only_the_client_knows_is_no_dimension(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gateway.chat(chat_request(model="marked-by-the-client")).status == 404

    output = capsys.readouterr().out
    assert of_models(read_metric_lines(output)) == []
    assert "marked-by-the-client" not in output


def test_a_call_without_a_provider_key_is_counted_by_its_error_code_only(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.aws.store_provider_keys(other="sk-other")

    assert gateway.chat(chat_request()).error[2] == "provider_not_configured"

    lines = read_metric_lines(capsys.readouterr().out)
    assert (of_models(lines), counts(lines)) == ([], ["provider_not_configured"])


def test_a_rejected_request_is_counted_with_its_ids(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    answer = gateway.chat(chat_request(), key="")

    (line,) = read_metric_lines(capsys.readouterr().out)
    assert line.values == {"request_refused": 1}
    assert line.fields == {"request_id": answer.headers["x-request-id"], "api_request_id": API_REQUEST_ID}


def test_the_models_function_counts_a_rejected_request(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert gateway.models(key="").status == 401

    assert counts(read_metric_lines(capsys.readouterr().out)) == ["request_refused"]


class BrokenLog(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [False, True])
def test_a_log_that_cannot_be_written_does_not_break_a_call(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", BrokenLog())

    answer = gateway.stream(chat_request()) if stream else gateway.chat(chat_request())

    assert answer.status == 200
    assert gateway.record(answer)["outcome"] == "answered"


@pytest.mark.parametrize("fault", [{}, {"faults": [{"status": 503, "code": "ModelUnavailable"}]}])
@pytest.mark.parametrize("stream", [False, True])
def test_the_header_the_log_and_the_record_share_both_ids(
    gateway: Gateway,
    provider: RunningMockQwen,
    capsys: pytest.CaptureFixture[str],
    fault: dict[str, Any],
    *,
    stream: bool,
) -> None:
    provider.control(fault)

    answer = gateway.stream(chat_request()) if stream else gateway.chat(chat_request())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ids = (answer.headers["x-request-id"], API_REQUEST_ID)
    assert {(line["request_id"], line["api_request_id"]) for line in lines} == {ids}
    record = gateway.record(answer)
    assert (f"req_{record['sk'].removeprefix('USE#')}", record["api_request_id"]) == ids


def test_an_id_that_is_no_uuid_reaches_neither_the_log_nor_the_record(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    event = chat_event(chat_request(), gateway.token)
    event["requestContext"]["requestId"] = gateway.token

    assert gateway.handle(event, DEADLINE_S)["statusCode"] == 200

    (record,) = gateway.records()
    assert "api_request_id" not in record
    assert gateway.token not in capsys.readouterr().out
