"""What the stream benchmark measures: the provider, the gateway and a relay in turns, round after round."""

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from qwen_gateway_cli.local import preflight
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from tools.bench.contenders import Contender, build_gateway
from tools.bench.replay import Backends, load_event
from tools.bench.stream.function import StreamingFunction, Timeline, run_function
from tools.bench.stream.provider import build_request, record_events, run_backends

LENGTHS = (20, 300)
GAP_MS = 5
_ROUNDS: Mapping[int, int] = {20: 60, 300: 15}
RELAY_GAPS_MS = (0, 1)
"""Milliseconds between chunks: 0 sends them at once, and with 1 each chunk wakes the process."""
_RELAY_ROUNDS = 30
_STREAMS = 1000
_WARM_UP_STREAMS = 100
_LONG = 10_000
_RELAY = Path(__file__).parent / "relay"


class Streams(NamedTuple):
    """Streams of one length, from the provider and through the gateway."""

    direct: list[Timeline]
    gateway: list[Timeline]


class Measured(NamedTuple):
    """The results of one run. `aws_ms` is the time of the one AWS request before the first text of a stream."""

    streams: Mapping[int, Streams]
    aws_ms: float
    chunk_us: Mapping[int, tuple[float, float]]
    """Microseconds of processor time per chunk of the gateway and of the relay, by the milliseconds between chunks."""
    early_mb: float
    late_mb: float
    before_long_mb: float
    after_long_mb: float


class _Streamer:
    """Requests streams, from a function or from the provider."""

    def __init__(self, layout: Layout, backends: Backends, text: bytes) -> None:
        self._event = load_event(layout, backends.token)
        self._text = text
        self._provider = http.client.HTTPConnection(urlsplit(backends.url).netloc)

    def stream_from_function(self, function: StreamingFunction, chunks: int, gap_ms: float) -> Timeline:
        """Stream through a function."""
        return function.call({**self._event, "body": json.dumps(build_request(chunks, gap_ms))}, self._text)

    def stream_from_provider(self, chunks: int, gap_ms: float) -> Timeline:
        """Stream directly from the provider, over one connection."""
        body = json.dumps(build_request(chunks, gap_ms)).encode()
        timeline = Timeline(self._text)
        self._provider.request("POST", "/chat/completions", body)
        response = self._provider.getresponse()
        while piece := response.read1(65_536):
            timeline.record(piece)
        return timeline

    def measure_aws_ms(self) -> float:
        """Send the DynamoDB request that a call sends before its stream, and return its milliseconds."""
        started = time.perf_counter()
        self._provider.request("POST", "/", b"{}", {"x-amz-target": "DynamoDB_20120810.GetItem"})
        self._provider.getresponse().read()
        return (time.perf_counter() - started) * 1000


def measure(layout: Layout) -> Measured:
    """Build the gateway unless a current build exists, and measure everything in one run."""
    with preflight.hold_lock(layout.lock):
        gateway = build_gateway(layout, preflight.check(layout, port=0))
    events = record_events()
    with run_backends(events) as backends, _run_functions(layout, gateway, backends) as (function, relay):
        streamer = _Streamer(layout, backends, events.text)
        for each in (function, relay):
            streamer.stream_from_function(each, LENGTHS[0], 0)
        streamer.stream_from_provider(LENGTHS[0], 0)
        with show_step("streams of the gateway and the provider"):
            aws_ms: list[float] = []
            streams = {length: _measure_streams(streamer, function, length, aws_ms) for length in LENGTHS}
        with show_step("processor time of a chunk"):
            chunk_us = {gap_ms: _measure_chunk_us(streamer, function, relay, gap_ms) for gap_ms in RELAY_GAPS_MS}
        with show_step("memory of streams"):
            early_mb, late_mb = _measure_memory(streamer, function)
            before_long_mb, after_long_mb = _measure_peak_memory(streamer, function)
    return Measured(streams, median(aws_ms), chunk_us, early_mb, late_mb, before_long_mb, after_long_mb)


def _measure_streams(streamer: _Streamer, function: StreamingFunction, length: int, aws_ms: list[float]) -> Streams:
    streams = Streams([], [])
    for _ in range(_ROUNDS[length]):
        streams.direct.append(streamer.stream_from_provider(length, GAP_MS))
        aws_ms.append(streamer.measure_aws_ms())
        streams.gateway.append(streamer.stream_from_function(function, length, GAP_MS))
    return streams


def _measure_chunk_us(
    streamer: _Streamer, function: StreamingFunction, relay: StreamingFunction, gap_ms: float
) -> tuple[float, float]:
    """Return the processor time per chunk, from the difference between long and short streams.

    The difference excludes the cost of a call.
    """
    short, long = LENGTHS
    taken_ms = {(each, length): 0.0 for each in (function, relay) for length in LENGTHS}
    for _ in range(_RELAY_ROUNDS):
        for each, length in taken_ms:
            before = each.processor_ms()
            streamer.stream_from_function(each, length, gap_ms)
            taken_ms[each, length] += each.processor_ms() - before
    chunks = _RELAY_ROUNDS * (long - short)
    function_us, relay_us = (
        (taken_ms[each, long] - taken_ms[each, short]) * 1000 / chunks for each in (function, relay)
    )
    return function_us, relay_us


def _measure_memory(streamer: _Streamer, function: StreamingFunction) -> tuple[float, float]:
    early_mb = 0.0
    for number in range(_STREAMS):
        if number == _WARM_UP_STREAMS:
            early_mb = function.memory_mb()
        streamer.stream_from_function(function, LENGTHS[0], 0)
    return early_mb, function.memory_mb()


def _measure_peak_memory(streamer: _Streamer, function: StreamingFunction) -> tuple[float, float]:
    """Return the peak memory before and after a long stream, which shows whether the function buffers it."""
    before_mb = function.peak_mb()
    streamer.stream_from_function(function, _LONG, 0)
    return before_mb, function.peak_mb()


@contextmanager
def _run_functions(
    layout: Layout, gateway: Contender, backends: Backends
) -> Iterator[tuple[StreamingFunction, StreamingFunction]]:
    relay = gateway._replace(
        handler="streams.lambda_handler",
        folders=(_RELAY, *gateway.folders[1:]),
        variables=_relay_variables,
    )
    with (
        run_function(gateway.program(layout, backends), layout.log("bench-stream")) as running_gateway,
        run_function(relay.program(layout, backends), layout.log("bench-stream-relay")) as running_relay,
    ):
        yield running_gateway, running_relay


def _relay_variables(backends: Backends) -> dict[str, str]:
    return {"PROVIDER_URL": backends.url}
