"""The claims of README's list that a deployed gateway has to prove, and which tests prove them.

A test names its claims with `@proves(...)`. A claim is proven only if it has tests and all of them ran and passed.
"""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

import pytest


class Claim(Enum):
    """A claim: the feature of README it belongs to, its text, and why no test can prove it, if so."""

    CLIENTS = ("Any OpenAI client", "the openai package gets an answer, the list of models and one model")
    WHOLE_ANSWERS = ("Any OpenAI client", "without stream, the answer is one JSON response")
    ERRORS = ("Any OpenAI client", "errors have OpenAI's shape: 400, 401, 404 and 413")
    REQUEST_IDS = ("Any OpenAI client", "every response has x-request-id, and the record of a call has the same id")
    UNKNOWN_ROUTES = (
        "Any OpenAI client",
        "unknown routes get a 404 from API Gateway, without Lambda and without the key",
    )
    PREFLIGHTS = ("Any OpenAI client", "browsers get an answer to their CORS preflight, without a key")
    THROTTLING = ("Any OpenAI client", "API Gateway's own limit gives 429 with Retry-After")
    BUSY = (
        "Any OpenAI client",
        "503 gateway_busy when Lambda's concurrency is used up",
        "it needs as many long calls at once as the account's quota",
    )
    STREAMS = ("Streaming", "first output long before the end of a stream")
    LONG_STREAMS = ("Streaming", "a stream over 29 s, the limit of a buffered integration")
    LONGEST_STREAMS = ("Streaming", "a stream of 15 minutes", "no model is sure to write for that long")
    LAYER = ("Streaming", "the alias of each function uses the layer of this repository")
    FALLBACK = ("Fallback", "the next target answers when the first fails")
    KEYS = ("Keys", "an API key is accepted, rotated and revoked, each at once")
    PROVIDER_KEYS = ("Keys", "the provider's key is in Secrets Manager and in no function's environment")
    BUDGETS = (
        "Budgets that hold",
        "a call that the budget may not cover is refused before it starts; an admitted one leaves no hold",
    )
    RECORDS = ("Usage records", "one record of each call, with its tokens, latency and attempts")
    OWN_USAGE = ("Usage records", "a key reads what it has used")
    TRANSLATION = ("Translation", "developer role, JSON mode and an output cap above the model's are accepted")
    EMBEDDINGS = ("Embeddings", "more rows than one call of the provider takes are embedded, and recorded once")
    LARGE_ANSWERS = ("Embeddings", "an answer above the 6 MB that Lambda buffers")
    MESSAGES = ("Anthropic's Messages", "a whole message and a stream with named events, recorded with their tokens")
    MESSAGE_ERRORS = ("Anthropic's Messages", "errors have Anthropic's shape, and the root answers HEAD")
    RESPONSES = ("Any OpenAI client", "a response, whole and streamed, continued, read and deleted by its key")
    IDLE_COST = (
        "No resource runs while there are no requests",
        "no cost without requests",
        "the bill of an idle day shows it",
    )

    def __init__(self, feature: str, text: str, not_automated: str = "") -> None:
        self.feature = feature
        self.text = text
        self.not_automated = not_automated


def proves(*claims: Claim) -> pytest.MarkDecorator:
    """Tie a test to its claims."""
    return pytest.mark.proves(*claims)


class Outcome(NamedTuple):
    """How a test of a claim ended: `passed`, `failed`, `skipped`, or `not run`.

    `detail` is a measurement of a passed test, the reason of a skipped one, or the name of another.
    """

    state: str
    detail: str = ""


class Verdict(NamedTuple):
    """Whether a claim is proven, with a measurement or the reason."""

    proven: bool
    detail: str

    def __str__(self) -> str:
        """Return the detail in parentheses, if there is one."""
        return f" ({self.detail})" if self.detail else ""


def judge(claim: Claim, outcomes: Iterable[Outcome]) -> Verdict:
    """Judge a claim by the outcomes of all its tests."""
    found = list(outcomes)
    if not found:
        return Verdict(proven=False, detail=claim.not_automated or "it has no test")
    for state in ("failed", "skipped", "not run"):
        details = [outcome.detail for outcome in found if outcome.state == state]
        if details:
            return Verdict(proven=False, detail=details[0] if state == "skipped" else f"{state}: {details[0]}")
    return Verdict(proven=True, detail=", ".join(outcome.detail for outcome in found if outcome.detail))
