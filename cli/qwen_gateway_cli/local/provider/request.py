"""What the stand-in reads out of a chat request."""

import functools
from collections.abc import Iterator
from typing import Any

from qwen_gateway_cli.local.provider.models import Model

BYTES_A_TOKEN = 4
TOKENS_A_MESSAGE = 4
TOKENS_A_MEDIUM = 256
MEDIA = frozenset({"image_url", "video_url", "video", "input_audio"})
FORCED = "required"


class ChatRequest:
    """A received chat request. Any JSON object will do: what is missing or of the wrong type reads as absent."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def __getitem__(self, name: str) -> Any:
        return self.body.get(name)

    @property
    def model_name(self) -> Any:
        """The model as the client named it."""
        return self["model"]

    @property
    def streamed(self) -> bool:
        """Whether the answer is to come in events."""
        return self["stream"] is True

    @property
    def usage_asked(self) -> bool:
        """Whether a stream is to end in a chunk of usage."""
        options = self["stream_options"]
        return isinstance(options, dict) and options.get("include_usage") is True

    @functools.cached_property
    def messages(self) -> list[dict[str, Any]]:
        """The messages that are objects."""
        return _objects(self["messages"])

    @functools.cached_property
    def functions(self) -> dict[str, dict[str, Any]]:
        """Name of each function offered as a tool -> its JSON schema."""
        offered = [tool["function"] for tool in _objects(self["tools"]) if isinstance(tool.get("function"), dict)]
        return {
            function["name"]: function["parameters"] if isinstance(function.get("parameters"), dict) else {}
            for function in offered
            if isinstance(function.get("name"), str)
        }

    @property
    def forced_function(self) -> str | None:
        """The function that `tool_choice` names."""
        choice = self["tool_choice"]
        function = choice.get("function") if isinstance(choice, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        return name if isinstance(name, str) else None

    @property
    def forces_a_tool(self) -> bool:
        """Whether some tool has to be called."""
        return self["tool_choice"] == FORCED or self.forced_function is not None

    @property
    def ends_in_tool_result(self) -> bool:
        """Whether a tool spoke last."""
        return bool(self.messages) and self.messages[-1].get("role") == "tool"

    @property
    def response_format(self) -> dict[str, Any]:
        """The asked format, or an empty object."""
        wanted = self["response_format"]
        return wanted if isinstance(wanted, dict) else {}

    @property
    def choices(self) -> int:
        """How many answers are asked for."""
        return self["n"] or 1

    def thinks(self, model: Model) -> bool:
        """Whether `model` thinks before it answers this request."""
        if model.thinking == "always":
            return True
        if model.efforts and self["reasoning_effort"] is not None:
            return bool(self["reasoning_effort"] != "none")
        asked = self["enable_thinking"]
        return asked if isinstance(asked, bool) else model.thinking == "on"

    @property
    def last_text(self) -> str:
        """The text of the last message that a user or a tool wrote."""
        for message in reversed(self.messages):
            if message.get("role") in ("user", "tool"):
                return " ".join(_texts(message))
        return ""

    @property
    def texts(self) -> Iterator[str]:
        """Every text of the conversation."""
        for message in self.messages:
            yield from _texts(message)

    @functools.cached_property
    def prompt_tokens(self) -> int:
        """Four bytes of text a token, and a fixed count for each message and each image, video or sound."""
        read = [self["messages"], self["tools"], self["response_format"]]
        return TOKENS_A_MESSAGE * len(self.messages) + tokens(_size(read))

    @property
    def marks_cache(self) -> bool:
        """Whether the request asks for DashScope's explicit cache anywhere."""
        nodes = _nodes([self["messages"], self["tools"]])
        return any(isinstance(node, dict) and "cache_control" in node for node in nodes)


def tokens(size: int) -> int:
    """Tokens that the stand-in counts for `size` bytes of text."""
    return -(-size // BYTES_A_TOKEN)


def utf8(text: str) -> bytes:
    """`text` in UTF-8. Half a surrogate pair, which JSON can carry and UTF-8 cannot, becomes a question mark."""
    return text.encode("utf-8", "replace")


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in _objects(content):
        if isinstance(part.get("text"), str):
            yield part["text"]


def _size(value: object) -> int:
    return sum(
        len(utf8(node)) if isinstance(node, str) else BYTES_A_TOKEN * TOKENS_A_MEDIUM * len(MEDIA & node.keys())
        for node in _nodes(value)
        if isinstance(node, str | dict)
    )


def _nodes(value: object) -> Iterator[object]:
    """Every value inside `value`, media left out. Without recursion: a request may be nested to any depth."""
    left = [value]
    while left:
        node = left.pop()
        yield node
        if isinstance(node, list):
            left.extend(node)
        elif isinstance(node, dict):
            left.extend(item for key, item in node.items() if key not in MEDIA)
