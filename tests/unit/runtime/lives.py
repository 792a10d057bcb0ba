"""A function process on our loop, against a Runtime API that hands over the given calls and then goes away."""

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Protocol

DEADLINE_MS = 32_503_680_000_000
"""The year 3000."""


@dataclass
class Call:
    """One call for the function; `headers` are added to the usual ones, None removes one."""

    event: Any = None
    headers: dict[str, str | None] = field(default_factory=dict)

    def all_headers(self, number: int) -> dict[str, str]:
        usual: dict[str, str | None] = {
            "Lambda-Runtime-Aws-Request-Id": f"call-{number}",
            "Lambda-Runtime-Deadline-Ms": str(DEADLINE_MS),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:chat:live",
            "Lambda-Runtime-Trace-Id": f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad{number}",
        }
        return {name: value for name, value in (usual | self.headers).items() if value is not None}


@dataclass
class Post:
    """What the function posted."""

    path: str
    headers: dict[str, str]
    text: str
    writes: list[str] = field(default_factory=list)
    """The chunks, when it was posted in chunks."""
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Life:
    """All that a function process did."""

    posts: list[Post]
    status: int
    stdout: str
    stderr: str
    connections: int


type Reader = Literal["", "hangs up", "stalls", "says nothing"]


class Run(Protocol):
    """Run a function of the given source with the given calls, to its end."""

    def __call__(
        self, source: str, *calls: Call, handler: str = ..., answer_status: int = ..., reader: Reader = ...
    ) -> Life:
        """`reader` is what the Runtime API does after the first chunk of a streamed answer, or after its end."""
        ...


class FakeRuntimeApi(ThreadingHTTPServer):
    """Hands over `calls` in order; who asks for more finds the connection closed."""

    def __init__(self, calls: list[Call], *, answer_status: int, reader: Reader) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.reader = reader
        self.over = threading.Event()
        self.calls = calls
        self.answer_status = answer_status
        self.handed_over = 0
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
        if self.server.handed_over == len(self.server.calls):
            self.close_connection = True
            return
        call = self.server.calls[self.server.handed_over]
        self.server.handed_over += 1
        self._answer(200, json.dumps(call.event).encode(), call.all_headers(self.server.handed_over))

    def do_POST(self) -> None:
        post = Post(self.path, {name.lower(): value for name, value in self.headers.items()}, "")
        self.server.posts.append(post)
        if "Content-Length" in self.headers:
            post.text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        else:
            self._read_chunks(post)
        if self.server.reader == "says nothing":
            self.server.over.wait(30)
        if self.server.reader:
            self.close_connection = True
            return
        self._answer(self.server.answer_status, b'{"status":"OK"}\n', {})

    def _read_chunks(self, post: Post) -> None:
        while size := int(self.rfile.readline(), 16):
            if self.server.reader in {"hangs up", "stalls"} and post.writes:
                if self.server.reader == "stalls":
                    self.server.over.wait(30)
                # Closed with bytes unread, so that the other side is reset.
                return
            post.writes.append(self.rfile.read(size).decode())
            self.rfile.read(2)
        while line := self.rfile.readline().strip().decode():
            name, _, value = line.partition(": ")
            post.trailers[name.lower()] = value
        post.text = "".join(post.writes)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


def live(  # noqa: PLR0913 - a function and all that happens to it
    folder: Path, source: str, calls: list[Call], handler: str, *, answer_status: int, reader: Reader
) -> Life:
    """Run a function of the given source from its start to its end."""
    package = folder / "function"
    package.mkdir()
    (package / "handler.py").write_text(source, encoding="utf-8")
    with FakeRuntimeApi(calls, answer_status=answer_status, reader=reader) as api:
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
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        api.over.set()
        api.shutdown()
    return Life(api.posts, process.returncode, process.stdout, process.stderr, api.connections)
