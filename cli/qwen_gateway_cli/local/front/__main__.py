"""Run the front: `python -m qwen_gateway_cli.local.front SETTINGS.json`.

It prints `{"url": "http://127.0.0.1:PORT"}` as one line when it listens, and ends with its processes on SIGTERM.
"""

import json
import logging
import socket
import sys
from pathlib import Path

import uvicorn

from qwen_gateway_cli.local.front.gateway import Gateway
from qwen_gateway_cli.local.front.protocol import Protocol
from qwen_gateway_cli.local.front.settings import FrontSettings
from qwen_gateway_cli.local.listening import listen, url

KEEP_ALIVE_S = 75
"""Longer than clients keep an idle connection, so that none finds it closed just as it sends."""

MAX_HEAD_READ_BYTES = 2 * 1024 * 1024
"""Far more than is accepted: a client that is cut off while it sends does not read why."""


class Front(uvicorn.Server):
    """The server of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        super().__init__(
            uvicorn.Config(
                gateway,
                loop="asyncio",
                http=Protocol,
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
        """End the functions first: the calls that they hold up would hold up the server."""
        await self._gateway.close()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until a signal comes."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    settings = FrontSettings.read(Path(sys.argv[1]))
    gateway = Gateway(settings)
    try:
        listener = listen("127.0.0.1", settings.port)
    except OSError as error:
        sys.exit(f"Port {settings.port} cannot be had: {error.strerror}. Choose another one, or 0 for any.")
    sys.stdout.write(json.dumps({"url": url(listener)}) + "\n")
    sys.stdout.flush()
    Front(gateway).run([listener])


if __name__ == "__main__":
    main()
