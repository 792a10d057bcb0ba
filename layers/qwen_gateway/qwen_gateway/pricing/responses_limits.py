"""The most tokens that a provider can count for a request for OpenAI's Responses: true limits, not estimates."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.dialect.responses import describe_as_chat, is_image, is_text, list_items, list_parts
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.pricing.request_limits import (
    TOKENS_OF_TEMPLATE,
    TOKENS_OF_TOOLS,
    TOKENS_PER_MESSAGE,
    Unbounded,
    count_json_bytes,
    limit_request,
    remove_items,
)

_NO_INPUT = frozenset({"model", "stream", "max_output_tokens", "metadata", "store", "include", "reasoning"})
_OWN_TOOLS = ("function", "custom")
"""The types of tools that the client itself runs."""
_STATE = ("previous_response_id", "conversation", "prompt")
"""Fields that add input which only the provider has."""
_WITH_TEMPLATE = frozenset({"tools", "text"})


def responses_limits(body: Mapping[str, Any], model: Model | None) -> RequestLimits | Unbounded:
    """Return the limits of a request in the form in which a target gets it.

    Args:
        body: the adapted request, with the output cap and the thinking that are sent.
        model: the catalog's entry of the target; what a model does that has none is not known.
    """
    if uses_provider_tools(body):
        return Unbounded("provider_tools")
    return limit_request(describe_as_chat(body), model, partial(_limit_input, body))


def uses_provider_tools(body: Mapping[str, Any]) -> bool:
    """Return whether results of the provider's own tools, of which there is no limit, can become input."""
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, Mapping)]
    return bool(body.get("enable_search")) or any(tool.get("type") not in _OWN_TOOLS for tool in tools)


def _limit_input(body: Mapping[str, Any], model: Model) -> int | None:
    """Return the most tokens of input; None if neither the request nor the model has a limit."""
    parts = list_parts(body)
    images = sum(is_image(part) for part in parts)
    is_known = all(is_image(part) or is_text(part) for part in parts) and (not images or model.image_tokens is not None)
    if not is_known or any(body.get(name) for name in _STATE):
        return model.input_tokens
    texts = {name: value for name, value in body.items() if name not in _NO_INPUT}
    template = TOKENS_OF_TEMPLATE + (0 if _WITH_TEMPLATE.isdisjoint(body) else TOKENS_OF_TOOLS)
    tokens = template + len(list_items(body)) * TOKENS_PER_MESSAGE + images * (model.image_tokens or 0)
    tokens += count_json_bytes(remove_items(texts, is_image))
    return tokens if model.input_tokens is None else min(tokens, model.input_tokens)
