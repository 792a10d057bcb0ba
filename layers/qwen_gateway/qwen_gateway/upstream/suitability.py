"""Which targets of a route can serve a request. Only what the catalog is sure of leaves a target out."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.routes import Target
from qwen_gateway.upstream import conversation, output_cap, thinking

_MODALITIES = {
    "image_url": "image",
    "image": "image",
    "video_url": "video",
    "video": "video",
    "input_audio": "audio",
}
_BYTES_A_TOKEN = 6

Describe = Callable[[Target], Model | None]


def suitable(targets: tuple[Target, ...], body: Mapping[str, Any], describe: Describe) -> tuple[Target, ...]:
    """Return the targets that can serve a request, in order; all of them when none can: then the provider judges.

    The output cap is lowered to the limit of the first (`most_output`); of the others, those whose limit is
    still below it are left out.
    """
    if len(targets) == 1:
        return targets
    needs = _Needs(body)
    able = [target for target in targets if needs.may_be_met_by(describe(target))]
    if not able:
        return targets
    first, *others = able
    cap = _lowered(output_cap.asked(body), most_output(first, describe))
    return (first, *(other for other in others if _gives(describe(other), cap)))


def most_output(first: Target, describe: Describe) -> int | None:
    """Return the limit of a route's first suitable target, in tokens; None when it is not known."""
    model = describe(first)
    return model.output_tokens if model else None


def _lowered(cap: int, limit: int | None) -> int:
    return cap if limit is None else min(cap, limit)


def _gives(model: Model | None, cap: int) -> bool:
    return model is None or model.output_tokens >= cap


class _Needs:
    """What a request needs of a model."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._modalities = {_MODALITIES[kind] for part in conversation.parts(body) if (kind := _kind(part))}
        self._thinking = thinking.wish(body).wanted

    def may_be_met_by(self, model: Model | None) -> bool:
        """Whether nothing is known that speaks against a model."""
        return model is None or not any(
            (
                model.modalities is not None and not self._modalities <= set(model.modalities),
                model.tools is False and bool(self._body.get("tools")),
                model.json_schema is False and conversation.format_asked(self._body) == "json_schema",
                self._thinks_otherwise(model),
                self._is_too_long_for(model),
            )
        )

    def _thinks_otherwise(self, model: Model) -> bool:
        match model.thinking.unasked:
            case "never":
                return self._thinking is True
            case "always":
                return self._thinking is False or thinking.excluded(self._body, model)
        return False

    def _is_too_long_for(self, model: Model) -> bool:
        # Tokens are never counted above characters, and counting them takes its time.
        return self._characters > model.input_tokens and self._tokens_at_least > model.input_tokens

    @functools.cached_property
    def _characters(self) -> int:
        return sum(len(text) for text in conversation.texts(self._body))

    @functools.cached_property
    def _tokens_at_least(self) -> int:
        """Tokens that the messages' texts have at the very least.

        One a word, because no token of Qwen's vocabulary spans two words; and one for every 6 bytes of UTF-8,
        because ordinary text has fewer bytes a token in any language (English about 4.5, Chinese 4 to 5, code 3).
        Images, sounds, tools and what the chat template adds are not counted.
        """
        texts = list(conversation.texts(self._body))
        words = sum(len(text.split()) for text in texts)
        size = sum(len(text.encode(errors="replace")) for text in texts)
        return max(words, size // _BYTES_A_TOKEN)


def _kind(part: Mapping[str, Any]) -> str | None:
    kind = part.get("type")
    return kind if isinstance(kind, str) and kind in _MODALITIES else None
