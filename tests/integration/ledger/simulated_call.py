"""A call of the simulated ledger, and its plan, which says what an attempt may cost."""

from dataclasses import dataclass

from qwen_gateway.ledger import Admission, KeySnapshot, Offer, Terms, WinningRecord
from qwen_gateway.ledger.key_snapshot import DEFAULT_MAX_OUTPUT


@dataclass(frozen=True)
class SimulatedPlan:
    """A call of which one attempt costs at most `bound`, and twice as much with another default output limit.

    Without `is_bounded` one of its targets has no bound.
    """

    bound: int
    is_bounded: bool = True
    needs_settings = False

    def amount(self, default: int | None) -> int:
        """Return the bound of an attempt."""
        return self.bound if default == DEFAULT_MAX_OUTPUT else 2 * self.bound

    def terms(self, snapshot: KeySnapshot | None) -> Terms:
        if snapshot and snapshot.budget is None:
            return Terms(has_budget=False)
        default = snapshot.default_max_output if snapshot else DEFAULT_MAX_OUTPUT
        if snapshot and snapshot.warns and not self.is_bounded:
            return Terms(has_budget=True, default_max_output=default, needs_warn=True)
        return Terms(has_budget=True, amount=self.amount(default), default_max_output=default)

    def offer(self, terms: Terms | None) -> Offer:
        return Offer(terms.amount if terms else 0, "USD", lambda _left: 0)


@dataclass(eq=False)
class SimulatedCall:
    """An admitted call. `cost` is what its attempts cost so far, presumed ones at their bound."""

    ulid: str
    started: float
    skew: int
    plan: SimulatedPlan
    admission: Admission
    attempts: int = 0
    presumed: int = 0
    owed: int = 0
    cost: int = 0
    may_attempt: bool = True
    winner: WinningRecord | None = None

    @property
    def bound(self) -> int:
        """The most that an attempt costs; 0 if the call was admitted without a bound."""
        terms = self.admission.terms
        return self.plan.amount(terms.default_max_output) if terms and self.admission.amount else 0
