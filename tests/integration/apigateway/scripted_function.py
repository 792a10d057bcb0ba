"""A function that does what the body of a request says, and its process."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qwen_gateway_cli.local import process_table
from tests.integration.apigateway.gateways import Route, RunningGateway, run_gateway, settings, template

SCRIPTED = """
import json, os, pathlib, sys, time

folder = pathlib.Path(os.environ["FOLDER"])

def handle(event, context):
    "Perform the action in the request's body, and return the pid."
    order = event["body"]
    if order == "exit":
        sys.exit(3)
    if order == "abort":
        os.abort()
    if order == "fail":
        raise RuntimeError("the caller's prompt")
    if order == "large":
        return {"body": "x" * 6_300_000}
    if order and order.startswith("wait"):
        (folder / f"began-{order}").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        (folder / f"ended-{order}").touch()
    return {"body": str(os.getpid())}
"""
TIMEOUT_S = 20


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait until the condition is true, which the test expects to happen in time."""
    limit = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < limit, "the condition did not become true in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Return whether the process runs."""
    seen = process_table.find(pid)
    return seen is not None and not seen.ended


@contextmanager
def scripted(folder: Path, timeout_ms: int | None = None, **changes: Any) -> Iterator[RunningGateway]:
    """Run a gateway with one route, to the scripted function."""
    api = template([Route("/v1/do", "Scripted", timeout_ms=timeout_ms)])
    with run_gateway(folder, settings(folder, api, {"Scripted": SCRIPTED}, **changes)) as started:
        yield started
