"""What is explored: each scenario in a short form for `make test` and a whole one for `make test-all`."""

from typing import NamedTuple

from tests.ledger_model.configuration import Configuration


class Scenario(NamedTuple):
    """A part of the protocol. The name says what it adds to reserve, settle and reconcile."""

    name: str
    short: Configuration
    whole: Configuration


SCENARIOS = (
    Scenario(
        "two calls on one budget",
        short=Configuration(faults=0),
        whole=Configuration(faults=2),
    ),
    Scenario(
        "a budget for one of two calls",
        short=Configuration(budget=3, faults=0),
        whole=Configuration(budget=3),
    ),
    Scenario(
        "many unclear writes",
        short=Configuration(calls=1, faults=2),
        whole=Configuration(calls=1, budget=6, attempts=2, sends=3, faults=3),
    ),
    Scenario(
        "a raise after a presumed attempt",
        short=Configuration(calls=1, budget=6, attempts=2),
        whole=Configuration(budget=5, attempts=2),
    ),
    Scenario(
        "a period ends",
        short=Configuration(calls=1, budget=3, periods=1),
        whole=Configuration(budget=3, periods=1),
    ),
    Scenario(
        "clocks on both sides of a period's end",
        short=Configuration(calls=1, periods=1, skew=1),
        whole=Configuration(calls=1, periods=2, skew=1, faults=2),
    ),
    Scenario(
        "a cut of the budget",
        short=Configuration(calls=1, budget=6, attempts=2, tasks=(("set_budget", 3),), faults=0),
        whole=Configuration(calls=1, budget=6, attempts=2, periods=1, tasks=(("set_budget", 3),)),
    ),
    Scenario(
        "two operators",
        short=Configuration(calls=1, tasks=(("set_budget", 2), ("set_budget", 6)), faults=0),
        whole=Configuration(calls=1, tasks=(("set_budget", 2), ("new_period", 0)), periods=1),
    ),
    Scenario(
        "a refund",
        short=Configuration(calls=1, tasks=(("refund", 0),)),
        whole=Configuration(budget=3, periods=1, tasks=(("refund", 0),), faults=0),
    ),
    Scenario(
        "a corrected price",
        short=Configuration(calls=1, tasks=(("reprice", 2), ("refund", 0))),
        whole=Configuration(calls=1, tasks=(("reprice", 2), ("reprice", 0)), periods=1, reconciles=2),
    ),
    Scenario(
        "a concurrency limit",
        short=Configuration(concurrency=1, faults=0),
        whole=Configuration(concurrency=1),
    ),
    Scenario(
        "shadow mode",
        short=Configuration(budget=1, is_warn=True, most_holds=1, faults=0),
        whole=Configuration(budget=1, is_warn=True, most_holds=2),
    ),
    Scenario(
        "holds without a budget",
        short=Configuration(calls=1, budget=None),
        whole=Configuration(budget=None),
    ),
    Scenario(
        "a first budget for a key with holds",
        short=Configuration(calls=1, budget=None, tasks=(("set_budget", 4),), faults=0),
        whole=Configuration(calls=1, budget=None, tasks=(("set_budget", 4),), faults=2),
    ),
    Scenario(
        "a key without limits",
        short=Configuration(calls=1, budget=None, without_budget="read"),
        whole=Configuration(budget=None, without_budget="read"),
    ),
    Scenario(
        "a first budget for a key without limits",
        short=Configuration(calls=1, budget=None, without_budget="read", tasks=(("set_budget", 4),)),
        whole=Configuration(budget=None, without_budget="read", tasks=(("set_budget", 4),)),
    ),
    Scenario(
        "a cost above its hold",
        short=Configuration(calls=1, costs=(1, 3)),
        whole=Configuration(budget=3, costs=(1, 3), periods=1, faults=0),
    ),
    Scenario(
        "reconcile twice at once",
        short=Configuration(calls=1, reconciles=2, faults=0),
        whole=Configuration(calls=1, reconciles=2, attempts=2, faults=2),
    ),
)
