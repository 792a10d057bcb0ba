"""The three programs of the local stack: how each is started, and when it is ready."""

import http.client
import sys
from pathlib import Path
from urllib.parse import urlsplit

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import aws, clean_environment
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.processes import Process, Processes
from qwen_gateway_cli.local.readiness import announced_url, last_words, wait_for

MINISTACK, PROVIDER, FRONT = "ministack", "provider", "front"
_FIRST_ANSWER_S = 60


class Servers:
    """Starts the programs of one stack and waits for them."""

    def __init__(self, layout: Layout, processes: Processes) -> None:
        self._layout = layout
        self._processes = processes

    def start_ministack(self, port: int) -> Process:
        """Start the emulated AWS on a port of the loopback interface."""
        return self._start(MINISTACK, aws.command(self._layout), aws.environment(self._layout, port))

    def start_provider(self) -> Process:
        """Start the stand-in provider on a free port."""
        return self._start_module("qwen_gateway_cli.local.provider", PROVIDER, "--port", "0")

    def start_front(self) -> Process:
        """Start the front with the settings that stand in its file."""
        return self._start_module("qwen_gateway_cli.local.front", FRONT, str(self._layout.front_settings))

    def await_ministack(self, process: Process, port: int) -> None:
        """Wait until the emulated AWS serves."""
        wait_for(self._processes, process, self._layout.log(MINISTACK), lambda: aws.is_ready(port))

    def await_url(self, process: Process) -> str:
        """Wait until a program of ours listens and return its root URL."""
        log = self._layout.log(process.name)
        return wait_for(self._processes, process, log, lambda: announced_url(log))

    def _start_module(self, module: str, name: str, *arguments: str) -> Process:
        command = [sys.executable, "-m", module, *arguments]
        return self._start(name, command, clean_environment.clean(self._layout))

    def _start(self, name: str, command: list[str] | list[Path], environment: dict[str, str]) -> Process:
        return self._processes.start(name, command, environment, self._layout.temporary, self._layout.log(name))


def refuse_unless_models_answer(layout: Layout, base_url: str, token: str) -> None:
    """List the models through the front with the new key: front, layer, function and ledger work. No record is left."""
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.netloc, timeout=_FIRST_ANSWER_S)
    try:
        connection.request("GET", f"{address.path}/models", headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", errors="replace")
    except (OSError, http.client.HTTPException) as failure:
        refuse(f"The front does not answer: {failure}. {last_words(layout.log(FRONT))}")
    finally:
        connection.close()
    if answer.status != http.client.OK:
        refuse(f"The gateway's first answer is {answer.status}: {body}\n{last_words(layout.log(FRONT))}")
