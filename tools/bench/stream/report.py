"""The results of the stream benchmark, as JSON and as tables."""

from statistics import median
from typing import Any

from qwen_gateway_cli.console import show, show_table
from tools.bench.report import describe_run
from tools.bench.stream.measurements import GAP_MS, Measured, Streams

_COLUMNS = ("direct_ms", "gateway_ms", "ratio", "added_ms", "beyond_aws_ms")
_CHUNK_COLUMNS = ("relay_us", "gateway_us", "ratio", "added_us")


def as_json(measured: Measured) -> dict[str, Any]:
    """Return the medians for a program."""
    return {
        **describe_run(),
        "not_aws": "the built function on a Runtime API of this machine, with replayed answers of AWS and Qwen",
        "aws_ms": round(measured.aws_ms, 3),
        "streams": {
            str(length): _compare_streams(streams, measured.aws_ms) for length, streams in measured.streams.items()
        },
        "chunk": {str(gap_ms): _compare_chunk_us(*each) for gap_ms, each in measured.chunk_us.items()},
        "memory_mb": {
            "after_100_streams": round(measured.early_mb, 1),
            "after_1000_streams": round(measured.late_mb, 1),
            "most_before_10000_chunks": round(measured.before_long_mb, 1),
            "most_after_10000_chunks": round(measured.after_long_mb, 1),
        },
    }


def show_figures(measured: Measured) -> None:
    """Print the medians as tables."""
    figures = as_json(measured)
    show(f"\nStreams whose chunks come {GAP_MS} ms apart, in ms; AWS is the read of the key, {figures['aws_ms']} ms")
    show_table(
        ("chunks", "", "provider", "gateway", "ratio", "added", "beyond AWS", "chunks leaked"),
        [
            (length, what, *(f"{streams[what][name]:g}" for name in _COLUMNS), str(streams["leaked"]))
            for length, streams in figures["streams"].items()
            for what in ("first", "total")
        ],
    )
    show("\nProcessor time a chunk, microseconds; the relay hands on the same bytes unread")
    show_table(
        ("chunks", "relay", "gateway", "ratio", "added"),
        [
            (f"{gap_ms} ms apart" if gap_ms != "0" else "at once", *(str(taken[name]) for name in _CHUNK_COLUMNS))
            for gap_ms, taken in figures["chunk"].items()
        ],
    )
    show("\nMemory of the function, MB")
    show_table(
        [name.replace("_", " ") for name in figures["memory_mb"]], [[f"{mb:g}" for mb in figures["memory_mb"].values()]]
    )


def _compare_streams(streams: Streams, aws_ms: float) -> dict[str, Any]:
    direct, gateway = streams
    return {
        "first": _compare([each.first_ms for each in direct], [each.first_ms for each in gateway], aws_ms),
        "total": _compare([each.last_ms for each in direct], [each.last_ms for each in gateway], aws_ms),
        "leaked": sum(each.leaked for each in streams.gateway),
    }


def _compare_chunk_us(gateway_us: float, relay_us: float) -> dict[str, float | None]:
    return {
        "gateway_us": round(gateway_us, 1),
        "relay_us": round(relay_us, 1),
        "ratio": round(gateway_us / relay_us, 2) if relay_us else None,
        "added_us": round(gateway_us - relay_us, 1),
    }


def _compare(direct: list[float], gateway: list[float], aws_ms: float) -> dict[str, float]:
    direct_ms, gateway_ms = median(direct), median(gateway)
    added_ms = gateway_ms - direct_ms
    return {
        "direct_ms": round(direct_ms, 2),
        "gateway_ms": round(gateway_ms, 2),
        "ratio": round(gateway_ms / direct_ms, 3),
        "added_ms": round(added_ms, 2),
        "beyond_aws_ms": round(added_ms - aws_ms, 2),
    }
