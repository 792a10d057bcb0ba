"""An admitted call whose request takes several calls of providers: parts at once, all or nothing, one record.

Each part has attempts of its own. The hold covers each part once; an attempt that a provider may charge is held beside
it before the part is sent again.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from qwen_gateway.calls.admitted_call import AdmittedCall
from qwen_gateway.calls.call_cost import CallCost
from qwen_gateway.calls.call_plan import CallPlan
from qwen_gateway.errors import GatewayError, InternalError, ProviderRefused
from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, BeforeAttempt, Outcome, RoutedRequest
from qwen_gateway.usage import sum_usage

MAX_PARTS_AT_ONCE = 8
"""Calls of providers for one request at the same time: the provider limits requests by the second, too."""

type Complete = Callable[[RoutedRequest, BeforeAttempt], Outcome[dict[str, Any]]]
"""Runs the attempts of a part. It does not raise."""


class PartPlan(NamedTuple):
    """The bounds of one part, and the field of the request that names it in an error; empty for the whole request."""

    field: str
    plan: CallPlan


class SplitCall:
    """The parts of one admitted call.

    Args:
        admitted: the call.
        parts: the parts, in order.
        nothing: the cost of a call that was not charged.
    """

    def __init__(self, admitted: AdmittedCall, parts: Sequence[PartPlan], nothing: Cost) -> None:
        self._admitted = admitted
        self._parts = parts
        self._nothing = nothing
        self._failure: GatewayError | None = None
        self._lock = threading.Lock()

    def run(self, complete: Complete) -> tuple[Outcome[list[dict[str, Any]]], CallCost]:
        """Run all parts; return their answers in order, or the first failure, and what the call costs.

        After a failure no attempt starts; those that have started are waited for, because they may be charged.
        """
        with ThreadPoolExecutor(min(MAX_PARTS_AT_ONCE, len(self._parts))) as pool:
            run = list(pool.map(lambda part: self._run_part(part, complete), self._parts))
        started = [(part.plan, outcome) for part, outcome in zip(self._parts, run, strict=True) if outcome]
        outcomes = [outcome for _, outcome in started]
        costs = [self._admitted.price(outcome, plan) for plan, outcome in started]
        answers = [outcome.result for outcome in outcomes if not isinstance(outcome.result, GatewayError)]
        usage = sum_usage([outcome.usage for outcome in outcomes if outcome.usage])
        attempts, presumed = _group(outcomes, costs)
        whole = Outcome(attempts, self._failure or answers, usage, outcomes[-1].changes)
        if any(isinstance(outcome.result, InternalError) and not outcome.attempts for outcome in outcomes):
            # It is not known whether a provider was called for that part: the whole hold is charged.
            return whole, self._admitted.price(Outcome((), InternalError(RuntimeError())))
        return whole, CallCost(self._sum(costs), presumed)

    def _run_part(self, part: PartPlan, complete: Complete) -> Outcome[dict[str, Any]] | None:
        """Run a part; None if it did not start, because another one has failed."""
        if self._failure:
            return None
        outcome = complete(self._admitted.part(part.plan), _PartHold(self, part.plan).before_attempt)
        if isinstance(outcome.result, GatewayError):
            with self._lock:
                self._failure = self._failure or _name_part(outcome.result, part.field)
        return outcome

    def hold(self, plan: CallPlan, target: Target) -> GatewayError | None:
        """Hold what a part may cost once more at a target; an error ends the call."""
        has_hold = self._admitted.admission.amount > 0
        return self._admitted.hold_more(self._admitted.bound(plan, target)) if has_hold else None

    @property
    def failure(self) -> GatewayError | None:
        """The failure of a part, after which no attempt starts."""
        return self._failure

    def _sum(self, costs: Sequence[CallCost]) -> Cost | Unpriced:
        priced = [each.cost for each in costs if isinstance(each.cost, Cost)]
        unpriced = next((each.cost for each in costs if isinstance(each.cost, Unpriced)), None)
        named = next((cost for cost in priced if cost.price), self._nothing)
        return unpriced or named._replace(amount=sum(cost.amount for cost in priced))


def _name_part(error: GatewayError, field: str) -> GatewayError:
    """Name the part of the request that a provider rejects."""
    if field and isinstance(error, ProviderRefused):
        error.message, error.param = f"{field}: {error.message}", field.partition("[")[0]
    return error


class _PartHold:
    """What is held for the repeated attempts of one part."""

    def __init__(self, call: SplitCall, plan: CallPlan) -> None:
        self._call = call
        self._plan = plan
        self._covered = 0

    def before_attempt(self, _target: Target, attempts: Sequence[Attempt]) -> GatewayError | None:
        """Hold what the presumed attempts so far may cost; after the failure of another part the part ends, too."""
        if failure := self._call.failure:
            return failure
        presumed = [attempt.target for attempt in attempts if attempt.charged == "presumed"]
        for target in presumed[self._covered :]:
            if error := self._call.hold(self._plan, target):
                return error
            self._covered += 1
        return None


def _group(
    outcomes: Sequence[Outcome[Any]], costs: Sequence[CallCost]
) -> tuple[tuple[Attempt, ...], tuple[int | None, ...]]:
    """Return the attempts of all parts, those with the same fate as one, and what is presumed of each.

    The failed ones come first, so that the last one is that of an answer, if there is any.
    """
    groups: dict[tuple[Any, ...], tuple[Attempt, int | None]] = {}
    for outcome, cost in zip(outcomes, costs, strict=True):
        presumed_costs = cost.presumed or (None,) * len(outcome.attempts)
        for attempt, presumed in zip(outcome.attempts, presumed_costs, strict=True):
            fate = (bool(not attempt.cause), attempt.target, attempt.cause, attempt.status, attempt.charged)
            before, amount = groups.get(fate, (attempt._replace(calls=0), None))
            total = None if presumed is None else (amount or 0) + presumed
            groups[fate] = (attempt._replace(calls=before.calls + 1), total)
    ordered = [groups[fate] for fate in sorted(groups, key=lambda fate: fate[0])]
    return tuple(attempt for attempt, _ in ordered), tuple(amount for _, amount in ordered)
