"""The benchmarks' command line: `python -m tools.bench [NAME] [--json]`; `--help` lists the names."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import typer

from qwen_gateway.config import ConfigurationError
from qwen_gateway_cli.console import CommandRefused, note, refuse, show_json
from qwen_gateway_cli.local import preflight
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.local.sam import detect_architecture
from qwen_gateway_cli.stack import JsonOption, find_repository_root
from tools.bench import endpoints, memory, metrics, pricing, upstream
from tools.bench.contenders import GATEWAY, Contender, build_contenders, build_gateway
from tools.bench.measurements import measure_cold_starts, measure_imports, measure_size, measure_warm_calls
from tools.bench.replay import Backends, load_event, run_backends
from tools.bench.report import Measured, Report
from tools.bench.stream import measurements as streams
from tools.bench.stream import report as stream_report

app = typer.Typer(invoke_without_command=True, add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    """Run the command line. The exit status is 1 after an error, 130 after Ctrl-C."""
    try:
        app(prog_name="python -m tools.bench")
    except (CommandRefused, ConfigurationError) as error:
        note(str(error))
        sys.exit(1)


@app.callback()
def bench(context: typer.Context, as_json: JsonOption = False) -> None:
    """Compare the chat function with a plain handler, under Lambda's runtime emulator (Linux, some minutes)."""
    if context.invoked_subcommand is None:
        measure_functions(as_json)


@app.command("upstream")
def measure_library(as_json: JsonOption = False) -> None:
    """Measure the library against mock Qwen (half a minute)."""
    _show(upstream.measure(), as_json)


@app.command("endpoints")
def measure_endpoints(as_json: JsonOption = False) -> None:
    """Compare embeddings and messages with chat, and with the provider's own time (a minute)."""
    _show(endpoints.measure(), as_json)


@app.command("metrics")
def measure_metrics(as_json: JsonOption = False) -> None:
    """Compare the metrics of a call with the same ones written by Powertools (some seconds)."""
    _show(metrics.measure(), as_json)


@app.command("pricing")
def measure_pricing(as_json: JsonOption = False) -> None:
    """Measure what prices add to a cold start and to a call (some seconds)."""
    _show(pricing.measure(), as_json)


@app.command("stream")
def measure_streams(as_json: JsonOption = False) -> None:
    """Compare streams through the gateway with streams from the provider (Linux, two minutes)."""
    if sys.platform != "linux":
        refuse("The memory and the processor time come from Linux's /proc: run this there, or in a container.")
    measured = streams.measure(Layout(find_repository_root()))
    if as_json:
        show_json(stream_report.as_json(measured))
    else:
        stream_report.show_figures(measured)


@app.command("memory")
def measure_memory(as_json: JsonOption = False) -> None:
    """Measure the memory of the chat function with the largest bodies that it reads (Linux, half a minute)."""
    layout = Layout(find_repository_root())
    rie = _find_emulator(layout)
    with preflight.hold_lock(layout.lock):
        gateway = build_gateway(layout, preflight.check(layout, port=0))
    with tempfile.TemporaryDirectory() as folder, run_backends(Path(folder), tls=False) as backends:
        peaks = memory.measure(layout, rie, gateway, backends, load_event(layout, backends.token))
    if as_json:
        show_json(memory.as_json(peaks))
    else:
        memory.show_figures(peaks)


def measure_functions(as_json: bool) -> None:
    """Build and measure every contender, and print the report."""
    layout = Layout(find_repository_root())
    rie = _find_emulator(layout)
    with preflight.hold_lock(layout.lock):
        contenders = build_contenders(layout, preflight.check(layout, port=0))
    _show(_measure(layout, rie, contenders), as_json)


class _Figures(Protocol):
    """The results of a benchmark."""

    def as_json(self) -> dict[str, Any]:
        """Return them for a program."""
        ...

    def print(self) -> None:
        """Print them for a person."""
        ...


def _show(figures: _Figures, as_json: bool) -> None:
    if as_json:
        show_json(figures.as_json())
    else:
        figures.print()


def _find_emulator(layout: Layout) -> Path:
    if sys.platform != "linux":
        refuse("Lambda's runtime emulator is a Linux program: run the benchmark there, or in a container.")
    (rie,) = layout.sam.parents[1].glob(
        f"lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{detect_architecture()}"
    )
    return rie


def _measure(layout: Layout, rie: Path, contenders: Sequence[Contender]) -> Report:
    gateway = next(contender for contender in contenders if contender.name == GATEWAY)
    measured: dict[str, Measured] = {}
    imports_ms: Mapping[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for connection in ("http", "tls"):
            with run_backends(Path(folder), tls=connection == "tls") as backends:
                measured[connection] = _measure_connection(connection, layout, rie, contenders, backends)
                imports_ms = imports_ms or measure_imports(layout, gateway, backends)
    return Report(measured, {contender.name: measure_size(contender.folders) for contender in contenders}, imports_ms)


def _measure_connection(
    connection: str, layout: Layout, rie: Path, contenders: Sequence[Contender], backends: Backends
) -> Measured:
    event: dict[str, Any] = load_event(layout, backends.token)
    with show_step(f"cold starts, {connection.upper()}"):
        cold_ms = measure_cold_starts(layout, rie, contenders, backends, event)
    with show_step(f"warm calls, {connection.upper()}"):
        return Measured(cold_ms, measure_warm_calls(layout, rie, contenders, backends, event))
