"""A listening socket for a server of the local stack."""

import socket


def listen(host: str, port: int) -> socket.socket:
    """Listen; port 0 takes a free one.

    Connections send at once: asyncio sets TCP_NODELAY only on sockets that name their protocol, and head and body of
    an answer, sent in two writes, would wait 40 ms for each other.

    Raises:
        OSError: the port is taken, or the address is not of this machine.
    """
    listener = socket.create_server((host, port), backlog=256)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url(listener: socket.socket) -> str:
    """Return the root of what listens, without a path."""
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"
