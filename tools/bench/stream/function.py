"""A built function in its process, behind a Runtime API that records when each chunk of a stream arrives."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local.processes import quote_log_end
from tools.bench.emulator import Program, read_memory_mb, read_peak_memory_mb, read_processor_ms
from tools.bench.stream.provider import DONE

_START_TIMEOUT_S = 30
_CALL_TIMEOUT_S = 60
_NEXT = (
    "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: bench\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n"
    "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:bench\r\n"
    "Content-Length: {length}\r\n\r\n"
)
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Timeline:
    """When the parts of one stream arrived, in milliseconds since the object was created.

    `text` is the event that counts as one text.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._tail = b""
        self._started = time.perf_counter()
        self.first_ms = 0.0
        """The first text."""
        self.last_ms = 0.0
        """The last event that a client waits for."""
        self.leaked = 0
        """Pieces with more than one text."""

    def record(self, piece: bytes) -> None:
        """Record the arrival of a piece."""
        now_ms = (time.perf_counter() - self._started) * 1000
        texts = piece.count(self._text)
        if texts and not self.first_ms:
            self.first_ms = now_ms
        # A relay that parses nothing can split the last event.
        if DONE in self._tail + piece:
            self.last_ms = now_ms
        self._tail = piece[-len(DONE) :]
        self.leaked += texts > 1


class StreamingFunction:
    """A function that has requested its first call from the Runtime API."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket, log: Path) -> None:
        self._process = process
        self._connection = connection
        self._incoming: BinaryIO = connection.makefile("rb")
        self._log = log
        self._read_head()

    def call(self, event: Mapping[str, Any], text: bytes) -> Timeline:
        """Make one call and return when its parts arrived.

        Raises:
            CommandRefused: the response is not a complete stream.
        """
        body = json.dumps(event).encode()
        deadline = int((time.time() + _CALL_TIMEOUT_S) * 1000)
        timeline = Timeline(text)
        self._connection.sendall(_NEXT.format(deadline=deadline, length=len(body)).encode() + body)
        head = self._read_head()
        while "transfer-encoding: chunked" in head and (size := int(self._incoming.readline(), 16)):
            timeline.record(self._incoming.read(size))
            self._incoming.readline()
        self._incoming.readline()
        if not timeline.last_ms:
            refuse(f"The function did not stream a complete answer. {quote_log_end(self._log)}")
        self._connection.sendall(_ACCEPTED)
        self._read_head()
        return timeline

    def memory_mb(self) -> float:
        """Return the current memory of the process, in MB of 2^20 bytes."""
        return read_memory_mb(self._process.pid)

    def peak_mb(self) -> float:
        """Return the peak memory of the process, in MB of 2^20 bytes."""
        return read_peak_memory_mb(self._process.pid)

    def processor_ms(self) -> float:
        """Return the processor time of the process since its start."""
        return read_processor_ms(self._process.pid)

    def _read_head(self) -> str:
        """Read the head of the function's next request: the response to a call, or the request for the next call."""
        lines = []
        while (line := self._incoming.readline()) not in {b"\r\n", b""}:
            lines.append(line.decode().strip().lower())
        return "\n".join(lines)


@contextmanager
def run_function(program: Program, log: Path) -> Iterator[StreamingFunction]:
    """Start a function and yield it when it requests its first call."""
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        listener.settimeout(_START_TIMEOUT_S)
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
                yield StreamingFunction(process, connection, log)
        finally:
            process.terminate()
            process.wait()
