"""A request for OpenAI's Responses: the fields that the gateway uses are validated, everything else is passed on.

The provider judges the items of the input and the tools: clients send more of them than one of them documents.
"""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Discriminator, Field, Tag

from qwen_gateway.api.fields import Count, Each, Fields, Name, Number, Switch, Text, merge_extra_body, validate
from qwen_gateway.api.request import parse_json_object
from qwen_gateway.errors import RequestInvalid, ResponseUnknown


class _Item(Fields):
    type: Text | None = None


class _Tool(Fields):
    type: Text


def _kind(value: object) -> str:
    """Return the form of an input, so that an error message is about that form."""
    return "<items>" if isinstance(value, list) else "<text>"


_Input = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[Annotated[Each[_Item], Field(min_length=1)], Tag("<items>")],
    Discriminator(_kind),
]


class ResponsesFields(Fields):
    """The validated fields of a request; docs/openapi.json is generated from them."""

    model: Name
    input: _Input
    stream: Switch | None = None
    store: Switch | None = None
    background: Switch | None = None
    instructions: Text | None = None
    previous_response_id: Text | None = None
    max_output_tokens: Count | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    tools: Each[_Tool] | None = None


class ResponsesRequest(NamedTuple):
    """The client's model name, and the body as it was sent, with the fields of `extra_body` merged into it."""

    model: str
    body: dict[str, Any]

    @property
    def streams(self) -> bool:
        """Whether the client asks for a stream."""
        return bool(self.body.get("stream"))

    @property
    def previous_response_id(self) -> str | None:
        """The response that this one continues."""
        return self.body.get("previous_response_id")

    @property
    def references(self) -> list[str]:
        """The ids of parts of earlier responses to which the input refers, in place of their content."""
        return [item["id"] for item in _list_items(self.body) if _is_reference(item)]

    def with_parts(self, parts: Mapping[str, Any]) -> "ResponsesRequest":
        """Return this request with the content of the parts, by their ids."""
        items = [parts[item["id"]] if _is_reference(item) else item for item in _list_items(self.body)]
        return self._replace(body={**self.body, "input": items})

    @property
    def is_stored(self) -> bool:
        """Whether the provider keeps the response, as it does by default."""
        return self.body.get("store") is not False

    @classmethod
    def parse(cls, raw: bytes) -> "ResponsesRequest":
        """Parse a body.

        Raises:
            RequestInvalid: it is not a JSON object, a validated field is invalid, or it asks for what is not served.
            ResponseUnknown: it names a conversation.
        """
        body = merge_extra_body(parse_json_object(raw))
        request = cls(validate(ResponsesFields, body).model, body)
        _check_state(body)
        return request


def _check_state(body: dict[str, Any]) -> None:
    if body.get("background"):
        message = (
            "background is not served: the provider answers only while the client waits. Leave it out, and stream the "
            "answer if it takes long."
        )
        raise RequestInvalid(message, param="background")
    if body.get("conversation"):
        # All conversations of the provider's account are in reach of its key, and no key of the gateway made any.
        message = "Conversation not found: conversations are not served here. Continue with previous_response_id."
        raise ResponseUnknown(message, param="conversation")


def _list_items(body: Mapping[str, Any]) -> list[Any]:
    return body["input"] if isinstance(body["input"], list) else []


def _is_reference(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "item_reference" and isinstance(item.get("id"), str)
