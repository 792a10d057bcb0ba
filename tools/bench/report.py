"""The results of the benchmark, as JSON and as tables: medians, quartiles, and ratios to the plain handler."""

import datetime as dt
import os
import platform
from collections.abc import Mapping, Sequence
from statistics import median, quantiles
from typing import Any, NamedTuple

from qwen_gateway_cli.console import show, show_table
from tools.bench.contenders import GATEWAY, PLAIN
from tools.bench.measurements import Size, Warm

_MAX_PACKAGES = 12


class Measured(NamedTuple):
    """The results over one kind of connection, by contender."""

    cold_ms: Mapping[str, Sequence[float]]
    warm: Mapping[str, Warm]


class Report(NamedTuple):
    """The results of one run. `connections` has `http` and `tls`; sizes and imports do not depend on them."""

    connections: Mapping[str, Measured]
    sizes: Mapping[str, Size]
    imports_ms: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the results for a program: times in milliseconds, sizes in bytes, memory in MB of 2^20 bytes."""
        return {
            **describe_run(),
            "not_aws": "Lambda's runtime emulator on this machine, with replayed answers of AWS and Qwen",
            "connections": {name: _build_connection(measured) for name, measured in self.connections.items()},
            "sizes": {name: size._asdict() for name, size in self.sizes.items()},
            "imports_ms": {name: round(value, 1) for name, value in self.imports_ms.items()},
        }

    def print(self) -> None:
        """Print the results as tables."""
        contenders = list(self.sizes)
        for connection, measured in self.connections.items():
            show(f"\nAWS and Qwen over {connection.upper()}; after each figure its ratio to {PLAIN!r}")
            show_table(["", *contenders], [[name, *cells] for name, cells in _build_rows(measured, contenders)])
        show("\nPackage, bytes unzipped and zipped")
        show_table(
            ["", *contenders], [["size", *(f"{size.unzipped:,} {size.zipped:,}" for size in self.sizes.values())]]
        )
        show(f"\nWhat the {GATEWAY}'s chat function imports, by package, {sum(self.imports_ms.values()):.0f} ms in all")
        largest = list(self.imports_ms.items())[:_MAX_PACKAGES]
        show_table(["package", "ms"], [[name, f"{value:.1f}"] for name, value in largest])


def describe_run() -> dict[str, Any]:
    """Return the date and the machine of a run."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": {"processors": os.cpu_count(), "platform": platform.platform()},
    }


def _build_connection(measured: Measured) -> dict[str, Any]:
    return {
        name: {
            "cold_ms": _build_distribution(measured.cold_ms[name]),
            "warm_ms": _build_distribution(warm.calls_ms),
            "exchanges_ms": round(warm.exchanges_ms, 3),
            "overhead_ms": round(_subtract_exchanges(warm), 3),
            "processor_ms": round(warm.processor_ms, 3),
            "memory_mb_after_100": round(warm.early_mb, 1),
            "memory_mb_after_1000": round(warm.late_mb, 1),
            "cold_of_plain": round(median(measured.cold_ms[name]) / median(measured.cold_ms[PLAIN]), 3),
        }
        for name, warm in measured.warm.items()
    }


def _build_distribution(values: Sequence[float]) -> dict[str, float]:
    lower, middle, upper = quantiles(values, n=4)
    return {"median": round(middle, 3), "lower_quartile": round(lower, 3), "upper_quartile": round(upper, 3)}


def _subtract_exchanges(warm: Warm) -> float:
    return median(warm.calls_ms) - warm.exchanges_ms


def _build_rows(measured: Measured, contenders: Sequence[str]) -> list[tuple[str, list[str]]]:
    cold = [measured.cold_ms[name] for name in contenders]
    warm = [measured.warm[name] for name in contenders]
    calls = [each.calls_ms for each in warm]
    return [
        ("cold start, ms", _format_cells([median(values) for values in cold], digits=0)),
        ("  middle half", _format_quartiles(cold, digits=0)),
        ("warm call, ms", _format_cells([median(values) for values in calls], digits=2)),
        ("  middle half", _format_quartiles(calls, digits=2)),
        ("  less AWS and Qwen", _format_cells([_subtract_exchanges(each) for each in warm], digits=2)),
        ("  processor time", _format_cells([each.processor_ms for each in warm], digits=2)),
        ("memory, MB, 100 calls", _format_cells([each.early_mb for each in warm], digits=1)),
        ("memory, MB, 1,000 calls", _format_cells([each.late_mb for each in warm], digits=1)),
    ]


def _format_cells(values: Sequence[float], digits: int) -> list[str]:
    return [f"{value:.{digits}f}  {value / values[0]:.2f}" for value in values]


def _format_quartiles(columns: Sequence[Sequence[float]], digits: int) -> list[str]:
    quartiles = [quantiles(values, n=4) for values in columns]
    return [f"{lower:.{digits}f} - {upper:.{digits}f}" for lower, _, upper in quartiles]
