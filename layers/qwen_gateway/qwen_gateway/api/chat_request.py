"""A chat request: the fields that the gateway uses are validated, everything else is passed on verbatim.

Types and ranges are validated where OpenAI and Qwen agree.
"""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag

from qwen_gateway.api.fields import Count, Each, Fields, Name, Number, Switch, Text, merge_extra_body, validate
from qwen_gateway.api.request import parse_json_object


class _Part(Fields):
    type: Text


def _kind(content: object) -> str:
    """Return the form of a content, so that an error message is about that form."""
    return "<parts>" if isinstance(content, list) else "<text>"


_Content = Annotated[Annotated[Text, Tag("<text>")] | Annotated[Each[_Part], Tag("<parts>")], Discriminator(_kind)]


class _Message(Fields):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: _Content | None = None


class _StreamOptions(Fields):
    include_usage: Switch | None = None


class _Function(Fields):
    name: Name


class _Tool(Fields):
    type: Text = "function"
    function: _Function | None = None


class _ResponseFormat(Fields):
    type: Literal["text", "json_object", "json_schema"]


class ChatFields(Fields):
    """The validated fields of a chat request; docs/openapi.json is generated from them."""

    model: Name
    messages: Annotated[Each[_Message], Field(min_length=1)]
    stream: Switch | None = None
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=4)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    tools: Each[_Tool] | None = None
    response_format: _ResponseFormat | None = None


class ChatRequest(NamedTuple):
    """The client's model name, and the body as it was sent, with the fields of `extra_body` merged into it."""

    model: str
    body: dict[str, Any]

    @property
    def streams(self) -> bool:
        """Whether the client asks for a stream."""
        return bool(self.body.get("stream"))

    @classmethod
    def parse(cls, raw: bytes) -> "ChatRequest":
        """Parse a body.

        Raises:
            RequestInvalid: it is not a JSON object, or a validated field is invalid.
        """
        return cls.validate(parse_json_object(raw))

    @classmethod
    def validate(cls, body: dict[str, Any]) -> "ChatRequest":
        """Validate a JSON object. The fields of an `extra_body` count as fields of the request.

        Raises:
            RequestInvalid: a validated field is invalid.
        """
        body = merge_extra_body(body)
        return cls(validate(ChatFields, body).model, body)
