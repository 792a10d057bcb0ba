"""The result of one check: its state, the observation and the remedy."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

_MAX_LENGTH = 300
_REDACTED = "[key]"
_MIN_KEY_LENGTH = 8
"""No provider issues shorter keys, and a short one such as `test` can be an ordinary word."""


class State(StrEnum):
    """The outcome of a check. Only `FAILED` sets exit status 1."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CONFIGURED = "not configured"


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        subject: a provider's name, `aws`, `stack` or `this machine`.
        check: the name of the check.
        state: the outcome.
        found: the observation, one sentence.
        advice: the remedy, empty when none is needed.
        latency_ms: time until the response, None when the check sent no request.
    """

    subject: str
    check: str
    state: State
    found: str
    advice: str = ""
    latency_ms: int | None = None

    def redact(self, keys: Iterable[str]) -> "Finding":
        """Return the finding as single lines without the keys, because a provider's message can quote a key."""
        found, advice = self.found, self.advice
        for key in (key for key in keys if len(key) >= _MIN_KEY_LENGTH):
            found, advice = found.replace(key, _REDACTED), advice.replace(key, _REDACTED)
        return self._replace(found=_clean_line(found), advice=_clean_line(advice))


def _clean_line(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH]}..."
