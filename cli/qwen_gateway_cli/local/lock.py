"""One command at a time may start or stop the local stack of a repository."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qwen_gateway_cli.console import refuse


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock, or refuse at once. The system releases it with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refuse("Another `qwen-gateway up` or `down` is at work in this folder: wait for it, or end it with Ctrl-C.")
        yield
