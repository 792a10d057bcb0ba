"""Lines of CloudWatch metrics."""

import io
import json
import subprocess
import sys

import pytest
from aws_lambda_powertools import Metrics

from qwen_gateway import metrics
from qwen_gateway.request_ids import RequestIds
from tests.emf import read_metric_lines

IDS = RequestIds("req_01ARZ3NDEKTSV4RRFFQ69G5FAV", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
VALUES = {"requests": 1, "tokens_in": 12, "first_token_ms": 110}
DIMENSIONS = {"provider": "dashscope", "model": "qwen-plus"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "qwen-gateway")


def test_a_line_has_the_values_with_units_the_dimensions_and_the_ids(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.write(VALUES, DIMENSIONS, IDS)

    output = capsys.readouterr().out
    assert output.count("\n") == 1
    (line,) = read_metric_lines(output)
    assert line.values == VALUES
    assert line.units == {"requests": "Count", "tokens_in": "Count", "first_token_ms": "Milliseconds"}
    assert line.dimensions == {"service": "qwen-gateway", **DIMENSIONS}
    assert line.fields == IDS._asdict()


def test_a_count_has_the_service_as_its_only_dimension(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.count("usage_record_lost", IDS)

    (line,) = read_metric_lines(capsys.readouterr().out)
    assert (line.values, line.units) == ({"usage_record_lost": 1}, {"usage_record_lost": "Count"})
    assert line.dimensions == {"service": "qwen-gateway"}


def test_the_line_tells_cloudwatch_the_same_as_that_of_powertools(capsys: pytest.CaptureFixture[str]) -> None:
    powertools = Metrics()
    for name, text in DIMENSIONS.items():
        powertools.add_dimension(name, text)
    for name, value in VALUES.items():
        powertools.add_metric(name, "Milliseconds" if name == "first_token_ms" else "Count", value)
    powertools.flush_metrics()
    metrics.write(VALUES, DIMENSIONS, IDS)

    theirs, ours = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    for line in (theirs, ours):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        directive["Dimensions"] = [sorted(names) for names in directive["Dimensions"]]
    assert ours["_aws"]["CloudWatchMetrics"] == theirs["_aws"]["CloudWatchMetrics"]
    assert abs(ours["_aws"]["Timestamp"] - theirs["_aws"]["Timestamp"]) < 60_000
    assert {name: [value] for name, value in VALUES.items()} == {name: theirs[name] for name in VALUES}


def test_namespace_and_service_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Other")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "other")

    metrics.count("internal_error", IDS)

    line = json.loads(capsys.readouterr().out)
    assert (line["_aws"]["CloudWatchMetrics"][0]["Namespace"], line["service"]) == ("Other", "other")


@pytest.mark.parametrize(
    ("model", "dimension"),
    [
        ("Qwen/Qwen3 8B:free", "Qwen/Qwen3 8B:free"),
        ("通义", "%E9%80%9A%E4%B9%89"),
        ('a"\n\0b', "a%22%0A%00b"),
        ("\ud800", "%3F"),
    ],
)
def test_any_model_name_is_a_valid_dimension(model: str, dimension: str, capsys: pytest.CaptureFixture[str]) -> None:
    metrics.write({"requests": 1}, {"provider": "mine", "model": model}, IDS)

    (line,) = read_metric_lines(capsys.readouterr().out)
    assert line.dimensions["model"] == dimension


def test_a_line_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writes could be interleaved with those of another thread."""
    written: list[str] = []
    stream = io.StringIO()
    monkeypatch.setattr(stream, "write", written.append, raising=False)
    monkeypatch.setattr(sys, "stdout", stream)

    metrics.count("internal_error", IDS)

    assert len(written) == 1


class FullDisk(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError


def closed_stream() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make_stream", [FullDisk, closed_stream])
def test_a_line_that_cannot_be_written_is_lost(make_stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", make_stream())

    metrics.write(VALUES, DIMENSIONS, IDS)


def test_the_writer_imports_nothing_that_a_function_has_not_loaded() -> None:
    script = (
        "import sys, qwen_gateway.config, qwen_gateway.request_ids; before = set(sys.modules); "
        "import qwen_gateway.metrics; print(*sorted(set(sys.modules) - before))"
    )

    assert subprocess.check_output([sys.executable, "-c", script], text=True).split() == ["qwen_gateway.metrics"]
