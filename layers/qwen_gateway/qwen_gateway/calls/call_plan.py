"""What a call may cost at most: the bound of each target that it may use, and the terms on which it is admitted."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from qwen_gateway.catalog import Model
from qwen_gateway.dialect import AdaptedRequest
from qwen_gateway.errors import CostUnbounded, RequestInvalid
from qwen_gateway.ledger import DEFAULT_MAX_OUTPUT, KeySnapshot, Offer, Terms
from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.pricing.request_limits import Unbounded
from qwen_gateway.pricing.units import CACHE_WRITE
from qwen_gateway.routing import Target
from qwen_gateway.upstream import RoutedRequest
from qwen_gateway.upstream.operations import Operation

type Limits = Callable[[Mapping[str, Any], Model | None], RequestLimits | Unbounded]
"""Returns the most that a provider can count for an adapted request of an operation."""


class Upstream(Protocol):
    """The providers' client."""

    def adapt(self, operation: Operation, request: RoutedRequest) -> dict[Target, AdaptedRequest | RequestInvalid]:
        """Return the request in the form that each eligible target gets, or why it gets none."""
        ...


class Routes(Protocol):
    """The models behind the targets."""

    def describe(self, target: Target) -> Model | None:
        """Return the catalog's entry of a target, or None."""
        ...


class Prices(Protocol):
    """The prices of the targets."""

    currency: str

    def bound(self, target: Target, limits: RequestLimits, at: float) -> Cost | Unpriced:
        """Return the most that a request within the limits can cost, if it starts at a time (seconds since 1970)."""
        ...


class _Bound(NamedTuple):
    """The most that an attempt at a target may cost, and the limits from which that follows."""

    cost: Cost
    limits: RequestLimits


_REASONS = {
    "web_search": "it can search the web, whose results are charged as input",
    "provider_tools": "it has tools that the provider runs, whose results are charged as input",
    "model": "the catalog does not describe the model",
    "input": "its input has no limit",
    "output": "its output has no limit",
    "thinking": "the model's thinking has no limit",
}


