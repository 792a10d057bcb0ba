"""How near a batch comes to the rate that its limit allows, and how much processor time the policy adds to a call.

Mock Qwen runs in this process, so its work is in the way of the batch: the true ratio is higher. Processor
time is that of the calling thread alone. A bare call sends a request and reads the bytes of its answer; what a whole
call adds to it is the policy, and the parsing and joining of the stream besides.
"""

import time
from collections.abc import Callable
from itertools import batched
from statistics import median
from typing import Any, NamedTuple

from qwen_gateway import config
from qwen_gateway.library import Answer, QwenClient
from qwen_gateway.provider_keys.environment import EnvironmentKeys
from qwen_gateway.routing import Routes
from qwen_gateway.upstream import Deadline, Transport, Upstream
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from qwen_gateway_cli.bench.report import circumstances
from qwen_gateway_cli.console import refuse, show, show_table
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen, run_mock_qwen
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.upstream import build_mock_upstream

_ROUNDS = 3
_PROMPTS = 400
_CONCURRENCY = 10
_LATENCY_MS = 200
_CALLS = 1000
_BLOCK = 25

_LEAST_RATIO = 0.9
_MOST_ADDED_MS = 1.0

_KEY = "sk-mock"
_MODEL = "qwen-plus"
_BODY = {"model": _MODEL, "messages": [{"role": "user", "content": "Say hello."}]}


class Measured(NamedTuple):
    """Calls a second of each round, and milliseconds of processor time of each call."""

    calls_per_s: list[float]
    bare_ms: list[float]
    whole_ms: list[float]

    @property
    def limit_per_s(self) -> float:
        """The calls a second that the limit of concurrency allows when nothing takes time but the answers."""
        return _CONCURRENCY * 1000 / _LATENCY_MS

    @property
    def ratio(self) -> float:
        """The part of that rate that was reached."""
        return median(self.calls_per_s) / self.limit_per_s

    @property
    def added_ms(self) -> float:
        """Milliseconds of processor time that a whole call takes beyond a bare one."""
        return median(self.whole_ms) - median(self.bare_ms)

    def as_json(self) -> dict[str, Any]:
        """Return the figures for a program: medians."""
        return {
            **circumstances(),
            "throughput": {
                "max_concurrency": _CONCURRENCY,
                "latency_ms": _LATENCY_MS,
                "prompts": _PROMPTS,
                "calls_per_s": round(median(self.calls_per_s), 2),
                "limit_per_s": self.limit_per_s,
                "ratio": round(self.ratio, 3),
                "goal": _LEAST_RATIO,
            },
            "processor": {
                "bare_ms": round(median(self.bare_ms), 3),
                "whole_ms": round(median(self.whole_ms), 3),
                "added_ms": round(self.added_ms, 3),
                "ratio": round(median(self.whole_ms) / median(self.bare_ms), 3),
                "goal_ms": _MOST_ADDED_MS,
            },
        }

    def print(self) -> None:
        """Show the figures to a person."""
        throughput, processor = self.as_json()["throughput"], self.as_json()["processor"]
        show(f"\nA batch of {_PROMPTS} prompts, {_CONCURRENCY} at a time, answers after {_LATENCY_MS} ms")
        show_table(
            ("calls a second", "limit", "ratio", "goal"),
            [_cells(throughput["calls_per_s"], throughput["limit_per_s"], throughput["ratio"], _LEAST_RATIO)],
        )
        show("\nProcessor time of a call that succeeds at once, ms")
        show_table(
            ("bare", "whole", "ratio", "added", "goal, below"),
            [_cells(*(processor[name] for name in ("bare_ms", "whole_ms", "ratio", "added_ms", "goal_ms")))],
        )


def measure() -> Measured:
    """Measure both in one run."""
    with run_mock_qwen() as provider:
        with show_step("throughput of a batch"):
            rates = [_calls_per_s(provider) for _ in range(_ROUNDS)]
        provider.reset()
        with show_step("processor time of a call"):
            bare, whole = _processor_ms(provider)
    return Measured(rates, bare, whole)


def _calls_per_s(provider: RunningMockQwen) -> float:
    provider.control({"latency_ms": _LATENCY_MS})
    prompts = [f"Prompt {number}." for number in range(_PROMPTS)]
    with QwenClient(configuration=build_mock_upstream(provider.url).gateway_config, api_key=_KEY) as client:
        began = time.perf_counter()
        results = list(client.batch(prompts, _MODEL, max_concurrency=_CONCURRENCY))
        seconds = time.perf_counter() - began
    if not all(isinstance(result, Answer) for result in results):
        refuse("Mock Qwen did not answer every prompt, so this run has no result.")
    return _PROMPTS / seconds


def _processor_ms(provider: RunningMockQwen) -> tuple[list[float], list[float]]:
    """Return milliseconds of bare and of whole calls, taken in turns."""
    settings = config.parse("", build_mock_upstream(provider.url).gateway_config)
    transport = Transport()
    targets = Routes(settings).targets(_MODEL)
    upstream = Upstream(settings, EnvironmentKeys({targets[0].provider: _KEY}), transport)
    asked = {**_BODY, "stream": True, "stream_options": {"include_usage": True}}
    url = settings.providers[targets[0].provider].url

    def bare() -> None:
        stream = transport.open(url, _KEY, asked, AttemptTimeouts(Deadline(60), settings.timeouts))
        for _ in stream.pieces():
            pass
        stream.close()

    def whole() -> None:
        upstream.complete(_MODEL, targets, _BODY, Deadline(60))

    taken: tuple[list[float], list[float]] = [], []
    for block in batched(range(_CALLS), _BLOCK, strict=False):
        for call, times in zip((bare, whole), taken, strict=True):
            times += [_timed(call) for _ in block]
    transport.close()
    return taken


def _timed(call: Callable[[], None]) -> float:
    began = time.thread_time()
    call()
    return (time.thread_time() - began) * 1000


def _cells(*values: float) -> list[str]:
    return [f"{value:g}" for value in values]
