"""A request for embeddings: texts or token ids, one or many."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag

from qwen_gateway.api.fields import Count, Each, Fields, Name, merge_extra_body, validate
from qwen_gateway.api.request import parse_json_object

_TokenId = Annotated[int, Field(strict=True, ge=0)]
_Tokens = Annotated[Each[_TokenId], Field(min_length=1)]


def _form(rows: object) -> str:
    """Return the form of an input by its first item, so that an error message is about that form."""
    if not isinstance(rows, list):
        return "<text>"
    first = rows[0] if rows else ""
    return "<rows of tokens>" if isinstance(first, list) else "<tokens>" if isinstance(first, int) else "<texts>"


_Input = Annotated[
    Annotated[Name, Tag("<text>")]
    | Annotated[Annotated[Each[Name], Field(min_length=1)], Tag("<texts>")]
    | Annotated[_Tokens, Tag("<tokens>")]
    | Annotated[Annotated[Each[_Tokens], Field(min_length=1)], Tag("<rows of tokens>")],
    Discriminator(_form),
]


class EmbeddingsFields(Fields):
    """The validated fields of a request for embeddings; docs/openapi.json is generated from them."""

    model: Name
    input: _Input
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None


class EmbeddingsRequest(NamedTuple):
    """The client's model name, and the body as it was sent, with the fields of `extra_body` merged into it."""

    model: str
    body: dict[str, Any]

    @classmethod
    def parse(cls, raw: bytes) -> "EmbeddingsRequest":
        """Parse a body.

        Raises:
            RequestInvalid: it is not a JSON object, or a validated field is invalid.
        """
        return cls.validate(parse_json_object(raw))

    @classmethod
    def validate(cls, body: dict[str, Any]) -> "EmbeddingsRequest":
        """Validate a JSON object. The fields of an `extra_body` count as fields of the request.

        Raises:
            RequestInvalid: a validated field is invalid.
        """
        body = merge_extra_body(body)
        return cls(validate(EmbeddingsFields, body).model, body)
