"""A call that the ledger admitted: its hold before each attempt, its cost, and its settlement."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

from qwen_gateway import metrics
from qwen_gateway.aws import LONGEST_AWS_CALL_S
from qwen_gateway.calls.background_task import BackgroundTask
from qwen_gateway.calls.call_cost import CallCost, Prices, Pricing, price_call
from qwen_gateway.calls.call_plan import CallPlan
from qwen_gateway.calls.settlement import Settlements, count_recovered_failures, settle
from qwen_gateway.calls.usage_record import Call, build_open_record, build_usage_record
from qwen_gateway.errors import BudgetExhausted, GatewayError, InternalError, LedgerUnavailable
from qwen_gateway.ledger import Admission
from qwen_gateway.ledger.dynamodb import ledger_unavailable
from qwen_gateway.pricing import Cost, Unpriced, count_searches
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Outcome, RoutedRequest
from qwen_gateway.usage import Usage


class AdmittedCall:
    """One admitted call, which leaves exactly one usage record.

    Args:
        call: the client's call.
        plan: its bounds.
        admission: how it was admitted.
        settlements: the ledger's writes at its end.
        prices: the prices of the targets.
        policy: what presumed attempts are charged.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a call is settled with
        self,
        call: Call,
        plan: CallPlan,
        admission: Admission,
        settlements: Settlements,
        prices: Prices,
        policy: Literal["bound", "nothing"],
    ) -> None:
        self.call = call
        self.admission = admission
        self._plan = plan
        self._settlements = settlements
        self._prices = prices
        self._policy = policy
        self._lock = threading.Lock()

    @property
    def request(self) -> RoutedRequest:
        """The request for the providers."""
        return self._plan.request(self.admission.terms)

    def open(self, seconds_left: float) -> LedgerUnavailable | None:
        """Put the open record of a call without a hold; an error ends the call. No provider may be called before."""
        if self.admission.hold:
            return None
        record = build_open_record(self.call)

        def put() -> bool:
            self._settlements.open(record)
            return True

        try:
            is_open = put() if seconds_left >= LONGEST_AWS_CALL_S else BackgroundTask(put).wait(seconds_left)
        except LedgerUnavailable as error:
            # Perhaps it is there. If this fails too, reconcile closes it.
            not_called = record._replace(state="not_called", outcome="ledger_unavailable", status=503, cost=0)
            with suppress(LedgerUnavailable):
                self._settlements.put(self.admission, not_called)
            return error
        return None if is_open else ledger_unavailable()

    def before_attempt(self, target: Target, attempts: Sequence[Attempt]) -> GatewayError | None:
        """Hold what the next attempt may cost beside those that the provider may charge; an error ends the call."""
        if not self.admission.amount:
            return None
        presumed = [attempt.target for attempt in attempts if attempt.charged == "presumed"]
        bounds = [self._bound(each) for each in (*presumed, target)]
        return self._hold(sum(bound.amount for bound in bounds if bound))

    def hold_more(self, amount: int) -> GatewayError | None:
        """Hold an amount beside the present one, for a part of the call; an error ends the call. Thread-safe."""
        with self._lock:
            return self._hold(self.admission.amount + amount)

    def bound(self, plan: CallPlan, target: Target) -> int:
        """Return the most that an attempt at a target may cost by a plan; 0 without a bound."""
        bound = plan.bound(target, self.admission.terms)
        return bound.amount if bound else 0

    def part(self, plan: CallPlan) -> RoutedRequest:
        """Return the request of a plan for the providers, on the terms of this call."""
        return plan.request(self.admission.terms)

    def _hold(self, needed: int) -> GatewayError | None:
        if needed <= self.admission.amount:
            return None
        try:
            raised = self._settlements.raise_hold(self.admission, needed)
        except LedgerUnavailable as error:
            return error
        if raised is None:
            return BudgetExhausted("What is left of this API key's budget does not cover another attempt.")
        self.admission = raised
        return None

    def price(self, outcome: Outcome[Any], plan: CallPlan | None = None) -> CallCost:
        """Return the cost of the attempts of an outcome. `plan` has the bounds; by default it is that of the call."""
        if isinstance(outcome.result, InternalError) and not outcome.attempts:
            # It is not known whether a provider was called.
            amount = self.admission.amount
            return CallCost(self._prices.nothing()._replace(amount=amount) if amount else Unpriced("internal_error"))
        bounds = plan or self._plan
        pricing = Pricing(
            self._prices,
            lambda target: bounds.bound(target, self.admission.terms),
            self._policy,
            self.call.start.epoch,
            self.admission.amount,
        )
        return price_call(pricing, outcome.attempts, self._count_searches(outcome.usage))

    def settle(
        self,
        outcome: Outcome[Any],
        seconds_left: float,
        *,
        cost: CallCost | None = None,
        response_started: bool = False,
        retires_soon: bool = False,
    ) -> Cost | Unpriced:
        """Write the usage record, release the hold, and return the cost.

        Args:
            outcome: how the call ended.
            seconds_left: until the end of the invocation.
            cost: the call's cost, if the client was told it before.
            response_started: whether the status 200 was sent before.
            retires_soon: whether the model that answered is retired soon.
        """
        ids = self.call.request.ids
        call_cost = cost or self.price(outcome)
        record = build_usage_record(self.call._replace(response_started=response_started), outcome, call_cost)
        settle(self._settlements, self.admission, record, ids, seconds_left)
        count_recovered_failures(outcome, ids)
        if retires_soon:
            metrics.count("model_retires_soon", ids)
        return call_cost.cost

    def _bound(self, target: Target) -> Cost | None:
        return self._plan.bound(target, self.admission.terms)

    def _count_searches(self, usage: Usage | None) -> Usage | None:
        return usage and count_searches(usage, self.call.routed.body)
