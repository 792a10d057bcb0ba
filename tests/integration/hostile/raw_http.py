"""Raw HTTP over a socket: send bytes, parse the response."""

import http.client
import socket
import time
from urllib.parse import urlsplit

from tests.integration.apigateway.gateways import Reply, RunningGateway
from tests.integration.hostile.responses import LoggedResponse

TIMEOUT_S = 20


def send(front: RunningGateway, *pieces: bytes, pause_s: float = 0) -> bytes:
    """Send these bytes, piece by piece, and return everything received until the server closes."""
    address = urlsplit(front.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=TIMEOUT_S) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)
        received = b""
        while got := connection.recv(65_536):
            received += got
        return received


def parse_response(front: RunningGateway, received: bytes) -> LoggedResponse:
    """Parse the received bytes as one response."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(received)
        theirs.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(ours)
        response.begin()
        return add_logs(front, Reply(response.status, response.getheaders(), response.read()))


def add_logs(front: RunningGateway, reply: Reply) -> LoggedResponse:
    """Return a reply with everything logged so far."""
    return LoggedResponse(reply.status, reply.headers, reply.body, "".join(read_logs(front).values()))


def read_logs(front: RunningGateway) -> dict[str, str]:
    """Return the contents of all log files, by file name."""
    return {file.name: file.read_text(encoding="utf-8") for file in (front.folder / "logs").iterdir()}
