"""Preconditions of `up`: no other command at work, a valid configuration, the tools and a free port."""

import fcntl
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.prices.schema import check_configuration


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock that only one command may hold, or fail immediately.

    The operating system releases it when the process ends, however that happens.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refuse("Another `qwen-gateway up` or `down` is running in this folder: wait for it, or end it with Ctrl-C.")
        yield


def check(layout: Layout, port: int) -> Path:
    """Check configuration, tools and port, and return the path of uv. Every error message contains the remedy."""
    check_configuration()
    for tool in (layout.sam, layout.ministack, layout.runtime_python):
        if not tool.exists():
            refuse(f"{tool} is missing: run `make .venv` in {layout.root}.")
    if shutil.which("make") is None:
        refuse("make is missing, and the layer is built with it: install it (Debian: apt-get install make).")
    if port:
        _check_port(port)
    return _find_uv(layout)


def _check_port(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as failure:
        refuse(f"Port {port} cannot be used ({failure.strerror}): choose another with --port, or none for a free one.")


def _find_uv(layout: Layout) -> Path:
    found = shutil.which("uv")
    if found is not None:
        return Path(found)
    if not layout.own_uv.exists():
        refuse(f"uv is missing: run `make .venv` in {layout.root}.")
    return layout.own_uv
