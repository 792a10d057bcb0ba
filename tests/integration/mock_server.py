"""Mock HTTP servers on loopback with one fixed response."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def serve_response(status: int, body: str, seen: list[dict[str, str]] | None = None) -> Iterator[str]:
    """Serve one response to every GET and POST; `seen` collects the headers and the body of each request."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", "0")))
            if seen is not None:
                seen.append({**{name.lower(): value for name, value in self.headers.items()}, "body": sent.decode()})
            self.send_response(status)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST  # noqa: N815 - the name that http.server requires

        def log_message(self, *_: object) -> None:
            """Suppress the request log."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serve_aws_error(status: int, code: str) -> Iterator[str]:
    """Serve one AWS error, in the JSON format of DynamoDB and Secrets Manager."""
    with serve_response(status, json.dumps({"__type": f"com.amazonaws#{code}", "message": "words of AWS"})) as url:
        yield url
