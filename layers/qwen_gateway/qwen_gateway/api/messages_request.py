"""A request for Anthropic's Messages.

Roles and contents of messages are left to the provider: clients send more of them than Anthropic documents.
"""

from typing import Annotated, Any, NamedTuple

from pydantic import Field

from qwen_gateway.api.fields import Count, Each, Fields, Name, Switch, validate
from qwen_gateway.api.request import parse_json_object


class _Message(Fields):
    """Any object."""


class CountTokensFields(Fields):
    """The validated fields of a request whose tokens are to be counted."""

    model: Name
    messages: Annotated[Each[_Message], Field(min_length=1)]


class MessagesFields(CountTokensFields):
    """The validated fields of a request for a message; docs/openapi.json is generated from them."""

    max_tokens: Count
    stream: Switch | None = None


class MessagesRequest(NamedTuple):
    """The client's model name, and the body as it was sent."""

    model: str
    body: dict[str, Any]

    @property
    def streams(self) -> bool:
        """Whether the client asks for a stream."""
        return bool(self.body.get("stream"))

    @classmethod
    def parse(cls, raw: bytes) -> "MessagesRequest":
        """Parse the body of a request for a message.

        Raises:
            RequestInvalid: it is not a JSON object, or a validated field is invalid.
        """
        return cls._parse(MessagesFields, raw)

    @classmethod
    def parse_to_count(cls, raw: bytes) -> "MessagesRequest":
        """Parse the body of a request whose tokens are to be counted; see `parse`."""
        return cls._parse(CountTokensFields, raw)

    @classmethod
    def _parse(cls, kind: type[CountTokensFields], raw: bytes) -> "MessagesRequest":
        body = parse_json_object(raw)
        return cls(validate(kind, body).model, body)
