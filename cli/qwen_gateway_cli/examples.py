"""Examples to paste: a curl line and Python lines that send a chat request. `up` and `make deploy` print them."""

import json

KEY_VARIABLE = "QWEN_GATEWAY_KEY"
"""Environment variable that holds the token, for a gateway whose token is not known here."""

_MODEL = "qwen-plus"
_MESSAGES = [{"role": "user", "content": "Who are you?"}]


def format_examples(base_url: str, api_key: str | None = None) -> str:
    """Return the examples with their headings. Without `api_key` they read it from `KEY_VARIABLE`."""
    return "\n".join(
        (
            "With curl:",
            "",
            format_curl_example(base_url, api_key),
            "",
            "With the openai package for Python:",
            "",
            format_python_example(base_url, api_key),
        )
    )


def format_curl_example(base_url: str, api_key: str | None = None) -> str:
    """Return one shell command that sends a chat request to the gateway."""
    key = api_key or f"${KEY_VARIABLE}"
    body = json.dumps({"model": _MODEL, "messages": _MESSAGES})
    return (
        f"curl {base_url}/chat/completions -H 'Content-Type: application/json' "
        f"-H \"Authorization: Bearer {key}\" -d '{body}'"
    )


def format_python_example(base_url: str, api_key: str | None = None) -> str:
    """Return Python lines that send a chat request to the gateway."""
    key = f'"{api_key}"' if api_key else f'os.environ["{KEY_VARIABLE}"]'
    lines = (
        "from openai import OpenAI",
        f'client = OpenAI(base_url="{base_url}", api_key={key})',
        f'answer = client.chat.completions.create(model="{_MODEL}", messages={json.dumps(_MESSAGES)})',
        "print(answer.choices[0].message.content)",
    )
    return "\n".join(lines if api_key else ("import os", *lines))
