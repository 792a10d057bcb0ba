"""The provider's validation of requests: one function per rule, each with the provider's own message.

Source: QwenCloud's page of error messages and bodies captured by third parties, November 2026.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from qwen_gateway_cli.local.mock_qwen.models import Model
from qwen_gateway_cli.local.mock_qwen.request import ChatRequest

ROLES = ("system", "assistant", "user", "tool", "function")


@dataclass(frozen=True, slots=True)
class Rejection:
    """An error: HTTP status, and `code`, `message` and `type` of its body. An invalid key has no type."""

    status: int
    code: str
    message: str
    type: str | None = "invalid_request_error"


INVALID_BODY = Rejection(400, "invalid_parameter_error", "Required body invalid, please check the request body format.")


def check_key(authorization: str | None, accepted: str | None) -> Rejection | None:
    """Return the rejection of a key that is missing, contains "invalid", or differs from `accepted`; else None."""
    scheme, _, key = (authorization or "").partition(" ")
    is_valid = key == accepted if accepted is not None else key.strip() and "invalid" not in key.lower()
    if scheme.lower() == "bearer" and is_valid:
        return None
    return Rejection(401, "InvalidApiKey", "Incorrect API key provided.", type=None)


def validate(request: ChatRequest, model: Model) -> Rejection | None:
    """Return the provider's rejection of a request to `model`, or None when it is valid."""
    for rule in RULES:
        if message := rule(request, model):
            return Rejection(400, "invalid_parameter_error", message)
    return None


def build_unknown_model(name: object, *, retired: bool = False) -> Rejection:
    """Return the rejection of an unknown or a retired model (models.dev pull request 6662)."""
    if retired:
        return Rejection(400, "InvalidParameter", "Model not exist.")
    return Rejection(404, "model_not_found", f"The model `{name}` does not exist or you do not have access to it.")


def _check_messages(request: ChatRequest, _model: Model) -> str | None:
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


def _check_arguments(request: ChatRequest, _model: Model) -> str | None:
    lists = [message.get("tool_calls") for message in request["messages"]]
    calls = [call for each in lists if isinstance(each, list) for call in each if isinstance(call, dict)]
    functions = [call["function"] for call in calls if isinstance(call.get("function"), dict)]
    if all(_is_json_text(function.get("arguments")) for function in functions):
        return None
    return 'The "function.arguments" parameter of the code model must be in JSON format.'


def _check_input_length(request: ChatRequest, model: Model) -> str | None:
    if request.prompt_tokens > model.max_input_tokens:
        return f"Range of input length should be [1, {model.max_input_tokens}]"
    return None


def _check_max_tokens(request: ChatRequest, model: Model) -> str | None:
    for name in ("max_tokens", "max_completion_tokens"):
        if request[name] is not None and not _is_integer(request[name], 1, model.max_output_tokens):
            return f"Range of {name} should be [1, {model.max_output_tokens}]"
    return None


def _check_temperature(request: ChatRequest, _model: Model) -> str | None:
    temperature = request["temperature"]
    if _is_number(temperature) and not 0 <= temperature < 2:  # noqa: PLR2004 - the provider's limit
        return "Temperature should be in [0.0, 2.0)"
    return None


def _check_top_p(request: ChatRequest, _model: Model) -> str | None:
    top_p = request["top_p"]
    if _is_number(top_p) and not 0 < top_p <= 1:
        return "Range of top_p should be (0.0, 1.0]"
    return None


def _check_tools(request: ChatRequest, _model: Model) -> str | None:
    return next((f"[] is too short - '{name}'" for name in ("tools", "functions") if request[name] == []), None)


def _check_n(request: ChatRequest, _model: Model) -> str | None:
    if request["n"] is not None and not _is_integer(request["n"], 1, 4):
        return "Range of n should be [1, 4]"
    return None


def _check_stream(request: ChatRequest, model: Model) -> str | None:
    if request.streamed:
        return None
    if model.stream_only:
        return "This model only support stream mode, please enable the stream parameter to access the model."
    if model.thinking_needs_stream and request.enables_thinking(model):
        return "parameter.enable_thinking must be set to false for non-streaming calls"
    return None


def _check_effort(request: ChatRequest, model: Model) -> str | None:
    effort = request["reasoning_effort"]
    if model.efforts and effort is not None and effort not in model.efforts:
        return f"{effort!r:.80} is not one of {list(model.efforts)} - 'reasoning_effort'"
    return None


def _check_effort_and_budget(request: ChatRequest, model: Model) -> str | None:
    if model.effort_or_budget and request["reasoning_effort"] is not None and request["thinking_budget"] is not None:
        return "reasoning_effort and thinking_budget cannot be set at the same time"
    return None


def _check_forced_tool(request: ChatRequest, model: Model) -> str | None:
    if request.forces_tool and request.enables_thinking(model):
        return "The tool_choice parameter does not support being set to required or object in thinking mode"
    return None


def _check_json_object(request: ChatRequest, model: Model) -> str | None:
    if request.response_format.get("type") != "json_object":
        return None
    if request.enables_thinking(model):
        return "Json mode response is not supported when enable_thinking is true"
    if not any("json" in text.lower() for text in request.texts):
        return "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return None


def _is_json_text(value: object) -> bool:
    try:
        json.loads(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object, minimum: int, maximum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum


RULES: tuple[Callable[[ChatRequest, Model], str | None], ...] = (
    _check_messages,
    _check_arguments,
    _check_input_length,
    _check_max_tokens,
    _check_temperature,
    _check_top_p,
    _check_tools,
    _check_n,
    _check_stream,
    _check_effort,
    _check_effort_and_budget,
    _check_forced_tool,
    _check_json_object,
)
