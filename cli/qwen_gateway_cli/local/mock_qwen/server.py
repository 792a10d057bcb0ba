"""The mock as a server: a program of the local stack, or a thread in tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn

from qwen_gateway_cli.local.mock_qwen.app import create_app
from qwen_gateway_cli.local.mock_qwen.connection import TransportProtocol
from qwen_gateway_cli.local.mock_qwen.control import Control
from qwen_gateway_cli.local.sockets import listen, url_of

_KEEP_ALIVE_S = 75
_SHUTDOWN_TIMEOUT_S = 1


def create_server(control: Control) -> uvicorn.Server:
    """Return a server that is not running yet. It shuts down within a second, even while calls hang."""
    return uvicorn.Server(
        uvicorn.Config(
            create_app(control),
            http=TransportProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_S,
        )
    )


class RunningMockQwen:
    """A client of a running mock's control interface. `url` is the mock's root, without a path."""

    def __init__(self, http: httpx2.Client) -> None:
        self.url = str(http.base_url).rstrip("/")
        self._http = http

    def control(self, document: dict[str, Any]) -> None:
        """Set fields of the control document. Raises HTTPStatusError for an invalid one."""
        self._http.put("/_control", json=document).raise_for_status()

    def state(self) -> dict[str, Any]:
        """Return the settings, with the remaining times of each fault, and the calls."""
        document: dict[str, Any] = self._http.get("/_control").raise_for_status().json()
        return document

    def calls(self) -> list[dict[str, Any]]:
        """Return the chat calls received since the last reset, oldest first."""
        calls: list[dict[str, Any]] = self.state()["calls"]
        return calls

    def reset(self) -> None:
        """Reset settings and faults, and delete the calls."""
        self._http.delete("/_control").raise_for_status()


@contextmanager
def run_mock_qwen(host: str = "127.0.0.1") -> Iterator[RunningMockQwen]:
    """Run a mock in a thread of this process, on a free port."""
    with listen(host, 0) as listener:
        root = url_of(listener)
        server = create_server(Control())
        thread = threading.Thread(target=server.run, args=([listener],), name="mock Qwen", daemon=True)
        thread.start()
        try:
            with httpx2.Client(base_url=root, trust_env=False) as http:
                yield RunningMockQwen(http)
        finally:
            server.should_exit = True
            thread.join()
