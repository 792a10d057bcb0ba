"""Chat requests as clients send them."""

from typing import Any


def chat_request(**fields: Any) -> dict[str, Any]:
    """Return the smallest good request, with `fields` put in or replaced."""
    return {"model": "qwen-plus", "messages": [{"role": "user", "content": "Say hello."}], **fields}
