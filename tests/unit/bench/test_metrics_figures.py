"""The arithmetic of `make bench-metrics`."""

import json

import pytest
from aws_lambda_powertools import Metrics

from tests.emf import read_metric_line
from tools.bench import metrics
from tools.bench.metrics import Measured, Writer

MEASURED = Measured(
    own=Writer(call_us=[10.0, 20.0, 90.0], import_ms=[0.4, 0.5, 3.0], modules=1),
    powertools=Writer(call_us=[70.0, 80.0, 200.0], import_ms=[90.0, 95.0, 140.0], modules=40),
)


def test_the_ratio_is_that_of_the_median_calls() -> None:
    figures = MEASURED.as_json()

    assert figures["own"] == {"call_us": 20, "import_ms": 0.5, "modules": 1}
    assert (figures["powertools"]["call_us"], figures["ratio"]) == (80, 0.25)
    assert figures["not_aws"]


def test_the_table_shows_both_writers(capsys: pytest.CaptureFixture[str]) -> None:
    MEASURED.print()

    shown = " ".join(capsys.readouterr().out.split())
    assert "20 80" in shown
    assert "0.5 95" in shown


def test_both_writers_write_the_same_metrics(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "qwen-gateway")

    metrics._write_own()
    metrics._write_with_powertools(Metrics())

    own, powertools = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    line = read_metric_line(own)
    assert {name: [value] for name, value in line.values.items()} == {name: powertools[name] for name in line.values}
    assert line.dimensions | line.fields == {name: powertools[name] for name in (line.dimensions | line.fields)}
