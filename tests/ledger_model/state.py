"""The state of the model: the key's item, the records, the processes, and the writes that are still on their way.

Amounts are small integers. Two calls are numbered 0 and 1 in the order of their ULIDs. A hold is named by its call and
the number `n` of the send, as in docs/ledger.md.
"""

from typing import NamedTuple

NO_HOLD = -1
"""Stands for `n` in the record of a call without a hold."""

type Message = tuple[str, tuple[int | str | bool, ...]]
"""A write that has been sent: its name and its arguments."""


class Hold(NamedTuple):
    """An entry of the map `holds`."""

    call: int
    n: int
    amount: int


class Key(NamedTuple):
    """The key's item. `budget` is 0 without a budget; `period_end` is the number of the first period after it."""

    budget: int
    has_budget: bool
    remaining: int
    spent: int = 0
    total: int = 0
    period_end: int = 1
    version: int = 0
    change: int = -1
    holds: tuple[Hold, ...] = ()

    def hold(self, call: int, n: int) -> int | None:
        """Return the amount of a hold, None if there is none of this name."""
        for hold in self.holds:
            if hold.call == call and hold.n == n:
                return hold.amount
        return None

    def holds_of(self, call: int) -> tuple[Hold, ...]:
        """Return the holds of a call."""
        return tuple(hold for hold in self.holds if hold.call == call)

    def without(self, call: int, n: int) -> tuple[Hold, ...]:
        """Return the holds without one."""
        return tuple(hold for hold in self.holds if (hold.call, hold.n) != (call, n))

    def replacing(self, call: int, n: int, amount: int) -> tuple[Hold, ...]:
        """Return the holds with one added or changed."""
        return tuple(sorted((*self.without(call, n), Hold(call, n, amount))))


class Record(NamedTuple):
    """The record of a call. `n` names its hold, `charged` is the sum of its repricings, which its key was charged."""

    state: str
    n: int
    cost: int
    is_refunded: bool = False
    charged: int = 0

    def cost_of(self, n: int) -> int:
        """Return the cost at which a hold of the call is released."""
        return self.cost if self.n == n else 0


class Day(NamedTuple):
    """The row of the day: the calls below `upto` are in it. Without calls it does not exist.

    Attributes:
        rebuilds: stands for the version, together with `upto`.
        mark: the number of the mark that says that the day is late; 0 without.
        marks: how many there were.
    """

    upto: int = 0
    cost: int = 0
    rebuilds: int = 0
    mark: int = 0
    marks: int = 0


class Call(NamedTuple):
    """The process of a call.

    Attributes:
        phase: what it does next.
        n: the number of its next send, then of its hold; NO_HOLD for a call without.
        amount: what it takes its hold to be.
        cost: what it has to pay so far.
        attempts: started.
        assumes_budget: what the process takes the key to be.
        owed: the most that providers may charge for it.
        is_bounded: its hold has to cover what it owes.
    """

    phase: str
    n: int = 0
    amount: int = 0
    cost: int = 0
    attempts: int = 0
    assumes_budget: bool = True
    owed: int = 0
    is_bounded: bool = False

    def end(self) -> "Call":
        """Return the process at its end, regular or by a crash, without what no longer matters."""
        return Call("over", attempts=min(self.attempts, 1), owed=self.owed, is_bounded=self.is_bounded)


class Process(NamedTuple):
    """A run of reconcile, or an operator: what it does next, and what it has read."""

    phase: str = "idle"
    read: tuple = ()


class State(NamedTuple):
    """Everything. The last four fields only serve the checks and the bounds of the exploration.

    Attributes:
        clock: the number of the current period.
        network: writes without an answer, which may still arrive.
        faults: unclear writes that may still happen.
        made: the holds that were ever made.
        may_miss: how far `remaining` may be below 0.
        violation: a promise about a step that was broken.
    """

    key: Key
    records: tuple[Record | None, ...]
    day: Day
    calls: tuple[Call, ...]
    reconciles: tuple[Process, ...]
    operators: tuple[Process, ...]
    clock: int
    network: tuple[Message, ...]
    faults: int
    made: tuple[tuple[int, int], ...] = ()
    may_miss: int = 0
    violation: str = ""

    def with_call(self, index: int, call: Call) -> "State":
        """Return the state with a call changed."""
        return self._replace(calls=(*self.calls[:index], call, *self.calls[index + 1 :]))

    def with_record(self, index: int, record: Record) -> "State":
        """Return the state with a record written."""
        return self._replace(records=(*self.records[:index], record, *self.records[index + 1 :]))

    def with_reconcile(self, index: int, process: Process) -> "State":
        """Return the state with a run of reconcile changed."""
        return self._replace(reconciles=(*self.reconciles[:index], process, *self.reconciles[index + 1 :]))

    def with_operator(self, index: int, process: Process) -> "State":
        """Return the state with an operator changed."""
        return self._replace(operators=(*self.operators[:index], process, *self.operators[index + 1 :]))
