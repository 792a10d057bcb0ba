"""Chat beside the other endpoints: the imports of a cold start, the time to the first event, a thousand rows.

The ledger answers at once, so the figures are those of the way through the gateway. Mock Qwen runs in a process of its
own, on the same machine.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx2

from qwen_gateway import config
from qwen_gateway.api import (
    ANTHROPIC,
    OPENAI,
    EventStreamResponse,
    HttpRequest,
    JsonPartsResponse,
    ResponsesFormat,
    WireFormat,
)
from qwen_gateway.calls import MeteredCalls
from qwen_gateway.calls.split_call import MAX_PARTS_AT_ONCE
from qwen_gateway.ledger import Admission, ApiKey, KeySnapshot, UsageRecord, WinningRecord, token
from qwen_gateway.pricing import Prices
from qwen_gateway.pricing.chat_limits import chat_limits
from qwen_gateway.pricing.embeddings_limits import embeddings_limits
from qwen_gateway.pricing.messages_limits import messages_limits
from qwen_gateway.pricing.responses_limits import responses_limits
from qwen_gateway.provider_keys.environment import EnvironmentKeys
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Routes
from qwen_gateway.upstream import Deadline, RoutedRequest, Transport, Upstream
from qwen_gateway.upstream.operations import Operation
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.upstream.operations.embeddings import EMBEDDINGS, join_answers, split_rows
from qwen_gateway.upstream.operations.messages import MESSAGES
from qwen_gateway.upstream.operations.responses import RESPONSES
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from qwen_gateway.upstream.transport import Address
from qwen_gateway_cli.console import refuse, show, show_table
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.stack import find_repository_root
from qwen_gateway_cli.upstream import build_mock_upstream
from tools.bench.report import describe_run

_FUNCTIONS = ("chat", "embeddings", "messages", "responses_api")
_IMPORT_ROUNDS = 9
_STREAMS = 200
_EARLY, _LATE = 100, 1_000
_RSS_PER_MB = 2**20 if sys.platform == "darwin" else 2**10
"""The unit of `ru_maxrss` is a byte on macOS, a KB on Linux."""
_STREAMED: dict[str, Any] = {
    "model": "qwen-flash",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 100,
    "stream": True,
}
_RESPONSE: dict[str, Any] = {"model": "qwen-flash", "input": "Say hello.", "max_output_tokens": 100, "stream": True}
_ROW_ROUNDS = 5
_LATENCY_MS = 200
_ROWS = [f"This is row {number} of many." for number in range(1_000)]
_REMAINING_S = 800.0
_KEY = "sk-bench"
_RATIO_GOAL = 1.1


class Measured(NamedTuple):
    """Medians in milliseconds: imports and first events by endpoint, a thousand rows without and with the gateway."""

    imports_ms: dict[str, float]
    first_event_ms: dict[str, tuple[float, float]]
    rows_ms: tuple[float, float]
    peak_mb: tuple[float, float]
    """The memory of this process after the first streams of messages and of Responses, and after a thousand of each."""

    def as_json(self) -> dict[str, Any]:
        """Return the medians for a program."""
        bare, whole = self.rows_ms
        return {
            **describe_run(),
            "imports_ms": {name: round(value, 1) for name, value in self.imports_ms.items()},
            "first_event_ms": {
                name: {"bare": round(direct, 2), "whole": round(relayed, 2), "added": round(relayed - direct, 2)}
                for name, (direct, relayed) in self.first_event_ms.items()
            },
            "streams_peak_mb": {str(_EARLY): round(self.peak_mb[0], 1), str(_LATE): round(self.peak_mb[1], 1)},
            "rows": {
                "rows": len(_ROWS),
                "at_once": MAX_PARTS_AT_ONCE,
                "latency_ms": _LATENCY_MS,
                "bare_ms": round(bare),
                "whole_ms": round(whole),
                "ratio": round(whole / bare, 3),
                "goal": _RATIO_GOAL,
            },
        }

    def print(self) -> None:
        """Print the medians as tables."""
        figures = self.as_json()
        show("\nImports of a cold start, ms")
        show_table(("function", "ms"), [(name, str(value)) for name, value in figures["imports_ms"].items()])
        show("\nTime to the first event of a stream that the provider sends at once, ms")
        rows = [
            (name, *(str(each[part]) for part in ("bare", "whole", "added")))
            for name, each in figures["first_event_ms"].items()
        ]
        show_table(("endpoint", "provider", "gateway", "added"), rows)
        early, late = self.peak_mb
        streams = f"{_EARLY} and {_LATE} streams of messages and of Responses"
        show(f"\nPeak memory after {streams}: {early:.1f} and {late:.1f} MB")
        show(f"\n{len(_ROWS)} rows in calls of ten, {MAX_PARTS_AT_ONCE} at once, each answered after {_LATENCY_MS} ms")
        names = ("bare_ms", "whole_ms", "ratio", "goal")
        show_table(
            ("provider, ms", "gateway, ms", "ratio", "goal, below"),
            [tuple(str(figures["rows"][name]) for name in names)],
        )


class _InstantLedger:
    """A ledger that admits every call and settles it at once."""

    def __init__(self) -> None:
        key = ApiKey("bench", "bench", "", None, None, None, disabled=False)
        self._admission = Admission(KeySnapshot(key, version=1), now=0)

    def was_valid(self, _token_hash: str) -> bool:
        return True

    def read_key(self, _caller: object) -> KeySnapshot:
        return self._admission.snapshot

    def admit(self, *_: object) -> Admission:
        return self._admission

    def open(self, _record: UsageRecord) -> None: ...

    def put(self, _admission: Admission, record: UsageRecord) -> WinningRecord:
        return WinningRecord(record.state, record.hold, record.cost or 0)

    def release(self, *_: object) -> None: ...


class _Gateway:
    """The metered calls to mock Qwen, and the same provider without them."""

    def __init__(self, url: str) -> None:
        self._configuration = config.parse("", build_mock_upstream(url).gateway_config)
        self._routes = Routes(self._configuration)
        self._transport = Transport()
        ledger: Any = _InstantLedger()
        keys = EnvironmentKeys({self._configuration.default_provider: _KEY})
        upstream = Upstream(self._configuration, keys, self._transport)
        self._calls = MeteredCalls(
            ledger, upstream, ledger, self._configuration.timeouts, self._routes, Prices(self._configuration)
        )
        self._token = token.create(token.create_id())

    def start(self, wire: WireFormat) -> Any:
        """Start a call of a client of this dialect."""
        headers = {"authorization": f"Bearer {self._token}"}
        return self._calls.start(HttpRequest(RequestIds.create({}), headers, b"", {}, wire), _REMAINING_S)

    def route(self, body: dict[str, Any]) -> RoutedRequest:
        """Return the request with its targets."""
        return RoutedRequest(body["model"], self._routes.targets(body["model"]), body)

    def describe(self, request: RoutedRequest) -> list[Any]:
        """Return the models of a request's targets."""
        return [self._routes.describe(target) for target in request.targets]

    def call_provider(self, operation: Operation, body: dict[str, Any]) -> Iterator[bytes]:
        """Return the pieces of the provider's response."""
        provider = self._configuration.providers[self._configuration.default_provider]
        address = Address(operation.api_family, provider.urls[operation.api_family], operation.path)
        timeouts = AttemptTimeouts(Deadline(_REMAINING_S), self._configuration.timeouts)
        return self._transport.open(address, _KEY, body, timeouts).pieces()


