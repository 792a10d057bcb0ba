"""The most tokens that a provider can count for a chat request: true limits, not estimates."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.dialect import request_body
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.pricing.request_limits import (
    TOKENS_OF_TEMPLATE,
    TOKENS_OF_TOOLS,
    TOKENS_PER_MESSAGE,
    Unbounded,
    count_json_bytes,
    count_text_bytes,
    find_cache_writes,
    limit_request,
)

_WITH_TOOLS = frozenset({"tools", "functions", "response_format"})
_IMAGES = frozenset({"image_url", "image"})
_NO_INPUT = frozenset({"messages", "model", "stream", "stream_options"})


def chat_limits(body: Mapping[str, Any], model: Model | None) -> RequestLimits | Unbounded:
    """Return the limits of a request in the form in which a target gets it.

    Args:
        body: the adapted request, with the output cap and the thinking controls that are sent.
        model: the catalog's entry of the target; what a model does that has none is not known.
    """
    if _searches_the_web(body):
        return Unbounded("web_search")
    return limit_request(body, model, partial(_limit_input, body), find_cache_writes(body))


def _searches_the_web(body: Mapping[str, Any]) -> bool:
    """Return whether results of a search, of which there is no limit, can become input."""
    has_provider_tool = any(tool.get("type", "function") != "function" for tool in request_body.tools(body))
    return has_provider_tool or bool(body.get("enable_search") or body.get("search_options"))


def _limit_input(body: Mapping[str, Any], model: Model) -> int | None:
    """Return the most tokens of input; None if neither the request nor the model has a limit."""
    media = _limit_media(body, model)
    if media is None:
        return model.input_tokens
    messages = sum(TOKENS_PER_MESSAGE + _message_bytes(message) for message in body.get("messages", ()))
    rest = {name: value for name, value in body.items() if name not in _NO_INPUT}
    tools = 0 if _WITH_TOOLS.isdisjoint(body) else TOKENS_OF_TOOLS
    tokens = messages + media + TOKENS_OF_TEMPLATE + tools + count_json_bytes(rest)
    return tokens if model.input_tokens is None else min(tokens, model.input_tokens)


def _limit_media(body: Mapping[str, Any], model: Model) -> int | None:
    """Return the most tokens of the parts that are not text; None if one of them has no limit."""
    kinds = [part.get("type") for part in request_body.parts(body) if "text" not in part]
    if not kinds:
        return 0
    if model.image_tokens is None or not _IMAGES.issuperset(kinds):
        return None
    return len(kinds) * model.image_tokens


def _message_bytes(message: object) -> int:
    if not isinstance(message, dict):
        return count_json_bytes(message)
    content = message.get("content")
    if isinstance(content, str):
        rest = {name: value for name, value in message.items() if name not in {"role", "content"}}
        return count_text_bytes(content) + (count_json_bytes(rest) if rest else 0)
    if not isinstance(content, list):
        return count_json_bytes(message)
    texts = [part for part in content if not isinstance(part, dict) or "text" in part]
    return count_json_bytes({**message, "content": texts})
