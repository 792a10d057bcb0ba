"""A provider that says exactly the bytes that a test wants said, where the stand-in has better manners."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-scripted\r\n"

_LINGER_NOT = b"\1\0\0\0\0\0\0\0"
"""SO_LINGER on, no seconds: closing resets the connection."""


@dataclass
class Scripted:
    """A running provider: its address, what it was asked, and how many connections it took."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over; whoever hangs waits for it."""


type Play = Callable[[socket.socket, Scripted], None]
"""What happens once a request was read; it returns when the connection is to be closed."""


@contextlib.contextmanager
def scripted_provider(play: Play, tls: ssl.SSLContext | None = None) -> Generator[Scripted]:
    """Run a provider on loopback; each request that arrives on a connection gets the play."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = Scripted(f"{'https' if tls else 'http'}://localhost:{listener.getsockname()[1]}")
        threading.Thread(target=_accept, args=(listener, provider, play, tls), daemon=True).start()
        try:
            yield provider
        finally:
            provider.over.set()


def says(answer: bytes) -> Play:
    """A play that sends these bytes and closes."""
    return lambda connection, _: connection.sendall(answer)


def in_parts(head: bytes, parts: Iterable[bytes | float], end: Play) -> Play:
    """A play that sends a body in chunked coding, with pauses of so many seconds between its parts."""

    def play(connection: socket.socket, provider: Scripted) -> None:
        connection.sendall(head + b"transfer-encoding: chunked\r\n\r\n")
        for part in parts:
            if isinstance(part, bytes):
                connection.sendall(_coded(part))
            else:
                provider.over.wait(part)
        end(connection, provider)

    return play


def one_after_another(*plays: Play) -> Play:
    """A play for each request, in this order."""
    left = iter(plays)

    def play(connection: socket.socket, provider: Scripted) -> None:
        next(left)(connection, provider)

    return play


def event_stream(body: bytes) -> bytes:
    """A whole answer of server-sent events."""
    return HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def resets(connection: socket.socket, _: Scripted) -> None:
    """A play that breaks the connection without a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    connection.close()


def closes(connection: socket.socket, _: Scripted) -> None:
    """A play that closes the connection."""
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def ends(connection: socket.socket, _: Scripted) -> None:
    """A play that ends a body in chunked coding."""
    connection.sendall(_coded(b""))


def drips(connection: socket.socket, provider: Scripted) -> None:
    """A play that goes on with single bytes, in chunked coding."""
    while not provider.over.wait(0.05):
        connection.sendall(_coded(b":"))


def hangs(connection: socket.socket, provider: Scripted) -> None:
    """A play that says nothing."""
    provider.over.wait()


def _coded(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _accept(listener: socket.socket, provider: Scripted, play: Play, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError):
        while not provider.over.is_set():
            connection, _ = listener.accept()
            provider.connections += 1
            threading.Thread(target=_serve, args=(connection, provider, play, tls), daemon=True).start()


def _serve(connection: socket.socket, provider: Scripted, play: Play, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        stack.enter_context(connection)
        plain = stack.enter_context(tls.wrap_socket(connection, server_side=True)) if tls else connection
        while request := _request(plain):
            provider.requests.append(request)
            play(plain, provider)


def _request(connection: socket.socket) -> bytes:
    """One request's bytes, or nothing when the client is gone."""
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