def measure() -> Measured:
    """Measure everything in one run."""
    with show_step("imports of each function"):
        imports_ms = {name: median(_measure_import_ms(name) for _ in range(_IMPORT_ROUNDS)) for name in _FUNCTIONS}
    with show_step("time to the first event"), _run_mock() as url, _no_metrics():
        first_event_ms = _measure_first_events(_Gateway(url))
    with show_step("memory of streams"), _run_mock() as url, _no_metrics():
        peak_mb = _measure_peaks_mb(_Gateway(url))
    with show_step("a thousand rows"), _run_mock() as url, _no_metrics():
        _control(url, {"latency_ms": _LATENCY_MS})
        rows_ms = _measure_rows(_Gateway(url))
    return Measured(imports_ms, first_event_ms, rows_ms, peak_mb)


def _measure_import_ms(function: str) -> float:
    """Return the milliseconds of all imports of a handler, in a new interpreter."""
    timed = f"qwen_gateway.aws, qwen_gateway.coldstart, {function}.service"
    script = f"import time; t = time.perf_counter(); import {timed}; print((time.perf_counter() - t) * 1000)"
    variables = {**os.environ, "PYTHONPATH": str(find_repository_root() / "functions")}
    done = subprocess.run([sys.executable, "-c", script], env=variables, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _measure_first_events(gateway: _Gateway) -> dict[str, tuple[float, float]]:
    def call(operation: Any, body: dict[str, Any] = _STREAMED) -> Callable[[], Iterator[bytes]]:
        return lambda: gateway.call_provider(operation, body)

    return {
        "chat": _compare(call(CHAT), _relay(gateway, CHAT, chat_limits, OPENAI)),
        "messages": _compare(call(MESSAGES), _relay(gateway, MESSAGES, messages_limits, ANTHROPIC)),
        "responses": _compare(call(RESPONSES, _RESPONSE), _relay_responses(gateway)),
    }


def _relay_responses(gateway: _Gateway) -> Callable[[], Iterator[bytes]]:
    return _relay(gateway, RESPONSES, responses_limits, ResponsesFormat(), _RESPONSE)


def _relay(
    gateway: _Gateway, operation: Any, limits: Any, wire: WireFormat, body: dict[str, Any] = _STREAMED
) -> Callable[[], Iterator[bytes]]:
    def events() -> Iterator[bytes]:
        response = gateway.start(wire).stream(operation, gateway.route(body), limits)
        if not isinstance(response, EventStreamResponse):
            refuse("Mock Qwen did not answer a stream, so this run has no result.")
        return response.events

    return events


def _measure_peaks_mb(gateway: _Gateway) -> tuple[float, float]:
    """Return the peak memory of this process after the first streams and after all."""
    relays = (_relay(gateway, MESSAGES, messages_limits, ANTHROPIC), _relay_responses(gateway))
    peaks: list[float] = []
    for number in range(1, _LATE + 1):
        for _ in (event for events in relays for event in events()):
            pass
        if number in (_EARLY, _LATE):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_PER_MB)
    return peaks[0], peaks[1]


