"""`qwen-gateway bench`: build, measure, tell."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from qwen_gateway_cli.bench import imports, rounds
from qwen_gateway_cli.bench.contenders import GATEWAY, Contender, packaged
from qwen_gateway_cli.bench.replay import CHAT, Neighbours, neighbours
from qwen_gateway_cli.bench.report import Measured, Report
from qwen_gateway_cli.bench.sizes import size
from qwen_gateway_cli.console import refuse, show_json
from qwen_gateway_cli.local import preflight
from qwen_gateway_cli.local.build import architecture
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.lock import held
from qwen_gateway_cli.local.progress import step
from qwen_gateway_cli.stack import JsonOption, repository_root


def bench(as_json: JsonOption = False) -> None:
    """Measure the chat function beside a plain handler, under Lambda's runtime emulator (Linux, some minutes)."""
    layout = Layout(repository_root())
    if sys.platform != "linux":
        refuse("Lambda's runtime emulator is a Linux program: run `qwen-gateway bench` there, or in a container.")
    with held(layout.lock):
        contenders = packaged(layout, preflight.check(layout, port=0))
    report = _measure(layout, contenders)
    if as_json:
        show_json(report.as_json())
    else:
        report.print()


def _measure(layout: Layout, contenders: tuple[Contender, ...]) -> Report:
    (rie,) = layout.sam.parents[1].glob(f"lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{architecture()}")
    gateway = next(contender for contender in contenders if contender.name == GATEWAY)
    measured: dict[str, Measured] = {}
    imported: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for connection in ("http", "tls"):
            with neighbours(Path(folder), tls=connection == "tls") as around:
                measured[connection] = _over(connection, layout, rie, contenders, around)
                imported = imported or imports.by_package(layout, gateway, around)
    return Report(measured, {contender.name: size(contender.folders) for contender in contenders}, imported)


def _over(
    connection: str, layout: Layout, rie: Path, contenders: tuple[Contender, ...], around: Neighbours
) -> Measured:
    event = _event(around.token)
    with step(f"cold starts, {connection.upper()}"):
        cold = rounds.cold(layout, rie, contenders, around, event)
    with step(f"warm calls, {connection.upper()}"):
        return Measured(cold, rounds.warm(layout, rie, contenders, around, event))


def _event(token: str) -> dict[str, Any]:
    """Return a chat call as API Gateway hands it over; the plain handler reads its body only."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return {
        "resource": "/v1/chat/completions",
        "path": "/v1/chat/completions",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": {"resourcePath": "/v1/chat/completions", "stage": "api"},
        "body": json.dumps(CHAT),
        "isBase64Encoded": False,
    }
