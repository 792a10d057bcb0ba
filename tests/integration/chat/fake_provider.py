"""A fake provider that sends exactly the bytes of a test, for behaviour that the mock Qwen does not have."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

import trustme

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-scripted\r\n"

_LINGER_ZERO_S = b"\1\0\0\0\0\0\0\0"
"""SO_LINGER on with 0 seconds: closing resets the connection."""


class FakeCertificateAuthority(trustme.CA):
    """A certificate authority that signs the certificates of fake providers."""

    def create_server_context(self, host: str) -> ssl.SSLContext:
        """Return the TLS context of a server with a certificate for this host name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.issue_cert(host).configure_cert(context)
        return context


@dataclass
class FakeProvider:
    """A running provider: its URL, the requests received, the number of connections accepted."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set at the end of the test. A behaviour that never returns on its own waits for it."""


type Behaviour = Callable[[socket.socket, FakeProvider], None]
"""Runs for each request. The connection stays open for the next request unless the behaviour closes it."""


@contextlib.contextmanager
def run_fake_provider(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> Generator[FakeProvider]:
    """Run a provider on loopback with this behaviour for each request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = FakeProvider(f"{'https' if tls else 'http'}://localhost:{listener.getsockname()[1]}")
        threading.Thread(target=_accept, args=(listener, provider, behaviour, tls), daemon=True).start()
        try:
            yield provider
        finally:
            provider.stopped.set()


def respond_with(response: bytes) -> Behaviour:
    """Return a behaviour that sends these bytes."""
    return lambda connection, _: connection.sendall(response)


def respond_in_parts(head: bytes, parts: Iterable[bytes | float], end: Behaviour) -> Behaviour:
    """Return a behaviour that sends a chunked body in parts, with pauses in seconds, and then runs `end`."""

    def respond(connection: socket.socket, provider: FakeProvider) -> None:
        connection.sendall(head + b"transfer-encoding: chunked\r\n\r\n")
        for part in parts:
            if isinstance(part, bytes):
                connection.sendall(_encode_chunk(part))
            else:
                provider.stopped.wait(part)
        end(connection, provider)

    return respond


def respond_in_order(*behaviours: Behaviour) -> Behaviour:
    """Return a behaviour that runs one of these behaviours for each request, in this order."""
    remaining = iter(behaviours)

    def respond(connection: socket.socket, provider: FakeProvider) -> None:
        next(remaining)(connection, provider)

    return respond


def sse_response(body: bytes) -> bytes:
    """Return a complete HTTP response with these server-sent events."""
    return HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def json_response(document: Any) -> bytes:
    """Return a complete HTTP response with this JSON, or with these bytes instead."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req-1\r\n"
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def reset(connection: socket.socket, _: FakeProvider) -> None:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO_S)
    connection.close()


def close(connection: socket.socket, _: FakeProvider) -> None:
    """Close the connection."""
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def end_body(connection: socket.socket, _: FakeProvider) -> None:
    """Send the last chunk of a chunked body."""
    connection.sendall(_encode_chunk(b""))


def drip(connection: socket.socket, provider: FakeProvider) -> None:
    """Send single bytes of a chunked body until the end of the test."""
    while not provider.stopped.wait(0.05):
        connection.sendall(_encode_chunk(b":"))


def hang(connection: socket.socket, provider: FakeProvider) -> None:
    """Send nothing until the end of the test."""
    provider.stopped.wait()


def _encode_chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _accept(listener: socket.socket, provider: FakeProvider, behaviour: Behaviour, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError):
        while not provider.stopped.is_set():
            connection, _ = listener.accept()
            provider.connections += 1
            threading.Thread(target=_serve, args=(connection, provider, behaviour, tls), daemon=True).start()


def _serve(connection: socket.socket, provider: FakeProvider, behaviour: Behaviour, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        stack.enter_context(connection)
        plain = stack.enter_context(tls.wrap_socket(connection, server_side=True)) if tls else connection
        while request := _read_request(plain):
            provider.requests.append(request)
            behaviour(plain, provider)


def _read_request(connection: socket.socket) -> bytes:
    """Return the bytes of one request, or nothing if the client closed the connection."""
    with connection.makefile("rb") as lines:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = lines.readline()
            if not line:
                return b""
            head += line
        lengths = (line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        length = next(lengths, b"content-length: 0")
        return head + lines.read(int(length.partition(b":")[2]))
