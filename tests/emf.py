"""Reads log lines in CloudWatch's embedded metric format, and checks them by its specification."""

import json
import time
from typing import Any, NamedTuple

UNITS = {"Count", "Milliseconds"}
MAX_METRICS, MAX_DIMENSIONS, MAX_DIMENSION_CHARACTERS = 100, 30, 1024
TWO_HOURS_MS = 7_200_000
"""CloudWatch accepts timestamps up to two hours ahead; here it tells milliseconds from other units."""


class MetricLine(NamedTuple):
    """One line: values and units by the metric's name, the dimensions, and the fields that are neither."""

    values: dict[str, float]
    units: dict[str, str]
    dimensions: dict[str, str]
    fields: dict[str, Any]


def read_metric_lines(output: str) -> list[MetricLine]:
    """Return the metrics of an output. Its other lines are ignored."""
    lines = [json.loads(line) for line in output.splitlines() if '"_aws"' in line]
    return [read_metric_line(line) for line in lines]


def read_metric_line(line: dict[str, Any]) -> MetricLine:
    """Return the metrics of one line, which has to be valid."""
    metadata = line["_aws"]
    assert metadata.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(metadata["Timestamp"], int)
    assert abs(metadata["Timestamp"] - time.time() * 1000) < TWO_HOURS_MS
    (directive,) = metadata["CloudWatchMetrics"]
    assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
    assert directive["Namespace"] == "QwenGateway"
    (names,) = directive["Dimensions"]
    assert 1 <= len(names) <= MAX_DIMENSIONS
    dimensions = {name: line[name] for name in names}
    for value in dimensions.values():
        assert isinstance(value, str)
        assert value.isascii()
        assert value.isprintable()
        assert 1 <= len(value) <= MAX_DIMENSION_CHARACTERS
    metrics = directive["Metrics"]
    assert 1 <= len(metrics) <= MAX_METRICS
    units = {metric["Name"]: metric["Unit"] for metric in metrics}
    assert len(units) == len(metrics)
    assert set(units.values()) <= UNITS
    values = {name: line[name] for name in units}
    assert all(isinstance(value, int | float) and not isinstance(value, bool) for value in values.values())
    fields = {name: value for name, value in line.items() if name not in {"_aws", *dimensions, *values}}
    return MetricLine(values, units, dimensions, fields)
