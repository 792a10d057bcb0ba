"""A function under Lambda's runtime emulator: started, called over HTTP, looked at, ended."""

import http.client
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from qwen_gateway_cli.bench import footprint
from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import sockets
from qwen_gateway_cli.local.processes import quote_log_end

_INVOKE = "/2015-03-31/functions/function/invocations"
_CALL_S = 60
_START_S = 10
_POLL_S = 0.005


class Program(NamedTuple):
    """What the emulator starts for a function's first call."""

    command: list[str]
    directory: Path
    environment: Mapping[str, str]


class Function:
    """A function in its emulator. Calls come one after another: the emulator breaks on two at once."""

    def __init__(self, emulator: subprocess.Popen[bytes], connection: http.client.HTTPConnection, log: Path) -> None:
        self._emulator = emulator
        self._connection = connection
        self._log = log

    def call(self, event: Mapping[str, Any]) -> float:
        """Make one call and return its milliseconds; an answer other than 200 ends the command."""
        began = time.perf_counter()
        answer = self.invoke(event)
        took = (time.perf_counter() - began) * 1000
        # A streaming function sends its head, 8 NUL bytes and its body; the emulator does not parse them.
        head, _, _ = answer.partition(bytes(8))
        if json.loads(head).get("statusCode") != http.client.OK:
            refuse(f"The function answered {answer[:500]!r}. {quote_log_end(self._log)}")
        return took

    def invoke(self, event: Mapping[str, Any]) -> bytes:
        """Make one call and return what the emulator hands over of its answer; none at all ends the command."""
        try:
            self._connection.request("POST", _INVOKE, json.dumps(event).encode())
            return self._connection.getresponse().read()
        except OSError as failure:
            refuse(f"The function does not answer: {failure}. {quote_log_end(self._log)}")

    def memory_mb(self) -> float:
        """Return what the function's process holds in memory now, in MB of 2^20 bytes."""
        return footprint.memory_mb(self._process())

    def processor_ms(self) -> float:
        """Return the processor time of the function's process since its start."""
        return footprint.processor_ms(self._process())

    def _process(self) -> int:
        """The process id of the emulator's only child."""
        tasks = Path(f"/proc/{self._emulator.pid}/task").iterdir()
        (pid,) = {pid for task in tasks for pid in (task / "children").read_text(encoding="utf-8").split()}
        return int(pid)


@contextmanager
def running(emulator: Path, program: Program, log: Path) -> Iterator[Function]:
    """Yield a function without a running process; the first call starts one."""
    port = sockets.find_free_port()
    command = [str(emulator), "--log-level", "error"]
    command += ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{sockets.find_free_port()}", *program.command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=program.directory,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_CALL_S)
    try:
        _await(connection, process, log)
        yield Function(process, connection, log)
    finally:
        connection.close()
        process.terminate()
        process.wait()


def _await(connection: http.client.HTTPConnection, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + _START_S
    while True:
        try:
            connection.connect()
        except OSError:
            if process.poll() is not None or time.monotonic() > limit:
                refuse(f"Lambda's runtime emulator does not start. {quote_log_end(log)}")
            time.sleep(_POLL_S)
        else:
            return
