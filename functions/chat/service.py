"""One chat call, from the key to the usage record."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from chat.opening import Opening
from chat.patience import LONGEST_QUIET, asked_for, patience
from chat.record import Call, Started, usage_record
from qwen_gateway import observability
from qwen_gateway.api import DONE, ChatRequest, HttpRequest, Served, Streamed, bearer_token, failure, framed
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import (
    ANSWERS,
    Defect,
    GatewayError,
    LedgerUnavailable,
    ProviderKeyRefused,
    ProviderOutOfCredit,
)
from qwen_gateway.ledger import ApiKey, UsageRecord, record_fields
from qwen_gateway.routes import Target
from qwen_gateway.upstream import Deadline, Outcome, Relay


class Keys(Protocol):
    """Who calls."""

    def check_format(self, token_text: str) -> None:
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
    """The way to the providers. A failure is a value."""

    def complete(
        self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline
    ) -> Outcome[dict[str, Any]]:
        """Return the whole answer."""
        ...

    def begin(
        self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline
    ) -> Outcome[Relay]:
        """Return the answer when its first output has arrived."""
        ...


class Ledger(Protocol):
    """Where records go."""

    def put(self, record: UsageRecord) -> None:
        """Write a record, or raise LedgerUnavailable."""
        ...


class ChatService:
    """Answers chat calls: each one that was let through leaves exactly one usage record."""

    def __init__(self, keys: Keys, routes: Routes, upstream: Upstream, ledger: Ledger, timeouts: Timeouts) -> None:
        self._keys = keys
        self._routes = routes
        self._upstream = upstream
        self._ledger = ledger
        self._timeouts = timeouts

    def complete(self, request: HttpRequest, request_id: str, seconds: float) -> Served | Streamed:
        """Answer a request within `seconds`.

        Raises:
            GatewayError: the request or its key was refused; no provider was called and no record is left.
        """
        started = Started.now()
        token = bearer_token(request.headers)
        self._keys.check_format(token)
        chat = ChatRequest.parse(request.body)
        key = self._keys.authenticate(token, started.epoch)
        targets = self._routes.targets(chat.model)
        call = Call(request_id, key, chat, request.headers, started)
        if chat.streams:
            return self._stream(call, targets, seconds)
        limits = (seconds, LONGEST_QUIET, asked_for(request.headers), patience(request.headers))
        deadline = Deadline(min(limits) - started.ago())
        outcome = self._ask(call, self._upstream.complete, targets, deadline)
        self._settle(call, outcome, committed=False)
        return Served(outcome.result, _headers(outcome))

    def _stream(self, call: Call, targets: tuple[Target, ...], seconds: float) -> Served | Streamed:
        """Answer when the first output is there, or has been waited for long enough to commit to the status 200."""
        deadline = Deadline(min(seconds, asked_for(call.headers)) - call.started.ago())
        opening = Opening(lambda: self._ask(call, self._upstream.begin, targets, deadline))
        outcome = opening.wait(min(self._timeouts.commit, patience(call.headers)) - call.started.ago())
        if outcome and isinstance(outcome.result, GatewayError):
            self._settle(call, outcome, committed=False)
            return Served(outcome.result, _headers(outcome))
        headers = _headers(outcome) if outcome else {}
        return Streamed(self._events(call, opening), self._timeouts.ping, headers)

    def _events(self, call: Call, opening: Opening[Outcome[Relay]]) -> Iterator[bytes]:
        """Yield what the client reads. It is read to its end whether somebody listens or not, so the bill is exact."""
        begun = opening.result()
        relay = begun.result
        try:
            if isinstance(relay, GatewayError):
                yield failure(relay, call.request_id)
            else:
                yield from self._relayed(call, relay)
        finally:
            self._settle(call, begun if isinstance(relay, GatewayError) else relay.end(), committed=True)

    def _relayed(self, call: Call, relay: Relay) -> Iterator[bytes]:
        try:
            for batch in relay.events():
                yield framed(event.data for event in batch)
        except GatewayError as error:
            _report(error, call.request_id)
            yield failure(error, call.request_id)
        else:
            usage = (relay.usage.data,) if relay.usage and call.chat.wants_usage else ()
            yield framed(usage) + DONE

    def _ask[Answer](
        self,
        call: Call,
        ask: Callable[[str, tuple[Target, ...], Mapping[str, Any], Deadline], Outcome[Answer]],
        targets: tuple[Target, ...],
        deadline: Deadline,
    ) -> Outcome[Answer]:
        try:
            outcome = ask(call.chat.model, targets, call.chat.body, deadline)
        except Exception as unforeseen:  # noqa: BLE001 - also a call that a defect ended has to leave its record
            outcome = Outcome((), Defect(unforeseen))
        _report(outcome.result, call.request_id)
        return outcome

    def _settle(self, call: Call, outcome: Outcome[Any], *, committed: bool) -> None:
        record = usage_record(call, outcome, committed=committed)
        try:
            self._ledger.put(record)
        except LedgerUnavailable:
            observability.count("usage_record_lost")
            observability.logger().error("usage record lost", extra={"usage_record": record_fields(record)})
        _count_what_was_made_up_for(outcome)


def _report(result: object, request_id: str) -> None:
    if isinstance(result, Defect):
        observability.report(result.unforeseen, request_id)


_METRICS = {kind.__name__: ANSWERS[kind].code for kind in (ProviderOutOfCredit, ProviderKeyRefused)}
"""The metrics of the causes that only the gateway's owner can end, by the cause that an attempt names."""


def _count_what_was_made_up_for(outcome: Outcome[Any]) -> None:
    """Count what the owner has to mend although the client reads nothing of it, because another target answered.

    The failure that the client reads is counted where it is told.
    """
    unread = {attempt.cause for attempt in outcome.attempts} - {type(outcome.result).__name__}
    for cause in sorted(unread & _METRICS.keys()):
        observability.count(_METRICS[cause])


def _headers(outcome: Outcome[Any]) -> dict[str, str]:
    """Say who answers, or was asked last, and after how many calls of providers."""
    headers: dict[str, str] = {}
    if isinstance(outcome.result, Relay):
        headers = _asked(outcome.result.target, outcome.result.calls)
    elif outcome.attempts:
        headers = _asked(outcome.attempts[-1].target, len(outcome.attempts))
    if outcome.lowered_cap is not None:
        headers["x-gateway-max-tokens"] = str(outcome.lowered_cap)
    return headers


def _asked(target: Target, calls: int) -> dict[str, str]:
    return {
        "x-gateway-provider": target.provider,
        "x-gateway-model": target.model,
        "x-gateway-attempts": str(calls),
    }
