"""The stand-in as a server: a program of the local stack, or a thread of a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn

from qwen_gateway_cli.local.listening import listen, url
from qwen_gateway_cli.local.provider.app import application
from qwen_gateway_cli.local.provider.connection import BreakableProtocol
from qwen_gateway_cli.local.provider.control import Control

_KEEP_ALIVE_S = 75
_GRACE_S = 1


def server(control: Control) -> uvicorn.Server:
    """Return a server for the stand-in, not yet running. Once told to end it is gone in a second, whatever hangs."""
    return uvicorn.Server(
        uvicorn.Config(
            application(control),
            http=BreakableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )


class RunningProvider:
    """A stand-in that runs at `url`, a root without a path. Tests steer it through the interface that anybody has."""

    def __init__(self, http: httpx2.Client) -> None:
        self.url = str(http.base_url).rstrip("/")
        self._http = http

    def control(self, document: dict[str, Any]) -> None:
        """Set fields of the control document; a refused one raises HTTPStatusError."""
        self._http.put("/_control", json=document).raise_for_status()

    def state(self) -> dict[str, Any]:
        """Return the settings, with the times left of each fault, and the calls."""
        document: dict[str, Any] = self._http.get("/_control").raise_for_status().json()
        return document

    def calls(self) -> list[dict[str, Any]]:
        """Return the chat calls received since the last reset, oldest first."""
        calls: list[dict[str, Any]] = self.state()["calls"]
        return calls

    def reset(self) -> None:
        """Forget settings, faults and calls."""
        self._http.delete("/_control").raise_for_status()


@contextmanager
def running_provider(host: str = "127.0.0.1") -> Iterator[RunningProvider]:
    """Run a stand-in in a thread of this process, on a free port."""
    with listen(host, 0) as listener:
        root = url(listener)
        running = server(Control())
        thread = threading.Thread(target=running.run, args=([listener],), name="stand-in provider", daemon=True)
        thread.start()
        try:
            with httpx2.Client(base_url=root, trust_env=False) as http:
                yield RunningProvider(http)
        finally:
            running.should_exit = True
            thread.join()
