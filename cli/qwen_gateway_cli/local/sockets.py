"""Listening sockets of the local stack's servers. Imports nothing else, so that these programs start quickly."""

import socket


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 takes a free one.

    Connections use TCP_NODELAY. asyncio sets it only on sockets with an explicit protocol; without it, a response
    whose head and body are sent in two writes is delayed by 40 ms.

    Raises:
        OSError: the port is in use, or the address does not belong to this machine.
    """
    listener = socket.create_server((host, port), backlog=256)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket, without a path."""
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def find_free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
