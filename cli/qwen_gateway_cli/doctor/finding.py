"""What one check found: a state, a sentence, and what to do about it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

_LONGEST = 300
_HIDDEN = "[key]"
_SHORTEST_KEY = 8
"""Shorter ones, as `test`, are words like any other, and no provider gives them out."""


class State(StrEnum):
    """How a check ended; only `FAILED` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CONFIGURED = "not configured"


class Finding(NamedTuple):
    """`subject` is a provider's name, `aws`, or `this machine`; `latency_ms` is there when somebody was asked."""

    subject: str
    check: str
    state: State
    found: str
    advice: str = ""
    latency_ms: int | None = None

    def without(self, secrets: Iterable[str]) -> "Finding":
        """Return it fit to be shown: in one line, and with no key in it, though a provider may have quoted one."""
        found, advice = self.found, self.advice
        for secret in (each for each in secrets if len(each) >= _SHORTEST_KEY):
            found, advice = found.replace(secret, _HIDDEN), advice.replace(secret, _HIDDEN)
        return self._replace(found=_one_line(found), advice=_one_line(advice))


def _one_line(text: str) -> str:
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
