"""One chat call, from the key to the usage record."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

from chat.record import Started, usage_record
from qwen_gateway import observability
from qwen_gateway.api import ChatRequest, HttpRequest, Served, bearer_token
from qwen_gateway.errors import ANSWERS, Defect, LedgerUnavailable, ProviderKeyRefused, ProviderOutOfCredit
from qwen_gateway.ledger import ApiKey, UsageRecord, restorable
from qwen_gateway.routes import Target
from qwen_gateway.upstream import Deadline, Outcome


class Keys(Protocol):
    """Who calls."""

    def refuse_garbage(self, token_text: str) -> None:
        """Refuse what cannot be a token, without a call to AWS."""
        ...

    def authenticate(self, token_text: str, now: float) -> ApiKey:
        """Return the key that a token opens, or refuse it."""
        ...


class Routes(Protocol):
    """Where a model's calls go."""

    def targets(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a model name, or refuse it."""
        ...


class Upstream(Protocol):
    """The way to the providers."""

    def complete(self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline) -> Outcome:
        """Return the whole answer or the failure, as a value."""
        ...


class Ledger(Protocol):
    """Where records go."""

    def put(self, record: UsageRecord) -> None:
        """Write a record, or raise LedgerUnavailable."""
        ...


class ChatService:
    """Answers chat calls: each one that was let through leaves exactly one usage record."""

    def __init__(self, keys: Keys, routes: Routes, upstream: Upstream, ledger: Ledger) -> None:
        self._keys = keys
        self._routes = routes
        self._upstream = upstream
        self._ledger = ledger

    def complete(self, request: HttpRequest, request_id: str, seconds: float) -> Served:
        """Answer a request within `seconds`.

        Raises:
            GatewayError: the request or its key was refused; no provider was called and no record is left.
        """
        started, deadline = Started.now(), _deadline(request, seconds)
        token = bearer_token(request.headers)
        self._keys.refuse_garbage(token)
        chat = ChatRequest.parse(request.body)
        key = self._keys.authenticate(token, started.epoch)
        targets = self._routes.targets(chat.model)
        outcome = self._ask(chat, targets, deadline, request_id)
        self._keep(
            usage_record(
                request_id=request_id,
                key=key,
                chat=chat,
                headers=request.headers,
                outcome=outcome,
                started=started,
            )
        )
        _count_what_was_made_up_for(outcome)
        return _served(outcome)

    def _ask(self, chat: ChatRequest, targets: tuple[Target, ...], deadline: Deadline, request_id: str) -> Outcome:
        try:
            outcome = self._upstream.complete(chat.model, targets, chat.body, deadline)
        except Exception as unforeseen:  # noqa: BLE001 - also a call that a defect ended has to leave its record
            outcome = Outcome((), Defect(unforeseen))
        if isinstance(outcome.result, Defect):
            observability.report(outcome.result.unforeseen, request_id)
        return outcome

    def _keep(self, record: UsageRecord) -> None:
        try:
            self._ledger.put(record)
        except LedgerUnavailable:
            observability.count("usage_record_lost")
            observability.logger().error("usage record lost", extra={"usage_record": restorable(record)})


_METRICS = {kind.__name__: ANSWERS[kind].code for kind in (ProviderOutOfCredit, ProviderKeyRefused)}
"""The metrics of the causes that only the gateway's owner can end, by the cause that an attempt names."""


def _count_what_was_made_up_for(outcome: Outcome) -> None:
    """Count what the owner has to mend although the client reads nothing of it, because another target answered.

    The failure that the client reads is counted where it is told.
    """
    unread = {attempt.cause for attempt in outcome.attempts} - {type(outcome.result).__name__}
    for cause in sorted(unread & _METRICS.keys()):
        observability.count(_METRICS[cause])


_IN_TIME = 0.9
"""The part of a client's patience that an answer may take. It counts from when the client sent the request, and a
client whose patience ends does not read why: it repeats the call."""


def _deadline(request: HttpRequest, seconds: float) -> Deadline:
    """Lambda's time, or less when the client says that it waits for less: Python's SDK always, Node's for one call."""
    asked = _seconds(request.headers.get("x-gateway-timeout-ms"), unit=0.001)
    patience = min(
        _seconds(request.headers.get("x-stainless-read-timeout"), unit=1),
        _seconds(request.headers.get("x-stainless-timeout"), unit=1),
    )
    return Deadline(min(seconds, asked, patience * _IN_TIME))


def _seconds(value: str | None, unit: float) -> float:
    """A client's number in seconds; what is missing or makes no sense limits nothing."""
    try:
        seconds = float(value or "") * unit
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf


def _served(outcome: Outcome) -> Served:
    headers: dict[str, str] = {}
    if outcome.attempts:
        last = outcome.attempts[-1].target
        headers = {
            "x-gateway-provider": last.provider,
            "x-gateway-model": last.model,
            "x-gateway-attempts": str(len(outcome.attempts)),
        }
    if outcome.lowered_cap is not None:
        headers["x-gateway-max-tokens"] = str(outcome.lowered_cap)
    return Served(outcome.result, headers)
