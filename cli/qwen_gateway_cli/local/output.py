"""What `up` prints: one line per step, and at the end the gateway's address with examples to paste."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from qwen_gateway_cli.console import err
from qwen_gateway_cli.examples import format_examples
from qwen_gateway_cli.stackfile import LocalStack

_STEP_WIDTH = 40


@contextmanager
def show_step(title: str) -> Iterator[None]:
    """Show a step while it runs, and its duration when it succeeds."""
    started = time.monotonic()
    with err.status(title):
        yield
    err.print(f"  {title:<{_STEP_WIDTH}} {time.monotonic() - started:5.1f} s", markup=False)


def format_summary(stack: LocalStack, provider: str, how_to_stop: str) -> str:
    """Return the gateway's address, its provider, the examples and how to stop the stack."""
    return "\n".join(
        (
            "",
            f"The gateway answers at {stack.base_url} and calls {provider}.",
            "",
            format_examples(stack.base_url, stack.api_key),
            "",
            how_to_stop,
        )
    )
