"""Which targets of a route are eligible for a request. Only a fact of the catalog excludes a target."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.dialect import request_body, thinking
from qwen_gateway.routing.routes import Target

_MODALITIES = {
    "image_url": "image",
    "image": "image",
    "video_url": "video",
    "video": "video",
    "input_audio": "audio",
}
_BYTES_PER_TOKEN = 6

type Describe = Callable[[Target], Model | None]


def eligible_targets(targets: tuple[Target, ...], body: Mapping[str, Any], describe: Describe) -> tuple[Target, ...]:
    """Return the targets that can serve a request, in order; all of them if none can, so that the provider decides.

    `max_tokens` is capped at the limit of the first one (`output_limit`). Of the others, those whose limit is still
    lower are left out.
    """
    if len(targets) == 1:
        return targets
    requirements = _Requirements(body)
    capable = [target for target in targets if requirements.are_met_by(describe(target))]
    if not capable:
        return targets
    first, *others = capable
    cap = _capped(request_body.max_tokens(body), output_limit(first, describe))
    return (first, *(other for other in others if _allows(describe(other), cap)))


def output_limit(target: Target, describe: Describe) -> int | None:
    """Return the output limit of a target in tokens; None if it is unknown."""
    model = describe(target)
    return model.output_tokens if model else None


def _capped(tokens: int, limit: int | None) -> int:
    return tokens if limit is None else min(tokens, limit)


def _allows(model: Model | None, max_tokens: int) -> bool:
    return model is None or model.output_tokens >= max_tokens


class _Requirements:
    """What a request requires of a model."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._modalities = {_MODALITIES[kind] for part in request_body.parts(body) if (kind := _part_type(part))}
        self._thinking = thinking.parse_thinking(body).enabled

    def are_met_by(self, model: Model | None) -> bool:
        """Return False if a fact of the catalog contradicts a requirement."""
        return model is None or not any(
            (
                model.modalities is not None and not self._modalities <= set(model.modalities),
                model.tools is False and bool(self._body.get("tools")),
                model.json_schema is False and request_body.response_format(self._body) == "json_schema",
                self._contradicts_thinking(model),
                self._exceeds_context(model),
            )
        )

    def _contradicts_thinking(self, model: Model) -> bool:
        match model.thinking.default:
            case "never":
                return self._thinking is True
            case "always":
                return self._thinking is False or thinking.is_excluded(self._body, model)
        return False

    def _exceeds_context(self, model: Model) -> bool:
        # There are never more tokens than characters, and counting tokens is slower.
        return self._characters > model.input_tokens and self._minimum_tokens > model.input_tokens

    @functools.cached_property
    def _characters(self) -> int:
        return sum(len(text) for text in request_body.texts(self._body))

    @functools.cached_property
    def _minimum_tokens(self) -> int:
        """A lower bound of the tokens in the texts of the messages.

        One per word, because no token of Qwen's vocabulary spans two words; and one per 6 bytes of UTF-8, because
        ordinary text has fewer bytes per token in any language (English about 4.5, Chinese 4 to 5, code 3). Images,
        audio, tools and the chat template are not counted.
        """
        texts = list(request_body.texts(self._body))
        words = sum(len(text.split()) for text in texts)
        size = sum(len(text.encode(errors="replace")) for text in texts)
        return max(words, size // _BYTES_PER_TOKEN)


def _part_type(part: Mapping[str, Any]) -> str | None:
    kind = part.get("type")
    return kind if isinstance(kind, str) and kind in _MODALITIES else None
