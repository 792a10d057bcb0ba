"""The stand-in as a running server: in a thread of a test, or as a program of the local stack."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn

from qwen_gateway_cli.local.listening import listen, url
from qwen_gateway_cli.local.provider.app import application
from qwen_gateway_cli.local.provider.connection import BreakableProtocol
from qwen_gateway_cli.local.provider.control import Control

LEAVE_S = 1
"""Seconds that open calls get when the server ends."""


def server(control: Control) -> uvicorn.Server:
    """A server for the stand-in, not yet running."""
    config = uvicorn.Config(
        application(control),
        http=BreakableProtocol,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=LEAVE_S,
    )
    return uvicorn.Server(config)


class RunningProvider:
    """A stand-in that runs; tests steer it through the interface that anybody has."""

    def __init__(self, root: str) -> None:
        self.url = root
        self._http = httpx2.Client(base_url=root, trust_env=False)

    def control(self, document: dict[str, Any]) -> None:
        """Set fields of the control document; a refused one raises HTTPStatusError."""
        self._http.put("/_control", content=json.dumps(document)).raise_for_status()

    def state(self) -> dict[str, Any]:
        """Return the control document."""
        document: dict[str, Any] = self._http.get("/_control").json()
        return document

    def calls(self) -> list[dict[str, Any]]:
        """Return the chat calls that were received, oldest first."""
        calls: list[dict[str, Any]] = self.state()["calls"]
        return calls

    def reset(self) -> None:
        """Forget settings, faults and calls."""
        self._http.delete("/_control")


@contextmanager
def running_provider(host: str = "127.0.0.1") -> Generator[RunningProvider]:
    """Run a stand-in in a thread of this process, on a free port."""
    listener = listen(host, 0)
    running = server(Control())
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield RunningProvider(url(listener))
    finally:
        running.should_exit = True
        thread.join()
        listener.close()
