"""Services on loopback that answer every call alike."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answering(status: int, body: str, seen: list[dict[str, str]] | None = None) -> Iterator[str]:
    """Serve one answer for every GET and POST on loopback; `seen` collects the headers and the body of each call."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", "0")))
            if seen is not None:
                seen.append({**{name.lower(): value for name, value in self.headers.items()}, "body": sent.decode()})
            self.send_response(status)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

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
def refusing(status: int, code: str) -> Iterator[str]:
    """Serve one AWS error, in the JSON form of DynamoDB and Secrets Manager."""
    with answering(status, json.dumps({"__type": f"com.amazonaws#{code}", "message": "words of AWS"})) as url:
        yield url
