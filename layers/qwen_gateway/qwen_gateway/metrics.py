"""CloudWatch metrics, written to the log in the embedded metric format (EMF), from which CloudWatch reads them.

The format is in the CloudWatch user guide, "Specification: Embedded metric format". Powertools' Metrics writes it too,
but its import takes longer than a call (`make bench-metrics`), and every call has metrics. This module imports only
what a function has loaded anyway.
"""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple
from urllib.parse import quote

from qwen_gateway.request_ids import RequestIds


class Metric(NamedTuple):
    """A value of one metric."""

    name: str
    unit: Literal["Count", "Milliseconds"]
    value: int


def count(name: str, ids: RequestIds) -> None:
    """Add 1 to a metric whose only dimension is the service."""
    write([Metric(name, "Count", 1)], {}, ids)


def write(metrics: Sequence[Metric], dimensions: Mapping[str, str], ids: RequestIds) -> None:
    """Write one line with metrics that share their dimensions: the service and `dimensions`.

    The ids are fields of the line and no dimensions, because each combination of dimensions is a metric that costs
    money. A line that cannot be written is lost: the call continues.
    """
    values = {"service": os.environ.get("POWERTOOLS_SERVICE_NAME", "qwen-gateway")} | {
        name: _encode_dimension(value) for name, value in dimensions.items()
    }
    directive = {
        "Namespace": os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway"),
        "Dimensions": [list(values)],
        "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in metrics],
    }
    line = {
        "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]},
        **values,
        **{metric.name: metric.value for metric in metrics},
        **ids.log_fields(),
    }
    # One write, because lines of two threads must not mix. ValueError: the stream is closed.
    with suppress(OSError, ValueError):
        sys.stdout.write(json.dumps(line) + "\n")


def _encode_dimension(value: str) -> str:
    """Percent-encode what CloudWatch rejects: it takes only printable ASCII, and a model name may contain any text."""
    return value if value.isascii() and value.isprintable() else quote(value, safe="/ :", errors="replace")
