"""A server that answers DescribeStacks with one status, which moto cannot set."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

_STACK = """\
<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks>
<member><StackName>{name}</StackName><StackStatus>{status}</StackStatus>
<CreationTime>2026-11-27T09:00:00Z</CreationTime></member>
</Stacks></DescribeStacksResult></DescribeStacksResponse>"""
_MISSING = """\
<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>
<Code>ValidationError</Code><Message>Stack with id {name} does not exist</Message></Error></ErrorResponse>"""


class FakeCloudFormation:
    """The server's address, the status of every stack (None: there is none), and what it was asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status: str | None = None
        self.stacks: list[str] = []
        self.regions: set[str] = set()

    def describe(self, name: str, authorization: str) -> tuple[int, str]:
        """Return the HTTP status and the body."""
        self.stacks.append(name)
        self.regions.update(re.findall(r"/\d{8}/([\w-]+)/cloudformation/", authorization))
        if self.status is None:
            return 400, _MISSING.format(name=name)
        return 200, _STACK.format(name=name, status=self.status)


@contextmanager
def run_fake_cloudformation() -> Iterator[FakeCloudFormation]:
    """Run the server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            status, body = fake.describe(form["StackName"][0], self.headers["authorization"])
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake = FakeCloudFormation(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield fake
        finally:
            server.shutdown()
