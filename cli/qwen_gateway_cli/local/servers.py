"""The three servers of the local stack: how each is started, and when it is ready."""

import http.client
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import aws, clean_environment
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.processes import Process, Processes, quote_log_end

# The names in `status`, `logs` and stack.json.
MINISTACK, MOCK_QWEN, APIGATEWAY = "ministack", "provider", "front"

_POLL_S = 0.02
_READY_TIMEOUT_S = 30.0
_FIRST_RESPONSE_TIMEOUT_S = 60


class Servers:
    """Starts the servers of one stack and waits until they are ready."""

    def __init__(self, layout: Layout, processes: Processes) -> None:
        self._layout = layout
        self._processes = processes

    def start_ministack(self, port: int) -> Process:
        """Start the emulated AWS on a loopback port."""
        return self._start(MINISTACK, aws.command(self._layout), aws.build_environment(self._layout, port))

    def start_mock_qwen(self) -> Process:
        """Start the mock Qwen on a free port."""
        return self._start_module("qwen_gateway_cli.local.mock_qwen", MOCK_QWEN, "--port", "0")

    def start_apigateway(self) -> Process:
        """Start the API Gateway emulation with its settings file."""
        settings = str(self._layout.apigateway_settings)
        return self._start_module("qwen_gateway_cli.local.apigateway", APIGATEWAY, settings)

    def wait_for_ministack(self, process: Process, port: int) -> None:
        """Wait until the emulated AWS is ready."""
        wait_for(self._processes, process, self._layout.log(MINISTACK), lambda: aws.is_ready(port) or None)

    def wait_for_url(self, process: Process) -> str:
        """Wait until a server of this project listens, and return its root URL."""
        log = self._layout.log(process.name)
        return wait_for(self._processes, process, log, lambda: read_announced_url(log))

    def _start_module(self, module: str, name: str, *arguments: str) -> Process:
        command = [sys.executable, "-m", module, *arguments]
        return self._start(name, command, clean_environment.create(self._layout))

    def _start(self, name: str, command: list[str] | list[Path], environment: dict[str, str]) -> Process:
        return self._processes.start(name, command, environment, self._layout.temporary, self._layout.log(name))


def wait_for[T](
    processes: Processes,
    process: Process,
    log: Path,
    check: Callable[[], T | None],
    timeout_s: float = _READY_TIMEOUT_S,
) -> T:
    """Poll `check` until it returns a value, and return that value.

    The command fails with the end of the log when the process ends first or is not ready in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        is_alive = processes.is_alive(process)
        result = check()
        if result is not None:
            return result
        if not is_alive:
            refuse(f"{process.name} ended during its start. {quote_log_end(log)}")
        if time.monotonic() > deadline:
            refuse(f"{process.name} was not ready after {timeout_s:.0f} s. {quote_log_end(log)}")
        time.sleep(_POLL_S)


def read_announced_url(log: Path) -> str | None:
    """Return the URL of the JSON line `{"url": ...}` that a server prints when it listens, or None."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        if line.startswith('{"url"') and line.endswith("\n"):
            return str(json.loads(line)["url"])
    return None


def check_models_endpoint(layout: Layout, base_url: str, token: str) -> None:
    """List the models through the gateway with the new key, which tests all its parts and leaves no record."""
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.netloc, timeout=_FIRST_RESPONSE_TIMEOUT_S)
    log = layout.log(APIGATEWAY)
    try:
        connection.request("GET", f"{address.path}/models", headers={"authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read().decode("utf-8", errors="replace")
    except (OSError, http.client.HTTPException) as failure:
        refuse(f"The gateway does not respond: {failure}. {quote_log_end(log)}")
    finally:
        connection.close()
    if response.status != http.client.OK:
        refuse(f"The gateway's first response has status {response.status}: {body}\n{quote_log_end(log)}")
