"""The request rate of a batch, and the processor time that the gateway's policy adds to a call.

Mock Qwen runs in this process and takes processor time from the batch, so the true rate is higher. Processor time is
that of the calling thread. A bare call sends a request and reads the bytes of its response. A whole call adds the
policy, and parses and aggregates the stream.
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
from qwen_gateway.upstream import Deadline, RoutedRequest, Transport, Upstream
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from qwen_gateway.upstream.transport import Address
from qwen_gateway_cli.console import refuse, show, show_table
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen, run_mock_qwen
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.upstream import build_mock_upstream
from tools.bench.report import describe_run

_ROUNDS = 3
_PROMPTS = 400
_CONCURRENCY = 10
_LATENCY_MS = 200
_CALLS = 1000
_BLOCK = 25

_RATIO_GOAL = 0.9
_ADDED_MS_GOAL = 1.0

_KEY = "sk-mock"
_MODEL = "qwen-plus"
_BODY = {"model": _MODEL, "messages": [{"role": "user", "content": "Say hello."}]}


class Measured(NamedTuple):
    """Calls per second of each round, and milliseconds of processor time of each call."""

    calls_per_s: list[float]
    bare_ms: list[float]
    whole_ms: list[float]

    @property
    def limit_per_s(self) -> float:
        """Calls per second if only the provider's latency takes time."""
        return _CONCURRENCY * 1000 / _LATENCY_MS

    @property
    def ratio(self) -> float:
        """The measured rate divided by that limit."""
        return median(self.calls_per_s) / self.limit_per_s

    @property
    def added_ms(self) -> float:
        """Milliseconds of processor time that a whole call adds to a bare one."""
        return median(self.whole_ms) - median(self.bare_ms)

    def as_json(self) -> dict[str, Any]:
        """Return the medians for a program."""
        return {
            **describe_run(),
            "throughput": {
                "max_concurrency": _CONCURRENCY,
                "latency_ms": _LATENCY_MS,
                "prompts": _PROMPTS,
                "calls_per_s": round(median(self.calls_per_s), 2),
                "limit_per_s": self.limit_per_s,
                "ratio": round(self.ratio, 3),
                "goal": _RATIO_GOAL,
            },
            "processor": {
                "bare_ms": round(median(self.bare_ms), 3),
                "whole_ms": round(median(self.whole_ms), 3),
                "added_ms": round(self.added_ms, 3),
                "ratio": round(median(self.whole_ms) / median(self.bare_ms), 3),
                "goal_ms": _ADDED_MS_GOAL,
            },
        }

    def print(self) -> None:
        """Print the medians as tables."""
        throughput, processor = self.as_json()["throughput"], self.as_json()["processor"]
        show(f"\nA batch of {_PROMPTS} prompts, {_CONCURRENCY} at a time, answers after {_LATENCY_MS} ms")
        show_table(
            ("calls a second", "limit", "ratio", "goal"),
            [_format_cells(throughput["calls_per_s"], throughput["limit_per_s"], throughput["ratio"], _RATIO_GOAL)],
        )
        show("\nProcessor time of a call that succeeds at once, ms")
        show_table(
            ("bare", "whole", "ratio", "added", "goal, below"),
            [_format_cells(*(processor[name] for name in ("bare_ms", "whole_ms", "ratio", "added_ms", "goal_ms")))],
        )


def measure() -> Measured:
    """Measure the rate and the processor time in one run."""
    with run_mock_qwen() as provider:
        with show_step("throughput of a batch"):
            rates = [_measure_calls_per_s(provider) for _ in range(_ROUNDS)]
        provider.reset()
        with show_step("processor time of a call"):
            bare, whole = _measure_processor_ms(provider)
    return Measured(rates, bare, whole)


def _measure_calls_per_s(provider: RunningMockQwen) -> float:
    provider.control({"latency_ms": _LATENCY_MS})
    prompts = [f"Prompt {number}." for number in range(_PROMPTS)]
    with QwenClient(configuration=build_mock_upstream(provider.url).gateway_config, api_key=_KEY) as client:
        started = time.perf_counter()
        results = list(client.batch(prompts, _MODEL, max_concurrency=_CONCURRENCY))
        seconds = time.perf_counter() - started
    if not all(isinstance(result, Answer) for result in results):
        refuse("Mock Qwen did not answer every prompt, so this run has no result.")
    return _PROMPTS / seconds


def _measure_processor_ms(provider: RunningMockQwen) -> tuple[list[float], list[float]]:
    """Return the milliseconds of bare and of whole calls, which alternate."""
    configuration = config.parse("", build_mock_upstream(provider.url).gateway_config)
    transport = Transport()
    targets = Routes(configuration).targets(_MODEL)
    upstream = Upstream(configuration, EnvironmentKeys({targets[0].provider: _KEY}), transport)
    request = {**_BODY, "stream": True, "stream_options": {"include_usage": True}}
    address = Address("openai", configuration.providers[targets[0].provider].url, CHAT.path)

    def bare() -> None:
        stream = transport.open(address, _KEY, request, AttemptTimeouts(Deadline(60), configuration.timeouts))
        for _ in stream.pieces():
            pass
        stream.close()

    def whole() -> None:
        upstream.complete(CHAT, RoutedRequest(_MODEL, targets, _BODY), Deadline(60))

    durations_ms: tuple[list[float], list[float]] = [], []
    for block in batched(range(_CALLS), _BLOCK, strict=False):
        for call, times_ms in zip((bare, whole), durations_ms, strict=True):
            times_ms += [_measure_ms(call) for _ in block]
    transport.close()
    return durations_ms


def _measure_ms(call: Callable[[], None]) -> float:
    started = time.thread_time()
    call()
    return (time.thread_time() - started) * 1000


def _format_cells(*values: float) -> list[str]:
    return [f"{value:g}" for value in values]
