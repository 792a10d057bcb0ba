"""The measurements: the provider itself, the gateway and the unread relay in turns, round after round."""

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from qwen_gateway_cli.bench.command import recorded_event
from qwen_gateway_cli.bench.contenders import Contender, built_gateway
from qwen_gateway_cli.bench.replay import Backends
from qwen_gateway_cli.bench.stream import function
from qwen_gateway_cli.bench.stream.function import Function
from qwen_gateway_cli.bench.stream.provider import asked, recorded, run_backends
from qwen_gateway_cli.bench.stream.timeline import Timeline
from qwen_gateway_cli.local import preflight
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.local.preflight import hold_lock

LENGTHS = (20, 300)
GAP_MS = 5
_ROUNDS: Mapping[int, int] = {20: 60, 300: 15}
RELAY_GAPS_MS = (0, 1)
"""Chunks that come at once, and chunks each of which wakes the process."""
_RELAY_ROUNDS = 30
_STREAMS = 1000
_EARLY = 100
_LONG = 10_000
_RELAY = Path(__file__).parent / "relay"


class Streams(NamedTuple):
    """Streams of one length: milliseconds to the first text and to the last event, by who gave them."""

    direct: list[Timeline]
    gateway: list[Timeline]


class Measured(NamedTuple):
    """Everything of one run. `aws_ms`: the one exchange with AWS that comes before a stream's first text."""

    streams: Mapping[int, Streams]
    aws_ms: float
    chunk_us: Mapping[int, tuple[float, float]]
    """Processor time of a chunk in microseconds, the gateway's and the unread relay's, by the ms between chunks."""
    early_mb: float
    late_mb: float
    before_long_mb: float
    after_long_mb: float


class _Bench:
    """The functions that run, and what they are asked."""

    def __init__(self, layout: Layout, backends: Backends, text: bytes) -> None:
        self._event = recorded_event(layout, backends.token)
        self._text = text
        self._provider = http.client.HTTPConnection(urlsplit(backends.url).netloc)

    def through(self, called: Function, chunks: int, gap_ms: float) -> Timeline:
        """Stream through a function."""
        return called.call({**self._event, "body": json.dumps(asked(chunks, gap_ms))}, self._text)

    def direct(self, chunks: int, gap_ms: float) -> Timeline:
        """Stream from the provider itself, over a kept connection."""
        body = json.dumps(asked(chunks, gap_ms)).encode()
        timeline = Timeline(self._text)
        self._provider.request("POST", "/chat/completions", body)
        answer = self._provider.getresponse()
        while piece := answer.read1(65_536):
            timeline.take(piece)
        return timeline

    def aws_ms(self) -> float:
        """Ask what a call asks of DynamoDB before its stream."""
        began = time.perf_counter()
        self._provider.request("POST", "/", b"{}", {"x-amz-target": "DynamoDB_20120810.GetItem"})
        self._provider.getresponse().read()
        return (time.perf_counter() - began) * 1000


def measure(layout: Layout) -> Measured:
    """Build what is missing, and measure everything in one run."""
    with hold_lock(layout.lock):
        gateway = built_gateway(layout, preflight.check(layout, port=0))
    events = recorded()
    with run_backends(events) as backends, _functions(layout, gateway, backends) as (called, relay):
        bench = _Bench(layout, backends, events.text)
        for warmed in (called, relay):
            bench.through(warmed, LENGTHS[0], 0)
        bench.direct(LENGTHS[0], 0)
        with show_step("streams in turns with the provider's own"):
            aws_ms: list[float] = []
            streams = {length: _in_turns(bench, called, length, aws_ms) for length in LENGTHS}
        with show_step("processor time of a chunk"):
            chunk_us = {gap_ms: _processor_us(bench, called, relay, gap_ms) for gap_ms in RELAY_GAPS_MS}
        with show_step("memory of streams"):
            early_mb, late_mb = _over_many(bench, called)
            before_long_mb, after_long_mb = _over_a_long_one(bench, called)
    return Measured(streams, median(aws_ms), chunk_us, early_mb, late_mb, before_long_mb, after_long_mb)


def _in_turns(bench: _Bench, called: Function, length: int, aws_ms: list[float]) -> Streams:
    streams = Streams([], [])
    for _ in range(_ROUNDS[length]):
        streams.direct.append(bench.direct(length, GAP_MS))
        aws_ms.append(bench.aws_ms())
        streams.gateway.append(bench.through(called, length, GAP_MS))
    return streams


def _processor_us(bench: _Bench, called: Function, relay: Function, gap_ms: float) -> tuple[float, float]:
    """Return what a chunk takes: what a long stream takes beyond a short one, without what each call takes once."""
    short, long = LENGTHS
    taken = {(each, length): 0.0 for each in (called, relay) for length in LENGTHS}
    for _ in range(_RELAY_ROUNDS):
        for each, length in taken:
            before = each.processor_ms()
            bench.through(each, length, gap_ms)
            taken[each, length] += each.processor_ms() - before
    chunks = _RELAY_ROUNDS * (long - short)
    called_us, relay_us = ((taken[each, long] - taken[each, short]) * 1000 / chunks for each in (called, relay))
    return called_us, relay_us


def _over_many(bench: _Bench, called: Function) -> tuple[float, float]:
    early_mb = 0.0
    for number in range(_STREAMS):
        if number == _EARLY:
            early_mb = called.memory_mb()
        bench.through(called, LENGTHS[0], 0)
    return early_mb, called.memory_mb()


def _over_a_long_one(bench: _Bench, called: Function) -> tuple[float, float]:
    """Return the most memory that was held before and with it: one that is kept until its end would show."""
    before_mb = called.peak_mb()
    bench.through(called, _LONG, 0)
    return before_mb, called.peak_mb()


@contextmanager
def _functions(layout: Layout, gateway: Contender, backends: Backends) -> Iterator[tuple[Function, Function]]:
    relay = gateway._replace(
        handler="streams.lambda_handler",
        folders=(_RELAY, *gateway.folders[1:]),
        settings=_relay_settings,
    )
    with (
        function.running(gateway.program(layout, backends), layout.log("bench-stream")) as called,
        function.running(relay.program(layout, backends), layout.log("bench-stream-relay")) as relaying,
    ):
        yield called, relaying


def _relay_settings(backends: Backends) -> dict[str, str]:
    return {"PROVIDER_URL": backends.url}
