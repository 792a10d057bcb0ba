"""A chat request, with the fields that the mock uses."""

import functools
from collections.abc import Iterator
from typing import Any

from qwen_gateway_cli.local.mock_qwen.models import Model

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_MEDIA_PART = 256
MEDIA_KEYS = frozenset({"image_url", "video_url", "video", "input_audio"})


class ChatRequest:
    """A received chat request from any JSON object; fields of a wrong type count as absent."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def __getitem__(self, name: str) -> Any:
        return self.body.get(name)

    @property
    def model_name(self) -> Any:
        """The requested model."""
        return self["model"]

    @property
    def streamed(self) -> bool:
        """Whether a stream is requested."""
        return self["stream"] is True

    @property
    def includes_usage(self) -> bool:
        """Whether a stream has to end with a usage chunk."""
        options = self["stream_options"]
        return isinstance(options, dict) and options.get("include_usage") is True

    @functools.cached_property
    def messages(self) -> list[dict[str, Any]]:
        """The messages that are objects."""
        return _filter_objects(self["messages"])

    @functools.cached_property
    def functions(self) -> dict[str, dict[str, Any]]:
        """The JSON schema of each function among the tools, by name."""
        functions = [
            tool["function"] for tool in _filter_objects(self["tools"]) if isinstance(tool.get("function"), dict)
        ]
        return {
            function["name"]: function["parameters"] if isinstance(function.get("parameters"), dict) else {}
            for function in functions
            if isinstance(function.get("name"), str)
        }

    @property
    def forced_function(self) -> str | None:
        """The function that `tool_choice` forces."""
        choice = self["tool_choice"]
        function = choice.get("function") if isinstance(choice, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        return name if isinstance(name, str) else None

    @property
    def forces_tool(self) -> bool:
        """Whether `tool_choice` forces a tool call."""
        return self["tool_choice"] == "required" or self.forced_function is not None

    @property
    def ends_with_tool_result(self) -> bool:
        """Whether the last message is a tool's result."""
        return bool(self.messages) and self.messages[-1].get("role") == "tool"

    @property
    def tool_results(self) -> int:
        """The number of tools' results in the conversation."""
        return sum(message.get("role") == "tool" for message in self.messages)

    @property
    def response_format(self) -> dict[str, Any]:
        """The response format, or an empty object."""
        response_format = self["response_format"]
        return response_format if isinstance(response_format, dict) else {}

    @property
    def choice_count(self) -> int:
        """The number of requested choices."""
        return self["n"] or 1

    def enables_thinking(self, model: Model) -> bool:
        """Return whether `model` thinks for this request."""
        if model.thinking == "always":
            return True
        if model.efforts and self["reasoning_effort"] is not None:
            return bool(self["reasoning_effort"] != "none")
        enabled = self["enable_thinking"]
        return enabled if isinstance(enabled, bool) else model.thinking == "on"

    @property
    def last_text(self) -> str:
        """The text of the last message of a user or a tool."""
        for message in reversed(self.messages):
            if message.get("role") in ("user", "tool"):
                return " ".join(_iterate_texts(message))
        return ""

    @property
    def texts(self) -> Iterator[str]:
        """Every text of the messages."""
        for message in self.messages:
            yield from _iterate_texts(message)

    @functools.cached_property
    def prompt_tokens(self) -> int:
        """One token per four bytes of text, and a fixed count per message and per image, video or audio part."""
        counted = [self["messages"], self["tools"], self["response_format"]]
        return TOKENS_PER_MESSAGE * len(self.messages) + count_tokens(_text_size(counted))

    @property
    def uses_explicit_cache(self) -> bool:
        """Whether any part of the request has `cache_control`."""
        nodes = _walk([self["messages"], self["tools"]])
        return any(isinstance(node, dict) and "cache_control" in node for node in nodes)


def count_tokens(size: int) -> int:
    """Return the tokens of `size` bytes of text."""
    return -(-size // BYTES_PER_TOKEN)


def encode_utf8(text: str) -> bytes:
    """Encode text as UTF-8; a lone surrogate, which is valid in JSON only, becomes a question mark."""
    return text.encode("utf-8", "replace")


def _filter_objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _iterate_texts(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in _filter_objects(content):
        if isinstance(part.get("text"), str):
            yield part["text"]


def _text_size(value: object) -> int:
    return sum(
        len(encode_utf8(node))
        if isinstance(node, str)
        else BYTES_PER_TOKEN * TOKENS_PER_MEDIA_PART * len(MEDIA_KEYS & node.keys())
        for node in _walk(value)
        if isinstance(node, str | dict)
    )


def _walk(value: object) -> Iterator[object]:
    """Yield every nested value except media. Iterative, because a request may be nested to any depth."""
    remaining = [value]
    while remaining:
        node = remaining.pop()
        yield node
        if isinstance(node, list):
            remaining.extend(node)
        elif isinstance(node, dict):
            remaining.extend(item for key, item in node.items() if key not in MEDIA_KEYS)
