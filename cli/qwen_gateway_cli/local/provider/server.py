"""The stand-in as a server: on a port of its own for the local stack, or in a thread for tests."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from qwen_gateway_cli.local.provider.app import application
from qwen_gateway_cli.local.provider.connection import BreakableProtocol
from qwen_gateway_cli.local.provider.control import Control

_LOOPBACK = "127.0.0.1"
_KEEP_ALIVE_S = 60
_LAST_WORDS_S = 1
_CONTROL_TIMEOUT_S = 10


def listen(port: int) -> socket.socket:
    """Return a socket that listens on the loopback interface; 0 takes a free port.

    Raises:
        OSError: the port is taken.
    """
    return socket.create_server((_LOOPBACK, port), backlog=2048)


def url_of(listener: socket.socket) -> str:
    """Return the root URL of a listening socket, without a path."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def server() -> uvicorn.Server:
    """Return a server of a stand-in that was told nothing yet. It ends within about a second, hanging calls or not."""
    return uvicorn.Server(
        uvicorn.Config(
            application(Control()),
            http=BreakableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_LAST_WORDS_S,
        )
    )


class RunningProvider:
    """A stand-in that serves at `url`. Its methods use the control interface, as anybody would."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, settings: dict[str, Any]) -> None:
        """Set what `settings` names (ARCHITECTURE's control document); the rest stays.

        Raises:
            ValueError: a setting is unknown, or of the wrong type or range.
        """
        self._ask("PUT", settings)

    def calls(self) -> list[dict[str, Any]]:
        """Return the chat calls received since the last reset, oldest first."""
        received: list[dict[str, Any]] = self._ask("GET")["calls"]
        return received

    def reset(self) -> None:
        """Forget settings, faults and calls."""
        self._ask("DELETE")

    def _ask(self, method: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=_CONTROL_TIMEOUT_S)
        try:
            connection.request(method, "/_control", body=None if document is None else json.dumps(document))
            answer = connection.getresponse()
            told: dict[str, Any] = json.load(answer)
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise ValueError(told["error"])
        return told


@contextmanager
def running_provider() -> Iterator[RunningProvider]:
    """Run a stand-in on a free port in a thread of this process, for as long as the context lasts."""
    with listen(0) as listener:
        running = server()
        thread = threading.Thread(target=running.run, args=([listener],), name="stand-in provider", daemon=True)
        url = url_of(listener)
        thread.start()
        try:
            yield RunningProvider(url)
        finally:
            running.should_exit = True
            thread.join()
