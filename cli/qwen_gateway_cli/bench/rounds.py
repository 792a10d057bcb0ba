"""The measurements: everything is done in turns, one contender after the other, round after round."""

import http.client
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from qwen_gateway_cli.bench import emulator
from qwen_gateway_cli.bench.contenders import Contender
from qwen_gateway_cli.bench.emulator import Function
from qwen_gateway_cli.bench.replay import CHAT, STREAM, WHOLE, Backends
from qwen_gateway_cli.local.layout import Layout

_STARTS = 11
_CALLS = 1000
_EARLY = 100
"""After so many calls memory is read first, and processor time counts from here on."""
_BLOCK = 25


class Warm(NamedTuple):
    """What calls of a started function cost. `exchanges` is the time that its own AWS and provider answers take."""

    calls_ms: list[float]
    exchanges_ms: float
    processor_ms: float
    early_mb: float
    late_mb: float


def cold(
    layout: Layout, rie: Path, contenders: Sequence[Contender], backends: Backends, event: Mapping[str, Any]
) -> dict[str, list[float]]:
    """Return milliseconds from a process's start to its first answer, by contender."""
    taken: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(_STARTS):
        for contender in contenders:
            with emulator.running(rie, contender.program(layout, backends), _log(layout, contender)) as function:
                taken[contender.name].append(function.call(event))
    return taken


def warm(
    layout: Layout, rie: Path, contenders: Sequence[Contender], backends: Backends, event: Mapping[str, Any]
) -> dict[str, Warm]:
    """Make a thousand calls of each, and the same exchanges from here, without a function between."""
    with ExitStack() as opened:
        functions = {
            contender.name: opened.enter_context(
                emulator.running(rie, contender.program(layout, backends), _log(layout, contender))
            )
            for contender in contenders
        }
        exchanges = _Exchanges(backends)
        opened.callback(exchanges.close)
        early: dict[str, tuple[float, float]] = {}
        calls: dict[str, list[float]] = {name: [] for name in functions}
        for done in range(0, _CALLS, _BLOCK):
            if done == _EARLY:
                early = {name: (function.memory_mb(), function.processor_ms()) for name, function in functions.items()}
            for name, function in functions.items():
                calls[name] += [function.call(event) for _ in range(_BLOCK)]
            exchanges.run(_BLOCK)
        return {
            contender.name: _warm(contender, functions[contender.name], calls[contender.name], early, exchanges)
            for contender in contenders
        }


def _warm(
    contender: Contender,
    function: Function,
    calls: list[float],
    early: Mapping[str, tuple[float, float]],
    exchanges: "_Exchanges",
) -> Warm:
    early_mb, early_processor_ms = early[contender.name]
    return Warm(
        calls_ms=calls[_EARLY:],
        exchanges_ms=sum(median(exchanges.taken[name][_EARLY:]) for name in contender.exchanges),
        processor_ms=(function.processor_ms() - early_processor_ms) / (_CALLS - _EARLY),
        early_mb=early_mb,
        late_mb=function.memory_mb(),
    )


class _Exchanges:
    """The answers that functions ask for, asked for over one kept connection and timed."""

    def __init__(self, backends: Backends) -> None:
        address = urlsplit(backends.url)
        self._connection: http.client.HTTPConnection
        if backends.certificates:
            context = ssl.create_default_context(cafile=backends.certificates)
            self._connection = http.client.HTTPSConnection(address.netloc, context=context)
        else:
            self._connection = http.client.HTTPConnection(address.netloc)
        self.taken: dict[str, list[float]] = {"GetItem": [], "PutItem": [], STREAM: [], WHOLE: []}

    def run(self, times: int) -> None:
        """Make each exchange so many times."""
        for _ in range(times):
            for name, taken in self.taken.items():
                taken.append(self._exchange(name))

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, name: str) -> float:
        is_aws = name not in {STREAM, WHOLE}
        headers = {"x-amz-target": f"DynamoDB_20120810.{name}"} if is_aws else {}
        body = json.dumps({} if is_aws else CHAT | {"stream": name == STREAM}).encode()
        began = time.perf_counter()
        self._connection.request("POST", "/", body, headers)
        self._connection.getresponse().read()
        return (time.perf_counter() - began) * 1000


def _log(layout: Layout, contender: Contender) -> Path:
    return layout.log(f"bench-{contender.name.replace(' + ', '-with-')}")
