"""A chat request: what the gateway itself uses is checked, everything else goes through as it came.

Types and ranges are checked where OpenAI and Qwen agree. Unknown fields at any depth, nulls and Qwen's own
parameters stay in `body` verbatim; the provider judges them.
"""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, FailFast, Field, Tag, ValidationError

from qwen_gateway.api.body import json_object
from qwen_gateway.errors import RequestInvalid

Count = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="ignore")


def _forget(_checked: object) -> None:
    """Keep nothing of an item that was checked: millions fit into a body."""


type _Each[Item] = Annotated[list[Annotated[Item, AfterValidator(_forget)]], FailFast()]
"""A list whose items are checked one by one, until the first that is wrong."""


class _Part(_Checked):
    type: Text


def _kind(content: object) -> str:
    """Which of the two forms a content has, so that a refusal speaks of that one."""
    return "<parts>" if isinstance(content, list) else "<text>"


_Content = Annotated[Annotated[Text, Tag("<text>")] | Annotated[_Each[_Part], Tag("<parts>")], Discriminator(_kind)]


class _Message(_Checked):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: _Content | None = None


class _StreamOptions(_Checked):
    include_usage: Annotated[bool, Field(strict=True)] | None = None


class _Function(_Checked):
    name: Annotated[str, Field(strict=True, min_length=1)]


class _Tool(_Checked):
    type: Text = "function"
    function: _Function | None = None


class _ResponseFormat(_Checked):
    type: Literal["text", "json_object", "json_schema"]


class ChatFields(_Checked):
    """What is checked of a chat request. docs/openapi.json is made from it."""

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
    """`model` as the client named it, and the body as it was sent."""

    model: str
    body: dict[str, Any]

    @property
    def streams(self) -> bool:
        """Whether the client wants the answer while it is made."""
        return bool(self.body.get("stream"))

    @property
    def wants_usage(self) -> bool:
        """Whether it wants a stream to end with the usage."""
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    @classmethod
    def parse(cls, raw: bytes) -> "ChatRequest":
        """Read a body.

        Raises:
            RequestTooLarge: it does not fit.
            RequestInvalid: it is no JSON object, or a field that the gateway uses has the wrong form.
        """
        return cls.checked(json_object(raw))

    @classmethod
    def checked(cls, body: dict[str, Any]) -> "ChatRequest":
        """Take a JSON object.

        Raises:
            RequestInvalid: a field that the gateway uses has the wrong form.
        """
        try:
            checked = ChatFields.model_validate(body)
        except ValidationError as error:
            raise _refusal(error) from None
        return cls(checked.model, body)


def _refusal(error: ValidationError) -> RequestInvalid:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = _spelled(problem["loc"])
    if problem["type"] == "missing":
        return RequestInvalid(f"{param} is missing.", param=param)
    words = "Input should be an object" if problem["type"] == "model_type" else problem["msg"]
    return RequestInvalid(f"{param}: {words}.", param=param)


def _spelled(location: tuple[int | str, ...]) -> str:
    """`messages[0].role`, without the tags of unions."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith("<"):
            path += f".{part}" if path else part
    return path
