"""The memory of the chat function with the largest bodies that it reads, each in a process of its own (Linux)."""

import http.client
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from qwen_gateway.api.request import MAX_CONTAINERS
from qwen_gateway.config import MAX_BODY_BYTES
from qwen_gateway_cli.console import show, show_table
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from tools.bench.contenders import Contender
from tools.bench.emulator import run_function
from tools.bench.replay import Backends
from tools.bench.report import describe_run

SIZES_MB = (256, 512)
"""Memory of a function that the figures are compared with."""
_EVENT_BYTES = 6_280_000
"""The body of an event, escaped; Lambda accepts 6 MB of 2^20 bytes."""


class Peak(NamedTuple):
    """The peak memory of a call, in MB of 2^20 bytes, and the status of its response."""

    status: int
    memory_mb: float


def _repeat(opening: str, item: str, closing: str, size: int) -> str:
    return opening + ",".join([item] * (size // (len(item) + 1))) + closing


def _names(size: int) -> str:
    """Return the fields of an object, each with another name: no other texts take more memory."""
    text = ",".join(f'"{number:x}":0' for number in range(size // 7))
    return text[: text.rindex(",", 0, size)]


def _objects_and_names(size: int) -> str:
    """Return as many objects as are read, and names for the rest."""
    item = '{"":[]}'
    objects = _repeat("[", item, "]", (MAX_CONTAINERS // 2 - 10) * (len(item) + 1))
    return f'{{"objects":{objects},{_names(size - len(objects) - 20)}}}'


def _messages(size: int) -> str:
    """Return as many messages as are read."""
    item = '{"role":"user","content":"Hello."}'
    return f'{{"model":"qwen-plus","messages":{_repeat("[", item, "]", min(size, MAX_CONTAINERS * len(item)) - 40)}}}'


def _with_unknown_field(value: str) -> str:
    """Return a body whose unknown field, which the gateway passes on, has this value."""
    return f'{{"model":"qwen-plus","messages":[{{"role":"user","content":"Hello."}}],"x":{value}}}'


BODIES: Mapping[str, Callable[[int], str]] = {
    "a short text": lambda _: _with_unknown_field('"Hello."'),
    "one text": lambda size: _with_unknown_field(f'"{"x" * size}"'),
    "one escaped text": lambda size: _with_unknown_field(f'"{"\\u00e9" * (size // 6)}"'),
    "fractions": lambda size: _with_unknown_field(_repeat("[", "1.5", "]", size)),
    "names of fields": lambda size: _with_unknown_field(f"{{{_names(size)}}}"),
    "as many objects as are read, and names": lambda size: _with_unknown_field(_objects_and_names(size)),
    "as many messages as fit": _messages,
    "arrays, which are rejected": lambda size: _with_unknown_field(_repeat("[", "[]", "]", size)),
}
"""Bodies of about a size in bytes, by description."""


def _largest_body(make: Callable[[int], str]) -> str:
    """Return the largest body that an event can hold and the gateway reads."""
    size = MAX_BODY_BYTES - 100
    body = make(size)
    if (escaped := len(json.dumps(body))) > _EVENT_BYTES:
        body = make(size * _EVENT_BYTES // escaped)
    return body


def measure(
    layout: Layout, rie: Path, gateway: Contender, backends: Backends, event: Mapping[str, Any]
) -> dict[str, Peak]:
    """Make one call with each body."""
    peaks: dict[str, Peak] = {}
    for name, make in BODIES.items():
        with (
            show_step(f"memory, {name}"),
            run_function(rie, gateway.program(layout, backends), layout.log("bench-memory")) as function,
        ):
            response = function.invoke({**event, "body": _largest_body(make), "isBase64Encoded": False})
            status = int(
                json.loads(response.partition(bytes(8))[0]).get("statusCode", http.client.INTERNAL_SERVER_ERROR)
            )
            peaks[name] = Peak(status, function.peak_memory_mb())
    return peaks


def as_json(peaks: Mapping[str, Peak]) -> dict[str, Any]:
    """Return the figures for a program."""
    return {**describe_run(), "bodies": {name: peak._asdict() for name, peak in peaks.items()}}


def show_figures(peaks: Mapping[str, Peak]) -> None:
    """Print the figures as a table, with the share of a function's memory."""
    show("\nPeak memory of one call with the largest body of each kind, and its share of a function's memory")
    rows = [
        (name, str(peak.status), f"{peak.memory_mb:.0f} MB", *(f"{peak.memory_mb / size:.0%}" for size in SIZES_MB))
        for name, peak in peaks.items()
    ]
    show_table(("body", "status", "peak", *(f"of {size} MB" for size in SIZES_MB)), rows)
