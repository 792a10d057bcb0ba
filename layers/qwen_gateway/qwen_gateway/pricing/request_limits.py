"""What the limits of every request for text have in common.

Byte-level tokenizers, Qwen's among them, give at most one token per byte of UTF-8, after Unicode's normal form C. What
the chat template adds is covered by a fixed number of tokens per message and for tools.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
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
_ESCAPED = "<>&'"
"""Characters that a template may escape within JSON."""
_ESCAPE_BYTES = 6


class Unbounded(NamedTuple):
    """Why a request has no limit: `web_search`, `provider_tools`, `model`, `input`, `output` or `thinking`."""

    reason: str


def limit_request(
    chat: Mapping[str, Any],
    model: Model | None,
    limit_input: Callable[[Model], int | None],
    cache_writes: frozenset[Unit] = frozenset(),
) -> RequestLimits | Unbounded:
    """Return the limits of a request without tools of the provider.

    Args:
        chat: the request described as one for Chat Completions.
        model: the catalog's entry of the target; what a model does that has none is not known.
        limit_input: returns the most tokens of input; None if neither the request nor the model has a limit.
        cache_writes: the units in which writes to the cache can be billed.
    """
    if model is None:
        return Unbounded("model")
    tokens_in = limit_input(model)
    if tokens_in is None:
        return Unbounded("input")
    may_think = _can_think(chat, model)
    tokens_out = _limit_output(chat, model, may_think=may_think)
    if isinstance(tokens_out, Unbounded):
        return tokens_out
    choices = chat.get("n") or 1
    return RequestLimits(tokens_in, choices * tokens_out, may_think=may_think, cache_writes=cache_writes)


def remove_items(value: Any, is_removed: Callable[[Mapping[str, Any]], bool]) -> Any:
    """Return a JSON value without the objects of its lists for which `is_removed` is true."""
    if isinstance(value, list):
        kept = (item for item in value if not (isinstance(item, dict) and is_removed(item)))
        return [remove_items(item, is_removed) for item in kept]
    if isinstance(value, dict):
        return {name: remove_items(item, is_removed) for name, item in value.items()}
    return value


def count_text_bytes(text: str) -> int:
    """Return the bytes of a text in Unicode's normal form C: the most tokens that it can have."""
    return len(text) if text.isascii() else len(unicodedata.normalize("NFC", text).encode(errors="surrogatepass"))


def count_json_bytes(value: object) -> int:
    """Return the bytes of a value as JSON, in the longest form that a template may give it."""
    text = unicodedata.normalize("NFC", json.dumps(value, ensure_ascii=False))
    escapes = sum(map(text.count, _ESCAPED))
    return len(json.dumps(text)) + escapes * _ESCAPE_BYTES


def _can_think(body: Mapping[str, Any], model: Model) -> bool:
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


def _limit_output(body: Mapping[str, Any], model: Model, *, may_think: bool) -> int | Unbounded:
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
