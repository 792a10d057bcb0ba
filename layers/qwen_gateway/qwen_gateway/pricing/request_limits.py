"""The most tokens that a provider can count for a chat request: true limits, not estimates.

Byte-level tokenizers, Qwen's among them, give at most one token per byte of UTF-8, after Unicode's normal form C. What
the chat template adds is covered by a fixed number of tokens per message and for tools.
"""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

from qwen_gateway.catalog import Model
from qwen_gateway.dialect import request_body
from qwen_gateway.dialect.thinking import parse_thinking
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.pricing.units import CACHE_WRITE, CACHE_WRITE_1H, Unit

TOKENS_PER_MESSAGE = 16
TOKENS_OF_TEMPLATE = 64
"""What the chat template adds to every request: a default system message and the start of the answer."""
TOKENS_OF_TOOLS = 1024
"""What it adds for tools or a schema."""
_WITH_TOOLS = frozenset({"tools", "functions", "response_format"})
_IMAGES = frozenset({"image_url", "image"})
_ESCAPED = "<>&'"
"""Characters that a template may escape within JSON."""
_ESCAPE_BYTES = 6
_NO_INPUT = frozenset({"messages", "model", "stream", "stream_options"})


class Unbounded(NamedTuple):
    """Why a request has no limit: `web_search`, `provider_tools`, `model`, `input`, `output` or `thinking`."""

    reason: str


def chat_limits(body: Mapping[str, Any], model: Model | None) -> RequestLimits | Unbounded:
    """Return the limits of a request in the form in which a target gets it.

    Args:
        body: the adapted request, with the output cap and the thinking controls that are sent.
        model: the catalog's entry of the target; what a model does that has none is not known.
    """
    if _searches_the_web(body):
        return Unbounded("web_search")
    if model is None:
        return Unbounded("model")
    tokens_in = _limit_input(body, model)
    if tokens_in is None:
        return Unbounded("input")
    may_think = can_think(body, model)
    tokens_out = limit_output(body, model, may_think=may_think)
    if isinstance(tokens_out, Unbounded):
        return tokens_out
    choices = body.get("n") or 1
    return RequestLimits(tokens_in, choices * tokens_out, may_think=may_think, cache_writes=find_cache_writes(body))


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


def count_text_bytes(text: str) -> int:
    """Return the bytes of a text in Unicode's normal form C: the most tokens that it can have."""
    return len(text) if text.isascii() else len(unicodedata.normalize("NFC", text).encode(errors="surrogatepass"))


def count_json_bytes(value: object) -> int:
    """Return the bytes of a value as JSON, in the longest form that a template may give it."""
    text = unicodedata.normalize("NFC", json.dumps(value, ensure_ascii=False))
    escapes = sum(map(text.count, _ESCAPED))
    return len(json.dumps(text)) + escapes * _ESCAPE_BYTES


def can_think(body: Mapping[str, Any], model: Model) -> bool:
    """Return whether the output can be billed as that of a request that thought."""
    asked = parse_thinking(body)
    match model.thinking.default:
        case "never":
            return False
        case "always":
            return True
        case "off":
            return asked.enabled is True or (asked.enabled is None and asked.budget is not None)
    return asked.enabled is not False


def limit_output(body: Mapping[str, Any], model: Model, *, may_think: bool) -> int | Unbounded:
    """Return the most tokens of one choice, thinking included."""
    caps = request_body.caps(body)
    covering = [cap for field, cap in caps.items() if field in model.thinking.capped_by]
    if covering:
        return min(covering)
    limits = [*caps.values(), *([model.output_tokens] if model.output_tokens is not None else [])]
    if not limits:
        return Unbounded("output")
    if not may_think:
        return min(limits)
    budgets = [limit for limit in (parse_thinking(body).budget, model.thinking.max_tokens) if limit is not None]
    return min(limits) + min(budgets) if budgets else Unbounded("thinking")


def find_cache_writes(body: Mapping[str, Any]) -> frozenset[Unit]:
    """Return the units in which the provider can bill writes to the explicit cache, which `cache_control` asks for."""
    text = json.dumps([body.get("system"), body.get("messages"), body.get("tools")])
    if '"cache_control"' not in text:
        return frozenset()
    return frozenset({CACHE_WRITE, CACHE_WRITE_1H}) if '"ttl"' in text else frozenset({CACHE_WRITE})
