"""Calls at once on one budget, which covers a part of them: nothing is overspent, and every refusal is true."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from qwen_gateway.ledger import AdmissionRefused
from tools.bench.ledger.calls import LedgerCalls
from tools.bench.ledger.emulation import KEYS, Emulation

_BOUND = 1_000_000_000
"""A tenth of a cent, in pico-units."""
_COVERED = 5
"""The budget covers the bound of one of so many calls."""
_MOST_AT_ONCE = 300


class Burst(NamedTuple):
    """What happened. Amounts are pico-units; `outcomes` counts calls by `admitted` or the error that refused them.

    `false_refusals` were refused for the budget although `remaining` was not below the bound in the item on which the
    condition was judged. `most_holds` is the largest number of open calls that an admitted call saw.
    """

    calls: int
    seconds: float
    outcomes: dict[str, int]
    budget: int
    spent: int
    overspent: int
    false_refusals: int
    most_holds: int
    key: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        fields = self._asdict()
        del fields["key"]
        return fields | {"seconds": round(self.seconds, 1)}


def run_burst(emulation: Emulation, calls: int) -> Burst:
    """Make so many calls at once, each from a thread of its own, with a random cost up to their bound."""
    budget = _BOUND * calls // _COVERED
    issued = emulation.create_key(time.time(), budget=budget, concurrency=_MOST_AT_ONCE)
    ledger = LedgerCalls(emulation.endpoint, _BOUND, connections=calls)
    ready = threading.Barrier(calls)
    chance = random.Random(calls)  # noqa: S311
    costs = [chance.randint(0, _BOUND) for _ in range(calls)]

    def call(cost: int) -> tuple[str, bool, int]:
        """Return the outcome, whether it is a refusal that is not true, and the open calls that it saw."""
        ready.wait()
        try:
            admission = ledger.admit(issued.token)
        except AdmissionRefused as refused:
            remaining = refused.snapshot.remaining if refused.snapshot else None
            outcome = type(refused.error).__name__
            is_false = outcome == "BudgetExhausted" and (remaining is None or remaining >= _BOUND)
            return outcome, is_false, 0
        ledger.settle(admission, cost)
        return "admitted", False, len(admission.snapshot.holds)

    started = time.monotonic()
    with ThreadPoolExecutor(calls) as threads:
        results = list(threads.map(call, costs))
    seconds = time.monotonic() - started
    (key,) = [key for key in emulation.scan(KEYS) if key["id"] == issued.key.id]
    return Burst(
        calls=calls,
        seconds=seconds,
        outcomes=dict(Counter(outcome for outcome, *_ in results)),
        budget=budget,
        spent=key["spent"],
        overspent=max(0, key["spent"] - budget, -key["remaining"]),
        false_refusals=sum(is_false for _, is_false, _ in results),
        most_holds=max(seen for *_, seen in results),
        key=key,
    )
