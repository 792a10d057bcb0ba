"""Waiting for a process until it is ready, without fixed pauses."""

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local.processes import Process, Processes

_POLL_S = 0.02
_TAIL_LINES = 15


def wait_for[T](
    processes: Processes, process: Process, log: Path, check: Callable[[], T | None], seconds: float = 30
) -> T:
    """Return what `check` finds as soon as it finds something.

    A process that ends before, or is not ready in time, is refused with the last lines of its log.
    """
    limit = time.monotonic() + seconds
    while True:
        lives = processes.lives(process)
        found = check()
        if found is not None:
            return found
        if not lives:
            refuse(f"{process.name} ended while it was starting. {last_words(log)}")
        if time.monotonic() > limit:
            refuse(f"{process.name} was not ready after {seconds:.0f} s. {last_words(log)}")
        time.sleep(_POLL_S)


def announced_url(log: Path) -> str | None:
    """Return the address that a server printed as a line of JSON, `{"url": ...}`, when it began to listen."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        if line.startswith('{"url"') and line.endswith("\n"):
            return str(json.loads(line)["url"])
    return None


def answers(port: int, path: str) -> bool | None:
    """Return True when the server on a loopback port answers 200, else None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return True if connection.getresponse().status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def last_words(log: Path, lines: int = _TAIL_LINES) -> str:
    """Return a sentence with the end of a log, for an error's message."""
    end = tail(log, lines)
    return f"The end of {log}:\n{end}" if end else f"Its log is empty: {log}"


def tail(log: Path, lines: int) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
