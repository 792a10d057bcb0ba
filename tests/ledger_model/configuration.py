"""What is explored: the key's settings, the events that can happen, and how many of them."""

from typing import NamedTuple

type Task = tuple[str, int]
"""Of an operator: `set_budget` with the new budget, `new_period` with 0, `refund` with a call, or `reprice` with the
true cost of call 0."""


class Configuration(NamedTuple):
    """One exploration.

    Attributes:
        calls: 1 or 2.
        budget: of the key at first; None: none.
        without_budget: `hold` or `read`, the form of a key without a budget.
        bound: the most that one attempt costs, and what is held for it.
        costs: what a billed attempt may cost.
        attempts: the most of one call.
        sends: the most sends of one `reserve`, each but the last without a clear answer.
        concurrency: of the key.
        most_holds: the limit of the hold map, also in shadow mode.
        is_warn: shadow mode.
        periods: how many times the period ends.
        skew: how many periods a call's clock may be behind.
        tasks: what operators do, each once.
        reconciles: runs at the same time.
        faults: the most writes without an answer, each of which is applied, arrives later, or never does.
    """

    calls: int = 2
    budget: int | None = 4
    without_budget: str = "hold"
    bound: int = 2
    costs: tuple[int, ...] = (1,)
    attempts: int = 1
    sends: int = 2
    concurrency: int = 9
    most_holds: int = 9
    is_warn: bool = False
    periods: int = 0
    skew: int = 0
    tasks: tuple[Task, ...] = ()
    reconciles: int = 1
    faults: int = 1
