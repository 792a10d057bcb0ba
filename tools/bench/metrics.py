"""The cost of a call's CloudWatch metrics, beside the same metrics written by Powertools.

The processor time is that of the calling thread; the lines go to /dev/null, so that reading them costs nothing. The
imports are those of fresh processes that have already imported what the chat function imports without metrics.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from qwen_gateway.calls.call_metrics import write_call_metrics
from qwen_gateway.ledger import UsageRecord
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.usage import Usage
from qwen_gateway_cli.console import show, show_table
from qwen_gateway_cli.local.output import show_step
from tools.bench.report import describe_run

_CALLS = 5000
_BLOCK = 100
_STARTS = 5

_NAMESPACE, _SERVICE = "QwenGateway", "qwen-gateway"
_IDS = RequestIds("req_01ARZ3NDEKTSV4RRFFQ69G5FAV", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
_RECORD = UsageRecord(
    id=_IDS.ulid,
    key_id="Bench0000001",
    created=1_764_000_000,
    model_asked="qwen-plus",
    streamed=False,
    status=200,
    outcome="answered",
    latency_ms=420,
    first_token_ms=110,
    model_used="qwen-plus",
    provider="dashscope",
    usage=Usage(tokens_in=500, tokens_out=300, tokens_cached=0),
)
_IMPORT = """
import json, sys, time
import qwen_gateway.aws, qwen_gateway.coldstart, qwen_gateway.ledger, qwen_gateway.request_ids, qwen_gateway.upstream
taken = []
for module in ("qwen_gateway.metrics", "aws_lambda_powertools.metrics"):
    before, started = set(sys.modules), time.perf_counter()
    __import__(module)
    taken.append([(time.perf_counter() - started) * 1000, len(set(sys.modules) - before)])
print(json.dumps(taken))
"""


class Writer(NamedTuple):
    """What one writer costs: microseconds of each call, milliseconds and number of modules of each import."""

    call_us: list[float]
    import_ms: list[float]
    modules: int


class Measured(NamedTuple):
    """The results of one run."""

    own: Writer
    powertools: Writer

    def as_json(self) -> dict[str, Any]:
        """Return the medians for a program."""
        figures = {
            name: {
                "call_us": round(median(writer.call_us), 1),
                "import_ms": round(median(writer.import_ms), 2),
                "modules": writer.modules,
            }
            for name, writer in self._asdict().items()
        }
        return {
            **describe_run(),
            "not_aws": "on this machine, with lines that go to /dev/null",
            **figures,
            "ratio": round(median(self.own.call_us) / median(self.powertools.call_us), 3),
        }

    def print(self) -> None:
        """Print the medians as a table."""
        figures = self.as_json()
        show("\nThe metrics of a call, written by the gateway and by Powertools")
        show_table(
            ("", "gateway", "Powertools"),
            [
                (label, *(f"{figures[writer][name]:g}" for writer in self._fields))
                for label, name in (
                    ("processor time of a call, µs", "call_us"),
                    ("import, ms", "import_ms"),
                    ("imported modules", "modules"),
                )
            ],
        )
        show(f"ratio of the calls {figures['ratio']:g}")


def measure() -> Measured:
    """Measure calls and imports of both writers in turns."""
    with show_step("metrics of a call"):
        own_us, powertools_us = _measure_calls()
    with show_step("imports"):
        own, powertools = _measure_imports()
    return Measured(Writer(own_us, *own), Writer(powertools_us, *powertools))


def _measure_calls() -> tuple[list[float], list[float]]:
    os.environ |= {"POWERTOOLS_METRICS_NAMESPACE": _NAMESPACE, "POWERTOOLS_SERVICE_NAME": _SERVICE}
    metrics = Metrics()
    writers: tuple[Callable[[], None], ...] = (_write_own, lambda: _write_with_powertools(metrics))
    call_us: tuple[list[float], list[float]] = [], []
    # Line-buffered, as the streaming loop makes stdout.
    with Path(os.devnull).open("w", buffering=1, encoding="utf-8") as log, redirect_stdout(log):
        for _ in range(_CALLS // _BLOCK):
            for write, taken_us in zip(writers, call_us, strict=True):
                taken_us += [_measure_us(write) for _ in range(_BLOCK)]
    return call_us


def _write_own() -> None:
    write_call_metrics(_RECORD, _IDS)


def _write_with_powertools(metrics: Metrics) -> None:
    metrics.add_dimension("provider", "dashscope")
    metrics.add_dimension("model", "qwen-plus")
    for name, value in (("requests", 1), ("tokens_in", 500), ("tokens_out", 300), ("tokens_cached", 0)):
        metrics.add_metric(name, MetricUnit.Count, value)
    for name, value in (("latency_ms", 420), ("first_token_ms", 110)):
        metrics.add_metric(name, MetricUnit.Milliseconds, value)
    for name, text in _IDS.log_fields().items():
        metrics.add_metadata(name, text)
    metrics.flush_metrics()


def _measure_imports() -> list[tuple[list[float], int]]:
    """Return the milliseconds and the number of modules of each writer's import."""
    command = [sys.executable, "-c", _IMPORT]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(_STARTS)
    ]
    return [([ms for ms, _ in starts], starts[0][1]) for starts in zip(*runs, strict=True)]


def _measure_us(call: Callable[[], None]) -> float:
    started = time.thread_time()
    call()
    return (time.thread_time() - started) * 1_000_000