def _compare(bare: Callable[[], Iterator[bytes]], whole: Callable[[], Iterator[bytes]]) -> tuple[float, float]:
    """Return the median milliseconds to the first part of each, in turn."""
    durations_ms: tuple[list[float], list[float]] = [], []
    for _ in range(_STREAMS):
        for make, times_ms in zip((bare, whole), durations_ms, strict=True):
            started = time.perf_counter()
            parts = make()
            next(parts)
            times_ms.append((time.perf_counter() - started) * 1000)
            for _ in parts:
                pass
    return median(durations_ms[0]), median(durations_ms[1])


def _measure_rows(gateway: _Gateway) -> tuple[float, float]:
    """Return the median milliseconds of all rows, directly and through the gateway, in turn."""
    body = {"model": "text-embedding-v4", "input": _ROWS, "encoding_format": "base64"}
    routed = gateway.route(body)
    parts = split_rows(body, gateway.describe(routed))
    plain = [{**part.body, "encoding_format": "float"} for part in parts]
    bare_ms: list[float] = []
    whole_ms: list[float] = []
    for _ in range(_ROW_ROUNDS):
        started = time.perf_counter()
        with ThreadPoolExecutor(MAX_PARTS_AT_ONCE) as pool:
            list(pool.map(lambda each: b"".join(gateway.call_provider(EMBEDDINGS, each)), plain))
        bare_ms.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        response = gateway.start(OPENAI).run_split(EMBEDDINGS, routed, embeddings_limits, parts, join_answers)
        if not isinstance(response, JsonPartsResponse):
            refuse("Mock Qwen did not embed every row, so this run has no result.")
        b"".join(response.parts)
        whole_ms.append((time.perf_counter() - started) * 1000)
    return median(bare_ms), median(whole_ms)


@contextmanager
def _no_metrics() -> Iterator[None]:
    """Discard the metrics that each call writes to the standard output."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


@contextmanager
def _run_mock() -> Iterator[str]:
    """Run mock Qwen in a process of its own, and yield its URL."""
    command = [sys.executable, "-m", "qwen_gateway_cli.local.mock_qwen"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout  # noqa: S101 - a pipe was asked for
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def _control(url: str, document: dict[str, Any]) -> None:
    with httpx2.Client(trust_env=False) as client:
        client.put(f"{url}/_control", json=document).raise_for_status()
