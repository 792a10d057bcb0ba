"""The alarms of the transformed template, and what the gateway logs when something fails."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.contract.template import Template, find_resources

ALARM = "AWS::CloudWatch::Alarm"
CONDITION = "HasAlarms"
GATEWAY = "QwenGateway"
"""The namespace of the gateway's own metrics."""


class Metric(NamedTuple):
    """A metric that an alarm reads, with its dimensions by name."""

    namespace: str
    name: str
    dimensions: dict[str, Any]


def list_metrics(alarm: dict[str, Any]) -> list[Metric]:
    """Return the metrics of an alarm, of both branches if a condition selects them."""
    if "Metrics" not in alarm:
        return [_read_metric(alarm)]
    metrics = alarm["Metrics"]
    branches = metrics["Fn::If"][1:] if isinstance(metrics, dict) else [metrics]
    return [
        _read_metric(each["MetricStat"]["Metric"]) for branch in branches for each in branch if "MetricStat" in each
    ]


def _read_metric(metric: dict[str, Any]) -> Metric:
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", [])}
    return Metric(metric["Namespace"], metric["MetricName"], dimensions)


def list_gateway_metrics(template: Template) -> dict[str, Metric]:
    """Return the gateway's own metrics that have an alarm, by name."""
    alarms = find_resources(template, ALARM).values()
    return {each.name: each for alarm in alarms for each in list_metrics(alarm) if each.namespace == GATEWAY}


def find_anchors(document: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def parse_log(output: str) -> list[dict[str, Any]]:
    """Return the JSON lines of a function's log."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def find_emitted(lines: list[dict[str, Any]]) -> Iterator[Metric]:
    """Yield the metrics that the lines emit in the embedded metric format."""
    for line in lines:
        for group in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in group["Dimensions"]:
                dimensions = {name: line[name] for name in names}
                yield from (Metric(group["Namespace"], each["Name"], dimensions) for each in group["Metrics"])
