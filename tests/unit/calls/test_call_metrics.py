"""The metrics of a call, from its usage record."""

import pytest

from qwen_gateway.calls.call_metrics import write_call_metrics
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.usage import Usage
from tests.builders import usage_record
from tests.emf import read_metric_lines

IDS = RequestIds("req_01ARZ3NDEKTSV4RRFFQ69G5FAV")


def test_an_answered_call_has_all_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    record = usage_record(model_asked="qwen-max", usage=Usage(tokens_in=12, tokens_out=3, tokens_cached=0))

    write_call_metrics(record, IDS)

    (line,) = read_metric_lines(capsys.readouterr().out)
    assert line.values == {
        "requests": 1,
        "tokens_in": 12,
        "tokens_out": 3,
        "tokens_cached": 0,
        "latency_ms": 420,
        "first_token_ms": 110,
    }
    assert (line.dimensions["provider"], line.dimensions["model"]) == ("dashscope", "qwen-plus")


def test_unreported_counts_are_absent_and_not_zero(capsys: pytest.CaptureFixture[str]) -> None:
    write_call_metrics(usage_record(usage=Usage(), first_token_ms=None), IDS)

    (line,) = read_metric_lines(capsys.readouterr().out)
    assert line.values == {"requests": 1, "latency_ms": 420}


def test_a_failed_call_has_no_latency(capsys: pytest.CaptureFixture[str]) -> None:
    write_call_metrics(usage_record(outcome="provider_failed", usage=Usage(tokens_in=12)), IDS)

    (line,) = read_metric_lines(capsys.readouterr().out)
    assert line.values == {"requests": 1, "tokens_in": 12}


def test_a_call_without_an_attempt_has_no_metrics_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    record = usage_record(outcome="provider_not_configured", provider=None, model_used=None, attempts=())

    write_call_metrics(record, IDS)

    assert capsys.readouterr().out == ""


def test_nothing_of_the_key_or_the_client_is_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    record = usage_record(key_id="MarkedKey001", model_asked="marked", end_user="marked", tags={"marked": "marked"})

    write_call_metrics(record, IDS)

    assert "marked" not in capsys.readouterr().out.lower()
