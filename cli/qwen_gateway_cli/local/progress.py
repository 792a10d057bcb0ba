"""One line a step, with the seconds that it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from qwen_gateway_cli.console import err

_WIDTH = 40


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show a step while it lasts, and its line once it is done."""
    began = time.monotonic()
    with err.status(title):
        yield
    err.print(f"  {title:<{_WIDTH}} {time.monotonic() - began:5.1f} s", markup=False)
