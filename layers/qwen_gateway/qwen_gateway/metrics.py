"""CloudWatch metrics, written to the log in the embedded metric format (EMF), from which CloudWatch reads them.

The format is in the CloudWatch user guide, "Specification: Embedded metric format". Powertools' Metrics writes it too,
but takes several times as long, and its import delays a cold start (`make bench-metrics`). This module imports only
what a function has loaded anyway.
"""

import functools
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote

from qwen_gateway.request_ids import RequestIds


def count(name: str, ids: RequestIds) -> None:
    """Add 1 to a metric whose only dimension is the service."""
    write({name: 1}, {}, ids)


def write(values: Mapping[str, int], dimensions: Mapping[str, str], ids: RequestIds) -> None:
    """Write one line with the values of metrics by name; their dimensions are the service and `dimensions`.

    The unit of a name that ends in `_ms` is milliseconds, of any other a count. The ids are fields of the line and no
    dimensions, because each combination of dimensions is a metric that costs money. A line that cannot be written is
    lost, and the call continues.
    """
    namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    fields = {
        "service": os.environ.get("POWERTOOLS_SERVICE_NAME", "qwen-gateway"),
        **{name: _encode_dimension(value) for name, value in dimensions.items()},
        **values,
        **ids.log_fields(),
    }
    timestamp_ms = time.time_ns() // 1_000_000
    directive = _build_directive(namespace, ("service", *dimensions), tuple(values))
    line = f'{{"_aws": {{"Timestamp": {timestamp_ms}, "CloudWatchMetrics": [{directive}]}}, {json.dumps(fields)[1:]}\n'
    # One write, because lines of two threads must not mix. ValueError: the stream is closed.
    with suppress(OSError, ValueError):
        sys.stdout.write(line)


@functools.cache
def _build_directive(namespace: str, dimensions: tuple[str, ...], names: tuple[str, ...]) -> str:
    """Return the JSON that tells CloudWatch which fields of a line are metrics. It is the same for nearly all lines."""
    metrics = [{"Name": name, "Unit": "Milliseconds" if name.endswith("_ms") else "Count"} for name in names]
    return json.dumps({"Namespace": namespace, "Dimensions": [dimensions], "Metrics": metrics})


def _encode_dimension(value: str) -> str:
    """Percent-encode what CloudWatch rejects: it takes printable ASCII, and a model name may contain any text."""
    return value if value.isascii() and value.isprintable() else quote(value, safe="/ :", errors="replace")
