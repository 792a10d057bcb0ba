"""What prices add to a cold start and to a call.

The import and the first cost are those of fresh processes that have already imported what the chat function imports
without prices, with the data files as the layer has them. The processor time is that of the calling thread.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import qwen_gateway
from qwen_gateway import config, datafile
from qwen_gateway.pricing import Prices
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.pricing.chat_limits import chat_limits
from qwen_gateway.routing import Routes, Target
from qwen_gateway.usage import Usage
from qwen_gateway_cli.console import show, show_table
from qwen_gateway_cli.local.output import show_step
from tools.bench.report import describe_run

_CALLS = 5000
_STARTS = 7
_NOW = 1_795_780_800.0
_TARGET = Target("dashscope", "qwen-plus")
_USAGE = Usage(tokens_in=500, tokens_out=300, tokens_cached=100, tokens_thinking=20)
_BODY = {"messages": [{"role": "user", "content": "Say hello. " * 200}], "max_tokens": 300}
_START = """
import json, sys, time
import qwen_gateway.aws, qwen_gateway.coldstart, qwen_gateway.ledger, qwen_gateway.upstream
from qwen_gateway import config
from qwen_gateway.routing import Target
from qwen_gateway.usage import Usage
settings = config.configuration()
started = time.perf_counter()
from qwen_gateway.pricing import Prices
prices = Prices(settings)
ready = time.perf_counter()
prices.cost(Target("dashscope", "qwen-plus"), Usage(500, 300), 1_795_780_800)
print(json.dumps([(ready - started) * 1000, (time.perf_counter() - ready) * 1000]))
"""


class Measured(NamedTuple):
    """Milliseconds of the import and of the first cost of each start; microseconds of each later cost and bound."""

    import_ms: list[float]
    first_ms: list[float]
    cost_us: list[float]
    bound_us: list[float]

    def as_json(self) -> dict[str, Any]:
        """Return the medians for a program."""
        figures = {name: round(median(values), 2) for name, values in self._asdict().items()}
        return {**describe_run(), "not_aws": "on this machine", **figures}

    def print(self) -> None:
        """Print the medians as a table."""
        figures = self.as_json()
        show("\nWhat prices add")
        labels = {
            "import_ms": "to a cold start: import, ms",
            "first_ms": "to the first call: the price list, ms",
            "cost_us": "to a call: its cost, µs of processor time",
            "bound_us": "to a call with a budget: its bound, µs of processor time",
        }
        show_table(("", "median"), [(label, f"{figures[name]:g}") for name, label in labels.items()])


def measure() -> Measured:
    """Measure starts in fresh processes, and costs and bounds in this one."""
    with show_step("starts"):
        import_ms, first_ms = _measure_starts()
    with show_step("calls"):
        cost_us, bound_us = _measure_calls()
    return Measured(import_ms, first_ms, cost_us, bound_us)


def _measure_starts() -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        package = Path(next(iter(qwen_gateway.__path__)))
        shutil.copytree(package, Path(folder) / package.name)
        datafile.compile_tree(Path(folder))
        command = [sys.executable, "-c", _START]
        environment = {"PYTHONPATH": folder, "AWS_DEFAULT_REGION": "us-east-1"}
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
            for _ in range(_STARTS)
        ]
    import_ms, first_ms = zip(*runs, strict=True)
    return list(import_ms), list(first_ms)


def _measure_calls() -> tuple[list[float], list[float]]:
    settings = config.parse("")
    prices, model = Prices(settings), Routes(settings).describe(_TARGET)
    cost_us: list[float] = []
    bound_us: list[float] = []
    for _ in range(_CALLS):
        started = time.thread_time()
        prices.cost(_TARGET, _USAGE, _NOW)
        priced = time.thread_time()
        limits = chat_limits(_BODY, model)
        if isinstance(limits, RequestLimits):
            prices.bound(_TARGET, limits, _NOW)
        cost_us.append((priced - started) * 1_000_000)
        bound_us.append((time.thread_time() - priced) * 1_000_000)
    return cost_us, bound_us
