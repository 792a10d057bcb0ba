"""Serve the emulated API: `python -m qwen_gateway_cli.local.apigateway SETTINGS.json`.

The program prints `{"url": "http://127.0.0.1:PORT"}` as one line when it listens. SIGTERM ends it and its function
processes.
"""

import json
import logging
import socket
import sys
from pathlib import Path
from typing import cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from qwen_gateway_cli.local.apigateway.gateway import Gateway
from qwen_gateway_cli.local.apigateway.settings import GatewaySettings
from qwen_gateway_cli.local.sockets import listen, url_of

KEEP_ALIVE_S = 75
"""Longer than clients keep an idle connection, so that the server never closes one while a client sends."""

MAX_HEAD_READ_BYTES = 2 * 1024 * 1024
"""Far above the accepted size: a client that is disconnected while it sends does not read the error response."""


class GatewayProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with the template's error body for requests that cannot be parsed."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's message is plain text
        """Send the gateway's error response and close the connection."""
        response = cast("Gateway", self.config.app).malformed_request_response()
        head = h11.Response(
            status_code=response.status_code, headers=[*response.raw_headers, (b"connection", b"close")]
        )
        for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class GatewayServer(uvicorn.Server):
    """The HTTP server of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        super().__init__(
            uvicorn.Config(
                gateway,
                loop="asyncio",
                http=GatewayProtocol,
                h11_max_incomplete_event_size=MAX_HEAD_READ_BYTES,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.WARNING,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop the functions before the server, which would otherwise wait for their open invocations."""
        await self._gateway.close()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until a signal arrives."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    settings = GatewaySettings.read(Path(sys.argv[1]))
    gateway = Gateway(settings)
    try:
        listener = listen("127.0.0.1", settings.port)
    except OSError as error:
        sys.exit(f"Port {settings.port} cannot be used: {error.strerror}. Choose another port, or 0 for a free one.")
    sys.stdout.write(json.dumps({"url": url_of(listener)}) + "\n")
    sys.stdout.flush()
    GatewayServer(gateway).run([listener])


if __name__ == "__main__":
    main()
