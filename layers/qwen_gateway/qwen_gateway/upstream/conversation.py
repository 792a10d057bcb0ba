"""What a chat request brings and asks for. Whatever has not the form that it should have is passed over."""

from collections.abc import Iterator, Mapping
from typing import Any


def messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages that are objects."""
    return _objects(body.get("messages"))


def parts(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts of every message whose content consists of parts."""
    for message in messages(body):
        yield from _objects(message.get("content"))


def texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text of every message's content."""
    for message in messages(body):
        if isinstance(message.get("content"), str):
            yield message["content"]
    for part in parts(body):
        if isinstance(part.get("text"), str):
            yield part["text"]


def forces_tool(body: Mapping[str, Any]) -> bool:
    """Whether some tool has to be called."""
    choice = body.get("tool_choice")
    return choice == "required" or isinstance(choice, Mapping)


def format_asked(body: Mapping[str, Any]) -> str | None:
    """Return the type of the response_format: `json_object`, `json_schema` or `text`."""
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    return kind if isinstance(kind, str) else None


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
