"""The front over a bare socket: bytes in, answers out."""

import http.client
import socket
import time
from urllib.parse import urlsplit

from tests.integration.apigateway.gateways import Reply, RunningGateway
from tests.integration.hostile.meeting import Answer

PATIENCE_S = 20


def exchange(front: RunningGateway, *pieces: bytes, pause_s: float = 0) -> bytes:
    """Send these bytes, piece by piece, and return all that comes until the front closes."""
    address = urlsplit(front.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=PATIENCE_S) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)
        received = b""
        while got := connection.recv(65_536):
            received += got
        return received


def answer(front: RunningGateway, received: bytes) -> Answer:
    """Read the one answer that was received."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(received)
        theirs.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(ours)
        response.begin()
        return of(front, Reply(response.status, response.getheaders(), response.read()))


def of(front: RunningGateway, reply: Reply) -> Answer:
    """Return a reply of the front, with all that was written until then."""
    return Answer(reply.status, reply.headers, reply.body, "".join(written(front).values()))


def written(front: RunningGateway) -> dict[str, str]:
    """Return all that the front and its functions wrote, by the file's name."""
    return {file.name: file.read_text(encoding="utf-8") for file in (front.folder / "logs").iterdir()}
