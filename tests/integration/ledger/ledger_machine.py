"""The steps by which Hypothesis drives the real ledger, with faults of its writes and skewed clocks."""

from contextlib import ExitStack
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from qwen_gateway.ledger.key_changes import KeyChanges
from qwen_gateway.ledger.key_limits import KeyLimits
from tests.integration.emulated_aws import emulated_aws
from tests.integration.ledger.promises import LARGEST_SKEW_S
from tests.integration.ledger.simulated_call import SimulatedPlan
from tests.integration.ledger.simulated_ledger import THROTTLED, SimulatedLedger

NO_FAULTS: st.SearchStrategy[list[Any]] = st.just([])
FAULTS = NO_FAULTS | st.lists(
    st.sampled_from(
        [None, None, None, "interrupt", "lost answer", "late", "repeated", "late duplicate", "killed", THROTTLED]
    ),
    min_size=1,
    max_size=2,
)
SKEWS = st.sampled_from([0, LARGEST_SKEW_S, -LARGEST_SKEW_S])
BUDGETS = st.integers(3, 30)
BOUNDS = st.integers(1, 5)
LATE_IN_THE_STORY = 6
"""Records after which the key may be revoked, which ends its calls."""
NUMBER = st.integers(0, 7)
LIMITS = st.builds(
    lambda **limits: KeyLimits(**limits)._replace(period=limits["period"] if limits["budget"] else None),
    budget=st.none() | BUDGETS | BUDGETS,
    period=st.sampled_from([None, "day"]),
    rpm=st.sampled_from([None, None, 3]),
    tpm=st.sampled_from([None, None, 20]),
    concurrency=st.sampled_from([None, 3, 4]),
    on_limit=st.sampled_from(["refuse", "refuse", "warn"]),
)
CHANGES: st.SearchStrategy[KeyChanges] = st.one_of(
    st.builds(lambda budget: {"budget": budget}, BUDGETS),
    st.builds(lambda budget, period: {"budget": budget, "period": period}, BUDGETS, st.sampled_from(["day", "total"])),
    st.sampled_from(
        [{"budget": None}, {"concurrency": 1}, {"concurrency": 3}, {"on_limit": "warn"}, {"on_limit": "refuse"}]
    ),
    st.sampled_from([{"rpm": 2}, {"rpm": None}, {"tpm": 15}, {"default_max_output": 100}]),
)


class LedgerMachine(RuleBasedStateMachine):
    """One key of the real ledger, in moto."""

    ledger: SimulatedLedger

    def __init__(self) -> None:
        super().__init__()
        self._account = ExitStack()
        self._aws = self._account.enter_context(emulated_aws())

    @initialize(limits=LIMITS, is_old=st.sampled_from([False] * 7 + [True]))
    def create_key(self, limits: KeyLimits, is_old: bool) -> None:
        self.ledger = SimulatedLedger(self._aws, None if is_old else limits)

    @precondition(lambda self: len(self.ledger.calls) < 4)
    @rule(bound=BOUNDS, is_bounded=st.sampled_from([True, True, False]), skew=SKEWS, faults=FAULTS)
    def start(self, bound: int, is_bounded: bool, skew: int, faults: list[Any]) -> None:
        self.ledger.start(SimulatedPlan(bound, is_bounded), skew, faults)

    @precondition(lambda self: any(call.may_attempt for call in self.ledger.calls))
    @rule(number=NUMBER, charge=st.none() | st.integers(0, 7), faults=FAULTS)
    def attempt(self, number: int, charge: int | None, faults: list[Any]) -> None:
        self.ledger.attempt(_pick(number, [call for call in self.ledger.calls if call.may_attempt]), charge, faults)

    @precondition(lambda self: self.ledger.calls)
    @rule(number=NUMBER, faults=FAULTS)
    def settle(self, number: int, faults: list[Any]) -> None:
        call = _pick(number, self.ledger.calls)
        if call.winner:
            self.ledger.release(call, faults)
        else:
            self.ledger.put_record(call, faults)

    @precondition(lambda self: self.ledger.calls)
    @rule(number=NUMBER)
    def kill(self, number: int) -> None:
        self.ledger.kill(_pick(number, self.ledger.calls))

    @precondition(lambda self: self.ledger.late)
    @rule(number=NUMBER)
    def deliver(self, number: int) -> None:
        self.ledger.deliver(number % self.ledger.late)

    @rule(bound=BOUNDS, charge=st.integers(0, 5), faults=FAULTS)
    def make_call(self, bound: int, charge: int, faults: list[Any]) -> None:
        """One call from its start to its end."""
        before = len(self.ledger.calls)
        self.ledger.start(SimulatedPlan(bound), 0, faults)
        for call in self.ledger.calls[before:]:
            self.ledger.attempt(call, min(charge, bound))
            self.ledger.put_record(call)
            self.ledger.release(call)

    @rule(seconds=st.sampled_from([1, 70, 800, 1_500, 1_800]), reconciles=st.booleans(), skew=SKEWS, faults=FAULTS)
    def wait(self, seconds: int, reconciles: bool, skew: int, faults: list[Any]) -> None:
        self.ledger.wait(seconds)
        if reconciles:
            self.ledger.reconcile(skew, faults)

    @rule(changes=CHANGES, faults=FAULTS)
    def change_settings(self, changes: KeyChanges, faults: list[Any]) -> None:
        self.ledger.change(changes, faults)

    @precondition(lambda self: self.ledger.promises.records)
    @rule(what=st.sampled_from(["refund", "refund", "rotate", "revoke"]), number=NUMBER, faults=FAULTS)
    def operate(self, what: str, number: int, faults: list[Any]) -> None:
        match what:
            case "refund":
                self.ledger.refund(_pick(number, sorted(self.ledger.promises.records)), faults)
            case "rotate":
                self.ledger.rotate(number * 60, faults)
            case "revoke" if len(self.ledger.promises.records) > LATE_IN_THE_STORY:
                self.ledger.revoke(faults)

    def teardown(self) -> None:
        try:
            if hasattr(self, "ledger"):
                self.ledger.end()
        finally:
            self._account.close()


def _pick[Item](number: int, items: list[Item]) -> Item:
    return items[number % len(items)]
