"""What `up` prints: one line per step, and at the end the gateway's address with examples to paste."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from qwen_gateway_cli.console import err
from qwen_gateway_cli.stackfile import LocalStack

_STEP_WIDTH = 40
_MODEL = "qwen-plus"
_MESSAGES = [{"role": "user", "content": "Who are you?"}]


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
            "With curl:",
            "",
            format_curl_example(stack),
            "",
            "With the openai package for Python:",
            "",
            format_python_example(stack),
            "",
            how_to_stop,
        )
    )


def format_curl_example(stack: LocalStack) -> str:
    """Return one shell command that sends a chat request to the gateway."""
    body = json.dumps({"model": _MODEL, "messages": _MESSAGES})
    return (
        f"curl {stack.base_url}/chat/completions -H 'Content-Type: application/json' "
        f"-H 'Authorization: Bearer {stack.api_key}' -d '{body}'"
    )


def format_python_example(stack: LocalStack) -> str:
    """Return Python lines that send a chat request to the gateway."""
    return "\n".join(
        (
            "from openai import OpenAI",
            f'client = OpenAI(base_url="{stack.base_url}", api_key="{stack.api_key}")',
            f'answer = client.chat.completions.create(model="{_MODEL}", messages={json.dumps(_MESSAGES)})',
            "print(answer.choices[0].message.content)",
        )
    )
