"""A function process as it is built, on a Runtime API that notes when each chunk of its answers arrives."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from qwen_gateway_cli.bench import footprint
from qwen_gateway_cli.bench.emulator import Program
from qwen_gateway_cli.bench.stream.timeline import Timeline
from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local.processes import quote_log_end

_START_S = 30
_CALL_S = 60
_NEXT = (
    "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: bench\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n"
    "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:bench\r\n"
    "Content-Length: {length}\r\n\r\n"
)
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Function:
    """A function that asked for its first call."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket, log: Path) -> None:
        self._process = process
        self._connection = connection
        self._incoming: BinaryIO = connection.makefile("rb")
        self._log = log
        self._head()

    def call(self, event: Mapping[str, Any], text: bytes) -> Timeline:
        """Make one call and return when its parts came; an answer that is no whole stream ends the command."""
        body = json.dumps(event).encode()
        deadline = int((time.time() + _CALL_S) * 1000)
        timeline = Timeline(text)
        self._connection.sendall(_NEXT.format(deadline=deadline, length=len(body)).encode() + body)
        request = self._head()
        while "transfer-encoding: chunked" in request and (size := int(self._incoming.readline(), 16)):
            timeline.take(self._incoming.read(size))
            self._incoming.readline()
        self._incoming.readline()
        if not timeline.last_ms:
            refuse(f"The function did not stream an answer to its end. {quote_log_end(self._log)}")
        self._connection.sendall(_ACCEPTED)
        self._head()
        return timeline

    def memory_mb(self) -> float:
        """Return what the process holds in memory now, in MB of 2^20 bytes."""
        return footprint.memory_mb(self._process.pid)

    def peak_mb(self) -> float:
        """Return the most that the process has held in memory, in MB of 2^20 bytes."""
        return footprint.peak_mb(self._process.pid)

    def processor_ms(self) -> float:
        """Return the processor time of the process since its start."""
        return footprint.processor_ms(self._process.pid)

    def _head(self) -> str:
        """Read the head of the function's next request: the answer to a call, or the question for another one."""
        lines = []
        while (line := self._incoming.readline()) not in {b"\r\n", b""}:
            lines.append(line.decode().strip().lower())
        return "\n".join(lines)


@contextmanager
def running(program: Program, log: Path) -> Iterator[Function]:
    """Start a function and give it when it asks for its first call."""
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        listener.settimeout(_START_S)
        variables = {**program.environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{listener.getsockname()[1]}"}
        process = subprocess.Popen(
            program.command,
            cwd=program.directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                refuse(f"The function does not start. {quote_log_end(log)}")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                yield Function(process, connection, log)
        finally:
            process.terminate()
            process.wait()
