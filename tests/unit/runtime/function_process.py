"""Runs a function process against a fake Runtime API that delivers the given invocations and then disconnects."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Protocol

DEADLINE_MS = 32_503_680_000_000
"""The year 3000."""


@dataclass
class Invocation:
    """One invocation; `headers` are added to the default ones, None removes one."""

    event: Any = None
    headers: dict[str, str | None] = field(default_factory=dict)

    def all_headers(self, number: int) -> dict[str, str]:
        default: dict[str, str | None] = {
            "Lambda-Runtime-Aws-Request-Id": f"call-{number}",
            "Lambda-Runtime-Deadline-Ms": str(DEADLINE_MS),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:chat:live",
            "Lambda-Runtime-Trace-Id": f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad{number}",
        }
        return {name: value for name, value in (default | self.headers).items() if value is not None}


@dataclass
class Post:
    """One request of the function to the Runtime API."""

    path: str
    headers: dict[str, str]
    text: str
    chunks: list[str] = field(default_factory=list)
    """Empty when the body was not chunked."""
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class ProcessResult:
    """Everything that a function process did."""

    posts: list[Post]
    status: int
    stdout: str
    stderr: str
    connections: int


type Reader = Literal["", "disconnects", "stalls", "sends no reply"]


class Run(Protocol):
    """Run a function with the given source and invocations until its process exits."""

    def __call__(
        self,
        source: str,
        *invocations: Invocation,
        handler: str = ...,
        reply_status: int = ...,
        reader: Reader = ...,
        variables: Mapping[str, str] = ...,
    ) -> ProcessResult:
        """`reader` is what the Runtime API does after the first chunk of a streamed response, or after its end."""
        ...


class FakeRuntimeApi(ThreadingHTTPServer):
    """Delivers `invocations` in order, then closes the connection."""

    def __init__(self, invocations: list[Invocation], *, reply_status: int, reader: Reader) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.reader = reader
        self.is_over = threading.Event()
        self.invocations = invocations
        self.reply_status = reply_status
        self.delivered = 0
        self.posts: list[Post] = []
        self.connections = 0


class _Requests(BaseHTTPRequestHandler):
    server: FakeRuntimeApi
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        assert self.path == "/2018-06-01/runtime/invocation/next"
        if self.server.delivered == len(self.server.invocations):
            self.close_connection = True
            return
        invocation = self.server.invocations[self.server.delivered]
        self.server.delivered += 1
        self._reply(200, json.dumps(invocation.event).encode(), invocation.all_headers(self.server.delivered))

    def do_POST(self) -> None:
        post = Post(self.path, {name.lower(): value for name, value in self.headers.items()}, "")
        self.server.posts.append(post)
        if "Content-Length" in self.headers:
            post.text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        else:
            self._read_chunks(post)
        if self.server.reader == "sends no reply":
            self.server.is_over.wait(30)
        if self.server.reader:
            self.close_connection = True
            return
        self._reply(self.server.reply_status, b'{"status":"OK"}\n', {})

    def _read_chunks(self, post: Post) -> None:
        while size := int(self.rfile.readline(), 16):
            if self.server.reader in {"disconnects", "stalls"} and post.chunks:
                if self.server.reader == "stalls":
                    self.server.is_over.wait(30)
                # Closing with unread bytes resets the connection.
                return
            post.chunks.append(self.rfile.read(size).decode())
            self.rfile.read(2)
        while line := self.rfile.readline().strip().decode():
            name, _, value = line.partition(": ")
            post.trailers[name.lower()] = value
        post.text = "".join(post.chunks)

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


def run_process(  # noqa: PLR0913 - a function and its environment
    folder: Path,
    source: str,
    invocations: list[Invocation],
    handler: str,
    *,
    reply_status: int,
    reader: Reader,
    variables: Mapping[str, str],
) -> ProcessResult:
    """Run a function with the given source until its process exits."""
    package = folder / "function"
    package.mkdir()
    (package / "handler.py").write_text(source, encoding="utf-8")
    with FakeRuntimeApi(invocations, reply_status=reply_status, reader=reader) as api:
        threading.Thread(target=api.serve_forever, args=(0.01,), daemon=True).start()
        process = subprocess.run(
            [sys.executable, "-m", "qwen_gateway.runtime"],
            cwd=folder,
            env={
                "_HANDLER": handler,
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
                "AWS_LAMBDA_FUNCTION_NAME": "chat",
                "AWS_LAMBDA_FUNCTION_VERSION": "7",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/chat",
                "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/24/[7]0",
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        api.is_over.set()
        api.shutdown()
    return ProcessResult(api.posts, process.returncode, process.stdout, process.stderr, api.connections)
