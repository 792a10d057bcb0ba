"""What `up` prints at its end: where the gateway answers, and lines that work when pasted."""

import json

from qwen_gateway_cli.local.stackfile import LocalStack

_MODEL = "qwen-plus"
_QUESTION = [{"role": "user", "content": "Who are you?"}]


def text(stack: LocalStack, upstream: str, ending: str) -> str:
    """Return the lines for a person; `ending` says how the stack is stopped."""
    return "\n".join(
        (
            "",
            f"The gateway answers at {stack.base_url} and calls {upstream}.",
            "",
            "With curl:",
            "",
            curl(stack),
            "",
            "With the openai package for Python:",
            "",
            python(stack),
            "",
            ending,
        )
    )


def curl(stack: LocalStack) -> str:
    """Return one shell command that asks the gateway a question."""
    body = json.dumps({"model": _MODEL, "messages": _QUESTION})
    return (
        f"curl {stack.base_url}/chat/completions -H 'Content-Type: application/json' "
        f"-H 'Authorization: Bearer {stack.api_key}' -d '{body}'"
    )


def python(stack: LocalStack) -> str:
    """Return Python lines that ask the gateway a question."""
    return "\n".join(
        (
            "from openai import OpenAI",
            f'client = OpenAI(base_url="{stack.base_url}", api_key="{stack.api_key}")',
            f'answer = client.chat.completions.create(model="{_MODEL}", messages={json.dumps(_QUESTION)})',
            "print(answer.choices[0].message.content)",
        )
    )
