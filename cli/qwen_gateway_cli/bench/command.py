"""`qwen-gateway bench`: build, measure, tell."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from qwen_gateway_cli.bench import imports, rounds
from qwen_gateway_cli.bench.contenders import GATEWAY, Contender, packaged
from qwen_gateway_cli.bench.replay import Backends, run_backends
from qwen_gateway_cli.bench.report import Measured, Report
from qwen_gateway_cli.bench.sizes import size
from qwen_gateway_cli.console import refuse, show_json
from qwen_gateway_cli.local import preflight
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.local.preflight import hold_lock
from qwen_gateway_cli.local.sam import detect_architecture
from qwen_gateway_cli.stack import JsonOption, find_repository_root


def bench(as_json: JsonOption = False) -> None:
    """Measure the chat function beside a plain handler, under Lambda's runtime emulator (Linux, some minutes)."""
    layout = Layout(find_repository_root())
    if sys.platform != "linux":
        refuse("Lambda's runtime emulator is a Linux program: run `qwen-gateway bench` there, or in a container.")
    with hold_lock(layout.lock):
        contenders = packaged(layout, preflight.check(layout, port=0))
    report = _measure(layout, contenders)
    if as_json:
        show_json(report.as_json())
    else:
        report.print()


def _measure(layout: Layout, contenders: tuple[Contender, ...]) -> Report:
    (rie,) = layout.sam.parents[1].glob(
        f"lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{detect_architecture()}"
    )
    gateway = next(contender for contender in contenders if contender.name == GATEWAY)
    measured: dict[str, Measured] = {}
    imported: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for connection in ("http", "tls"):
            with run_backends(Path(folder), tls=connection == "tls") as backends:
                measured[connection] = _over(connection, layout, rie, contenders, backends)
                imported = imported or imports.by_package(layout, gateway, backends)
    return Report(measured, {contender.name: size(contender.folders) for contender in contenders}, imported)


def _over(
    connection: str, layout: Layout, rie: Path, contenders: tuple[Contender, ...], backends: Backends
) -> Measured:
    event = recorded_event(layout, backends.token)
    with show_step(f"cold starts, {connection.upper()}"):
        cold = rounds.cold(layout, rie, contenders, backends, event)
    with show_step(f"warm calls, {connection.upper()}"):
        return Measured(cold, rounds.warm(layout, rie, contenders, backends, event))


def recorded_event(layout: Layout, token: str) -> dict[str, Any]:
    """Return the recorded chat call with another key; the plain handler reads its body only."""
    event: dict[str, Any] = json.loads((layout.root / "events" / "chat" / "answered.json").read_text(encoding="utf-8"))
    event["headers"]["authorization"] = f"Bearer {token}"
    event["multiValueHeaders"]["authorization"] = [f"Bearer {token}"]
    return event