class CallPlan:
    """The targets and bounds of one request. Implements the ledger's `Plan`.

    Args:
        upstream: adapts the request to each target.
        routes: describe the models.
        prices: the price of the call's start counts.
        operation: the kind of call.
        routed: the client's request.
        limits: what a provider can count for it.
        at: the start of the call, in seconds since 1970.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - everything that a bound depends on
        self,
        upstream: Upstream,
        routes: Routes,
        prices: Prices,
        operation: Operation,
        routed: RoutedRequest,
        limits: Limits,
        at: float,
    ) -> None:
        self._upstream = upstream
        self._routes = routes
        self._prices = prices
        self._operation = operation
        self._routed = routed
        self._limits = limits
        self._at = at
        self._names_limit = operation.requirements(routed.body).max_tokens > 0
        self._known: dict[tuple[int | None, tuple[Target, ...]], dict[Target, _Bound | str]] = {}

    @property
    def needs_settings(self) -> bool:
        """Whether a target has no bound, so that the choice of targets depends on the key."""
        return any(isinstance(bound, str) for bound in self._bounds(self._default(None)).values())

    def terms(self, snapshot: KeySnapshot | None) -> Terms:
        """Return the terms for a key with a hold; None: for one that is not known, which may have a budget.

        Raises:
            CostUnbounded: the key has a budget, and no target has a bound.
        """
        if snapshot and snapshot.budget is None:
            return Terms(has_budget=False)
        default = self._default(snapshot)
        bounds = self._bounds(default)
        bounded = [bound.cost.amount for bound in bounds.values() if isinstance(bound, _Bound)]
        reasons = [f"{target.model}: {bound}" for target, bound in bounds.items() if isinstance(bound, str)]
        if reasons and snapshot and snapshot.warns:
            return Terms(has_budget=True, default_max_output=default, needs_warn=True)
        if reasons and not bounded:
            raise CostUnbounded(
                "This API key has a budget, and what this request may cost has no upper limit "
                f"({reasons[0][:200]}). Change the request, or use another model or a key without a budget."
            )
        if reasons:
            bounds = self._bounds(default, self.request(Terms(has_budget=True, default_max_output=default)).targets)
        return Terms(has_budget=True, amount=max(_amounts(bounds), default=0), default_max_output=default)

    def request(self, terms: Terms | None) -> RoutedRequest:
        """Return the request for the providers: for a key with a budget only targets that have a bound."""
        if terms is None or not terms.has_budget:
            return self._routed
        default = terms.default_max_output
        routed = self._routed if default is None else self._routed._replace(defaults={"max_tokens": default})
        if terms.needs_warn:
            return routed
        bounds = self._bounds(default)
        while any(isinstance(bound, str) for bound in bounds.values()):
            # The first target's output limit counts for all, so the others are bounded anew without it.
            routed = routed._replace(targets=tuple(t for t, bound in bounds.items() if not isinstance(bound, str)))
            bounds = self._bounds(default, routed.targets)
        return routed

    def bound(self, target: Target, terms: Terms | None) -> Cost | None:
        """Return the most that an attempt of the admitted call at a target may cost; None without a bound."""
        default = terms.default_max_output if terms else None
        bound = self._bounds(default, self.request(terms).targets).get(target)
        return bound.cost if isinstance(bound, _Bound) else None

    def offer(self, terms: Terms | None) -> Offer:
        """Return what the call asks of the budget."""
        amount = terms.amount if terms else 0
        return Offer(amount, self._prices.currency, lambda left: self._affordable_output(terms, left))

    def _affordable_output(self, terms: Terms | None, left: int) -> int:
        """Return the output tokens of each choice that an amount buys at the dearest target."""
        if terms is None:
            return 0
        bounds = self._bounds(terms.default_max_output, self.request(terms).targets)
        choices = self._routed.body.get("n") or 1
        tokens = [
            self._tokens_for(target, bound, left) for target, bound in bounds.items() if isinstance(bound, _Bound)
        ]
        return min(tokens, default=0) // choices

    def _tokens_for(self, target: Target, bound: _Bound, left: int) -> int:
        without_output = self._prices.bound(target, bound.limits._replace(tokens_out=0), self._at)
        base = without_output.amount if isinstance(without_output, Cost) else bound.cost.amount
        output = bound.cost.amount - base
        return max(0, left - base) * bound.limits.tokens_out // output if output > 0 else 0

    def _default(self, snapshot: KeySnapshot | None) -> int | None:
        """Return the output cap of a request that names none, for a key with a budget."""
        if self._names_limit:
            return None
        return snapshot.default_max_output if snapshot else DEFAULT_MAX_OUTPUT

    def _bounds(self, default: int | None, targets: tuple[Target, ...] | None = None) -> dict[Target, _Bound | str]:
        """Return the bound of each target, or why it has none. A target that cannot serve the request costs nothing."""
        key = default, targets or self._routed.targets
        if key not in self._known:
            self._known[key] = self._find_bounds(*key)
        return self._known[key]

    def _find_bounds(self, default: int | None, targets: tuple[Target, ...]) -> dict[Target, _Bound | str]:
        defaults = {} if default is None else {"max_tokens": default}
        request = self._routed._replace(targets=targets, defaults=defaults)
        return {
            target: self._find_bound(target, adapted)
            for target, adapted in self._upstream.adapt(self._operation, request).items()
        }

    def _find_bound(self, target: Target, adapted: AdaptedRequest | RequestInvalid) -> _Bound | str:
        if isinstance(adapted, RequestInvalid):
            return _Bound(Cost(0, self._prices.currency), RequestLimits(0, 0))
        limits = self._limits(adapted.body, self._routes.describe(target))
        if isinstance(limits, Unbounded):
            return _REASONS.get(limits.reason, limits.reason)
        if adapted.writes_cache:
            limits = limits._replace(cache_writes=limits.cache_writes | {CACHE_WRITE})
        cost = self._prices.bound(target, limits, self._at)
        return "its price is not known" if isinstance(cost, Unpriced) else _Bound(cost, limits)


def _amounts(bounds: Mapping[Target, _Bound | str]) -> list[int]:
    return [bound.cost.amount for bound in bounds.values() if isinstance(bound, _Bound)]
