"""A chat request: the fields that the gateway uses are validated, everything else is passed on verbatim.

Types and ranges are validated where OpenAI and Qwen agree. Unknown fields at any depth, nulls and Qwen's own
parameters stay in `body`; the provider judges them.
"""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, FailFast, Field, Tag, ValidationError

from qwen_gateway.api.request import parse_json_object
from qwen_gateway.errors import RequestInvalid

Count = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]


class _Validated(BaseModel):
    model_config = ConfigDict(extra="ignore")


def _discard(_item: object) -> None:
    """Discard a validated item: a body has room for millions."""


type _Each[Item] = Annotated[list[Annotated[Item, AfterValidator(_discard)]], FailFast()]
"""A list whose items are validated one by one, until the first invalid one."""


class _Part(_Validated):
    type: Text


def _kind(content: object) -> str:
    """Return the form of a content, so that an error message is about that form."""
    return "<parts>" if isinstance(content, list) else "<text>"


_Content = Annotated[Annotated[Text, Tag("<text>")] | Annotated[_Each[_Part], Tag("<parts>")], Discriminator(_kind)]


class _Message(_Validated):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: _Content | None = None


class _StreamOptions(_Validated):
    include_usage: Annotated[bool, Field(strict=True)] | None = None


class _Function(_Validated):
    name: Annotated[str, Field(strict=True, min_length=1)]


class _Tool(_Validated):
    type: Text = "function"
    function: _Function | None = None


class _ResponseFormat(_Validated):
    type: Literal["text", "json_object", "json_schema"]


class ChatFields(_Validated):
    """The validated fields of a chat request; docs/openapi.json is generated from them."""

    model: Annotated[str, Field(strict=True, min_length=1)]
    messages: Annotated[_Each[_Message], Field(min_length=1)]
    stream: Annotated[bool, Field(strict=True)] | None = None
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=4)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    tools: _Each[_Tool] | None = None
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
        body = _merge_extra_body(body)
        try:
            fields = ChatFields.model_validate(body)
        except ValidationError as error:
            raise _request_invalid(error) from None
        return cls(fields.model, body)


_EXTRA_BODY = "extra_body"


def _merge_extra_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request with the fields of `extra_body`, a parameter of the SDKs that some clients send literally.

    The request's own fields take precedence. The field itself may be null, and may contain another one.
    """
    if _EXTRA_BODY not in body:
        return body
    layers = [body]
    while (extra := layers[-1].get(_EXTRA_BODY)) is not None:
        if not isinstance(extra, dict):
            raise RequestInvalid(f"{_EXTRA_BODY}: Input should be an object.", param=_EXTRA_BODY)
        layers.append(extra)
    merged = {name: value for layer in reversed(layers) for name, value in layer.items()}
    del merged[_EXTRA_BODY]
    return merged


def _request_invalid(error: ValidationError) -> RequestInvalid:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = _format_path(problem["loc"])
    if problem["type"] == "missing":
        return RequestInvalid(f"{param} is missing.", param=param)
    words = "Input should be an object" if problem["type"] == "model_type" else problem["msg"]
    return RequestInvalid(f"{param}: {words}.", param=param)


def _format_path(location: tuple[int | str, ...]) -> str:
    """Return `messages[0].role`, without the tags of unions."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith("<"):
            path += f".{part}" if path else part
    return path
