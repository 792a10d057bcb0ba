"""What the benchmark measures: cold starts, warm calls, package sizes and imports.

Cold starts and warm calls alternate between the contenders, round after round.
"""

import http.client
import io
import json
import ssl
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from qwen_gateway_cli.local.layout import Layout
from tools.bench.contenders import Contender
from tools.bench.emulator import EmulatedFunction, run_function
from tools.bench.replay import CHAT, STREAM, WHOLE, Backends

_STARTS = 11
_CALLS = 1000
_WARM_UP_CALLS = 100
"""After these calls the memory is read first, and the measurement of processor time starts."""
_BLOCK = 25
_IMPORT_ROUNDS = 5

_STANDARD_LIBRARY = "standard library"
_IMPORTED = "import qwen_gateway.aws, qwen_gateway.coldstart, chat.service"
"""All imports of the handler without the handler: it starts threads, and `importtime` measures one thread only."""


class Warm(NamedTuple):
    """The cost of a call of a started function. `exchanges_ms` is the time of its requests to AWS and the provider."""

    calls_ms: list[float]
    exchanges_ms: float
    processor_ms: float
    early_mb: float
    late_mb: float


class Size(NamedTuple):
    """Bytes, as files and as a zip archive."""

    unzipped: int
    zipped: int


def measure_cold_starts(
    layout: Layout, rie: Path, contenders: Sequence[Contender], backends: Backends, event: Mapping[str, Any]
) -> dict[str, list[float]]:
    """Return the milliseconds from the start of a process to its first response, by contender."""
    cold_ms: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(_STARTS):
        for contender in contenders:
            with run_function(rie, contender.program(layout, backends), _find_log(layout, contender)) as function:
                cold_ms[contender.name].append(function.call(event))
    return cold_ms


def measure_warm_calls(
    layout: Layout, rie: Path, contenders: Sequence[Contender], backends: Backends, event: Mapping[str, Any]
) -> dict[str, Warm]:
    """Make a thousand calls of each contender, and as many of their requests without a function between."""
    with ExitStack() as opened:
        functions = {
            contender.name: opened.enter_context(
                run_function(rie, contender.program(layout, backends), _find_log(layout, contender))
            )
            for contender in contenders
        }
        exchanges = _Exchanges(backends)
        opened.callback(exchanges.close)
        early: dict[str, tuple[float, float]] = {}
        calls_ms: dict[str, list[float]] = {name: [] for name in functions}
        for done in range(0, _CALLS, _BLOCK):
            if done == _WARM_UP_CALLS:
                early = {name: (function.memory_mb(), function.processor_ms()) for name, function in functions.items()}
            for name, function in functions.items():
                calls_ms[name] += [function.call(event) for _ in range(_BLOCK)]
            exchanges.run(_BLOCK)
        return {
            contender.name: _summarize(
                contender, functions[contender.name], calls_ms[contender.name], early[contender.name], exchanges
            )
            for contender in contenders
        }


def measure_size(folders: Sequence[Path]) -> Size:
    """Return the size of these folders together."""
    unzipped = 0
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for folder in folders:
            for path in folder.rglob("*"):
                if path.is_file():
                    unzipped += path.stat().st_size
                    writer.write(path, path.relative_to(folder.parent))
    return Size(unzipped, archive.tell())


def measure_imports(layout: Layout, contender: Contender, backends: Backends) -> dict[str, float]:
    """Return the milliseconds of each package's own imports by `python -X importtime`, largest first."""
    program = contender.program(layout, backends)
    command = [str(layout.runtime_python), "-X", "importtime", "-c", _IMPORTED]
    rounds: list[defaultdict[str, float]] = []
    for _ in range(_IMPORT_ROUNDS):
        completed = subprocess.run(
            command, cwd=program.directory, env=program.environment, check=True, capture_output=True, text=True
        )
        rounds.append(_sum_by_package(completed.stderr))
    medians = {package: median([each[package] for each in rounds]) for package in rounds[0]}
    return dict(sorted(medians.items(), key=lambda entry: -entry[1]))


class _Exchanges:
    """The functions' requests to AWS and Qwen, sent directly over one connection and timed."""

    def __init__(self, backends: Backends) -> None:
        address = urlsplit(backends.url)
        self._connection: http.client.HTTPConnection
        if backends.certificates:
            context = ssl.create_default_context(cafile=backends.certificates)
            self._connection = http.client.HTTPSConnection(address.netloc, context=context)
        else:
            self._connection = http.client.HTTPConnection(address.netloc)
        self.durations_ms: dict[str, list[float]] = {"GetItem": [], "PutItem": [], STREAM: [], WHOLE: []}

    def run(self, times: int) -> None:
        """Make each request so many times."""
        for _ in range(times):
            for name, durations_ms in self.durations_ms.items():
                durations_ms.append(self._send(name))

    def close(self) -> None:
        self._connection.close()

    def _send(self, name: str) -> float:
        is_aws = name not in {STREAM, WHOLE}
        headers = {"x-amz-target": f"DynamoDB_20120810.{name}"} if is_aws else {}
        body = json.dumps({} if is_aws else CHAT | {"stream": name == STREAM}).encode()
        started = time.perf_counter()
        self._connection.request("POST", "/", body, headers)
        self._connection.getresponse().read()
        return (time.perf_counter() - started) * 1000


def _summarize(
    contender: Contender,
    function: EmulatedFunction,
    calls_ms: list[float],
    early: tuple[float, float],
    exchanges: _Exchanges,
) -> Warm:
    early_mb, early_processor_ms = early
    return Warm(
        calls_ms=calls_ms[_WARM_UP_CALLS:],
        exchanges_ms=sum(median(exchanges.durations_ms[name][_WARM_UP_CALLS:]) for name in contender.exchanges),
        processor_ms=(function.processor_ms() - early_processor_ms) / (_CALLS - _WARM_UP_CALLS),
        early_mb=early_mb,
        late_mb=function.memory_mb(),
    )


def _find_log(layout: Layout, contender: Contender) -> Path:
    return layout.log(f"bench-{contender.name.replace(' + ', '-with-')}")


def _sum_by_package(listing: str) -> defaultdict[str, float]:
    """Sum the lines `import time: SELF | CUMULATIVE | NAME`, in microseconds, by the first part of the name."""
    sums: defaultdict[str, float] = defaultdict(float)
    for line in listing.splitlines():
        if line.startswith("import time:") and not line.startswith("import time: self"):
            own, _, name = line.removeprefix("import time:").split("|")
            sums[_find_package(name.strip())] += float(own) / 1000
    return sums


def _find_package(module: str) -> str:
    first = module.partition(".")[0]
    return _STANDARD_LIBRARY if first in sys.stdlib_module_names else first
