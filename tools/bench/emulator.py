"""A function under Lambda's runtime emulator, and the memory and processor time of a process (Linux)."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import sockets
from qwen_gateway_cli.local.processes import quote_log_end

_INVOKE_PATH = "/2015-03-31/functions/function/invocations"
_CALL_TIMEOUT_S = 60
_START_TIMEOUT_S = 10
_POLL_S = 0.005

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_USER_TIME, _SYSTEM_TIME = 11, 12
"""Positions in /proc/PID/stat, counted after the command's name."""


class Program(NamedTuple):
    """A program that runs a function."""

    command: list[str]
    directory: Path
    environment: Mapping[str, str]


class EmulatedFunction:
    """A function in its emulator. The emulator breaks on two calls at once, so calls are sequential."""

    def __init__(self, emulator: subprocess.Popen[bytes], connection: http.client.HTTPConnection, log: Path) -> None:
        self._emulator = emulator
        self._connection = connection
        self._log = log

    def call(self, event: Mapping[str, Any]) -> float:
        """Make one call and return its duration in milliseconds.

        Raises:
            CommandRefused: the status of the response is not 200.
        """
        started = time.perf_counter()
        response = self.invoke(event)
        duration_ms = (time.perf_counter() - started) * 1000
        # The emulator does not parse a stream: it returns its head, 8 NUL bytes and its body.
        head, _, _ = response.partition(bytes(8))
        if json.loads(head).get("statusCode") != http.client.OK:
            refuse(f"The function answered {response[:500]!r}. {quote_log_end(self._log)}")
        return duration_ms

    def invoke(self, event: Mapping[str, Any]) -> bytes:
        """Make one call and return the emulator's response.

        Raises:
            CommandRefused: there is no response.
        """
        try:
            self._connection.request("POST", _INVOKE_PATH, json.dumps(event).encode())
            return self._connection.getresponse().read()
        except OSError as failure:
            refuse(f"The function does not answer: {failure}. {quote_log_end(self._log)}")

    def memory_mb(self) -> float:
        """Return the current memory of the function's process, in MB of 2^20 bytes."""
        return read_memory_mb(self._find_process())

    def peak_memory_mb(self) -> float:
        """Return the peak memory of the function's process, in MB of 2^20 bytes."""
        return read_peak_memory_mb(self._find_process())

    def processor_ms(self) -> float:
        """Return the processor time of the function's process since its start."""
        return read_processor_ms(self._find_process())

    def _find_process(self) -> int:
        """Return the process id of the emulator's only child."""
        tasks = Path(f"/proc/{self._emulator.pid}/task").iterdir()
        (pid,) = {pid for task in tasks for pid in (task / "children").read_text(encoding="utf-8").split()}
        return int(pid)


@contextmanager
def run_function(emulator: Path, program: Program, log: Path) -> Iterator[EmulatedFunction]:
    """Start the emulator, which starts the function's process with the first call."""
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
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_CALL_TIMEOUT_S)
    try:
        _connect(connection, process, log)
        yield EmulatedFunction(process, connection, log)
    finally:
        connection.close()
        process.terminate()
        process.wait()


def read_memory_mb(pid: int) -> float:
    """Return the current memory of a process (resident set), in MB of 2^20 bytes."""
    return _read_status_mb(pid, "VmRSS")


def read_peak_memory_mb(pid: int) -> float:
    """Return the peak memory of a process since its start, in MB of 2^20 bytes."""
    return _read_status_mb(pid, "VmHWM")


def read_processor_ms(pid: int) -> float:
    """Return the processor time of a process and its threads since its start, in ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) * _TICK_MS


def _connect(connection: http.client.HTTPConnection, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            connection.connect()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                refuse(f"Lambda's runtime emulator does not start. {quote_log_end(log)}")
            time.sleep(_POLL_S)
        else:
            return


def _read_status_mb(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    kibibytes = next(line for line in status.splitlines() if line.startswith(name)).split()[1]
    return int(kibibytes) / 1024
