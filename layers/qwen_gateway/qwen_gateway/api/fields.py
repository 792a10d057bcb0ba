"""The validation that every request shares: types of fields, errors that name the field, and `extra_body`.

Only the fields that the gateway uses are validated. Unknown fields at any depth, nulls and Qwen's own parameters stay
in the body; the provider judges them.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, ValidationError

from qwen_gateway.errors import RequestInvalid

Count = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]
Switch = Annotated[bool, Field(strict=True)]


class Fields(BaseModel):
    """Validated fields of an object; others are passed over."""

    model_config = ConfigDict(extra="ignore")


def _discard(_item: object) -> None:
    """Discard a validated item: a body has room for millions."""


type Each[Item] = Annotated[list[Annotated[Item, AfterValidator(_discard)]], FailFast()]
"""A list whose items are validated one by one, until the first invalid one."""


def validate[AnyFields: Fields](kind: type[AnyFields], body: dict[str, Any]) -> AnyFields:
    """Return the validated fields of a request.

    Raises:
        RequestInvalid: a field is invalid; the message names it.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise _request_invalid(error) from None


_EXTRA_BODY = "extra_body"


def merge_extra_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request with the fields of `extra_body`, a parameter of the SDKs that some clients send literally.

    The request's own fields take precedence. The field itself may be null, and may contain another one.

    Raises:
        RequestInvalid: `extra_body` is no object.
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
