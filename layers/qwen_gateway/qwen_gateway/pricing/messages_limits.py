"""The most tokens that a provider can count for a request for Anthropic's Messages: true limits, not estimates."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.dialect.messages import describe_as_chat, list_blocks
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.pricing.request_limits import (
    TOKENS_OF_TEMPLATE,
    TOKENS_OF_TOOLS,
    TOKENS_PER_MESSAGE,
    Unbounded,
    count_json_bytes,
    find_cache_writes,
    limit_request,
    remove_items,
)

_NO_INPUT = frozenset({"model", "stream", "max_tokens", "metadata", "thinking"})
_OWN_TOOLS = (None, "custom")
"""The types of tools that the client itself runs."""
_UNLIMITED = frozenset({"document", "container_upload"})
"""Blocks whose tokens the catalog does not limit."""


def messages_limits(body: Mapping[str, Any], model: Model | None) -> RequestLimits | Unbounded:
    """Return the limits of a request in the form in which a target gets it.

    Args:
        body: the adapted request, with the output cap and the thinking that are sent.
        model: the catalog's entry of the target; what a model does that has none is not known.
    """
    if _uses_provider_tools(body):
        return Unbounded("web_search")
    return limit_request(describe_as_chat(body), model, partial(_limit_input, body), find_cache_writes(body))


def _uses_provider_tools(body: Mapping[str, Any]) -> bool:
    """Return whether results of the provider's own tools, of which there is no limit, can become input."""
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, Mapping)]
    return bool(body.get("mcp_servers")) or any(tool.get("type") not in _OWN_TOOLS for tool in tools)


def _limit_input(body: Mapping[str, Any], model: Model) -> int | None:
    """Return the most tokens of input; None if neither the request nor the model has a limit."""
    kinds = [block.get("type") for block in list_blocks(body)]
    images = kinds.count("image")
    if not _UNLIMITED.isdisjoint(kinds) or (images and model.image_tokens is None):
        return model.input_tokens
    texts = {name: value for name, value in body.items() if name not in _NO_INPUT}
    template = TOKENS_OF_TEMPLATE + (TOKENS_OF_TOOLS if body.get("tools") else 0)
    tokens = template + len(body["messages"]) * TOKENS_PER_MESSAGE + images * (model.image_tokens or 0)
    tokens += count_json_bytes(remove_items(texts, _is_image))
    return tokens if model.input_tokens is None else min(tokens, model.input_tokens)


def _is_image(block: Mapping[str, Any]) -> bool:
    return block.get("type") == "image"
