"""What has to be right before anything is started; each refusal says what helps."""

import shutil
import socket
from pathlib import Path

from qwen_gateway import config
from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local.layout import Layout


def check(layout: Layout, port: int) -> Path:
    """Check configuration, tools and port, and return where uv stands."""
    config.parse("")
    for tool in (layout.sam, layout.ministack, layout.runtime_python):
        if not tool.exists():
            refuse(f"{tool} is missing: run `make .venv` in {layout.root}.")
    if shutil.which("make") is None:
        refuse("make is missing, and the layer is built with it: install it (Debian: apt-get install make).")
    if port:
        _refuse_taken(port)
    return _uv(layout)


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _refuse_taken(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as failure:
        refuse(f"Port {port} cannot be used ({failure.strerror}): choose another with --port, or none for a free one.")


def _uv(layout: Layout) -> Path:
    found = shutil.which("uv")
    if found is not None:
        return Path(found)
    if not layout.own_uv.exists():
        refuse(f"uv is missing: run `make .venv` in {layout.root}.")
    return layout.own_uv
