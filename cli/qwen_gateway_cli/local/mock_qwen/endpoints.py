"""The kinds of calls that the mock answers, each with its validation, its response and the form of its errors."""

from collections.abc import Callable
from typing import Any, NamedTuple

from qwen_gateway_cli.local.mock_qwen.completion import build_choices, build_usage
from qwen_gateway_cli.local.mock_qwen.control import Settings
from qwen_gateway_cli.local.mock_qwen.embeddings import build_embeddings, check_embeddings
from qwen_gateway_cli.local.mock_qwen.error_formats import ANTHROPIC, COMPATIBLE, ErrorFormat
from qwen_gateway_cli.local.mock_qwen.messages import (
    build_message,
    build_token_count,
    check_messages,
    check_messages_to_count,
)
from qwen_gateway_cli.local.mock_qwen.models import Model
from qwen_gateway_cli.local.mock_qwen.request import ChatRequest
from qwen_gateway_cli.local.mock_qwen.responses import CompletionEncoder, ResponseBody
from qwen_gateway_cli.local.mock_qwen.validation import Rejection, build_unknown_model, validate

type Body = dict[str, Any]


class Endpoint(NamedTuple):
    """One kind of call.

    Attributes:
        path: below the base URL of its API.
        errors: the form of its errors.
        check: returns the provider's rejection of a request, or None.
        build: returns the response to a valid request, with the given id.
        streams_rejections: whether the rejection of a request for a stream is an event of it.
    """

    path: str
    errors: ErrorFormat
    check: Callable[[Body, Model], Rejection | None]
    build: Callable[[Body, Model, str, Settings], ResponseBody]
    streams_rejections: bool = False


def _check_completion(body: Body, model: Model) -> Rejection | None:
    return build_unknown_model(model.name) if model.rows else validate(ChatRequest(body), model)


def _build_completion(body: Body, model: Model, request_id: str, settings: Settings) -> ResponseBody:
    request = ChatRequest(body)
    choices = build_choices(request, model, settings)
    usage = build_usage(request, choices, settings) if settings.usage is None else settings.usage
    return CompletionEncoder(request, request_id, choices, usage, settings.chunks).encode()


ENDPOINTS = (
    Endpoint("/chat/completions", COMPATIBLE, _check_completion, _build_completion),
    Endpoint(
        "/embeddings",
        COMPATIBLE,
        check_embeddings,
        lambda body, _model, request_id, settings: build_embeddings(body, request_id, settings),
    ),
    Endpoint("/v1/messages", ANTHROPIC, check_messages, build_message),
    Endpoint(
        "/v1/messages/count_tokens",
        ANTHROPIC,
        check_messages_to_count,
        lambda body, _model, _request_id, _settings: build_token_count(body),
    ),
)
