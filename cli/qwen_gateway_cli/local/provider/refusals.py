"""What the provider refuses: one rule a function, each with the provider's own wording.

Source: QwenCloud's page of error messages and bodies captured by third parties, November 2026.
"""

from collections.abc import Callable
from dataclasses import dataclass

from qwen_gateway_cli.local.provider.models import Model
from qwen_gateway_cli.local.provider.request import ChatRequest

ROLES = ("system", "assistant", "user", "tool", "function")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer: HTTP status, and the `code`, `message` and `type` of its body; refused keys have no type."""

    status: int
    code: str
    message: str
    type: str | None = "invalid_request_error"


BAD_BODY = Refusal(400, "invalid_parameter_error", "Required body invalid, please check the request body format.")


def refused_key(authorization: str | None, accepted: str | None) -> Refusal | None:
    """Why a key is refused: it is missing, marked by the word "invalid", or not the only one that is `accepted`."""
    scheme, _, key = (authorization or "").partition(" ")
    is_good = key == accepted if accepted is not None else key.strip() and "invalid" not in key.lower()
    if scheme.lower() == "bearer" and is_good:
        return None
    return Refusal(401, "InvalidApiKey", "Incorrect API key provided.", type=None)


def refusal(request: ChatRequest, model: Model) -> Refusal | None:
    """Why the provider would not let `model` answer `request`, or None when it would."""
    for rule in RULES:
        if message := rule(request, model):
            return Refusal(400, "invalid_parameter_error", message)
    return None


def model_not_found(name: object) -> Refusal:
    """Return the refusal of a name that no model has."""
    return Refusal(404, "model_not_found", f"The model `{name}` does not exist or you do not have access to it.")


def _messages_of_wrong_form(request: ChatRequest, _model: Model) -> str | None:
    messages = request["messages"]
    if not isinstance(messages, list):
        return "'messages' is a required property and has to be an array"
    if not messages:
        return "[] is too short - 'messages'"
    for position, message in enumerate(messages):
        if not isinstance(message, dict):
            return f"{message!r:.80} is not of type 'object' - 'messages.{position}'"
        if message.get("role") not in ROLES:
            return f"{message.get('role')!r:.80} is not one of {list(ROLES)} - 'messages.{position}.role'"
    return None


def _input_too_long(request: ChatRequest, model: Model) -> str | None:
    if request.prompt_tokens > model.max_input_tokens:
        return f"Range of input length should be [1, {model.max_input_tokens}]"
    return None


def _output_cap_outside_the_range(request: ChatRequest, model: Model) -> str | None:
    for name in ("max_tokens", "max_completion_tokens"):
        if request[name] is not None and not _whole(request[name], 1, model.max_output_tokens):
            return f"Range of {name} should be [1, {model.max_output_tokens}]"
    return None


def _n_outside_the_range(request: ChatRequest, _model: Model) -> str | None:
    if request["n"] is not None and not _whole(request["n"], 1, 4):
        return "Range of n should be [1, 4]"
    return None


def _not_streamed(request: ChatRequest, model: Model) -> str | None:
    if request.streamed:
        return None
    if model.stream_only:
        return "This model only support stream mode, please enable the stream parameter to access the model."
    if model.thinking_needs_stream and request.thinks(model):
        return "parameter.enable_thinking must be set to false for non-streaming calls"
    return None


def _unknown_effort(request: ChatRequest, model: Model) -> str | None:
    effort = request["reasoning_effort"]
    if model.efforts and effort is not None and effort not in model.efforts:
        return f"{effort!r:.80} is not one of {list(model.efforts)} - 'reasoning_effort'"
    return None


def _effort_and_budget(request: ChatRequest, model: Model) -> str | None:
    if model.effort_or_budget and request["reasoning_effort"] is not None and request["thinking_budget"] is not None:
        return "reasoning_effort and thinking_budget cannot be set at the same time"
    return None


def _tool_forced_while_thinking(request: ChatRequest, model: Model) -> str | None:
    if request.forces_a_tool and request.thinks(model):
        return "The tool_choice parameter does not support being set to required or object in thinking mode"
    return None


def _json_object_refused(request: ChatRequest, model: Model) -> str | None:
    if request.response_format.get("type") != "json_object":
        return None
    if request.thinks(model):
        return "Json mode response is not supported when enable_thinking is true"
    if not any("json" in text.lower() for text in request.texts):
        return "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return None


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


RULES: tuple[Callable[[ChatRequest, Model], str | None], ...] = (
    _messages_of_wrong_form,
    _input_too_long,
    _output_cap_outside_the_range,
    _n_outside_the_range,
    _not_streamed,
    _unknown_effort,
    _effort_and_budget,
    _tool_forced_while_thinking,
    _json_object_refused,
)
