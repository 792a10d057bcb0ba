"""The writes of docs/ledger.md on the key's item, the records and the day. Each method is one write, by its name there.

A write returns the state after it and whether it was applied; a refused write changes nothing, and the process sees the
item on which it was judged.
"""

from tests.ledger_model.configuration import Configuration
from tests.ledger_model.state import Day, Key, Record, State

type Written = tuple[State, bool]


class Protocol:
    """The protocol. `mutations` breaks one method each."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration

    # The writes of a call

    def reserve(self, state: State, call: int, n: int, amount: int, now: int, budget: bool) -> Written:  # noqa: PLR0913, PLR0917 - as in the write
        """Hold the bound of a call."""
        key = state.key
        if (
            budget != key.has_budget
            or self.is_over(key, now)
            or self.has_own_hold(key, call, n)
            or self.is_full(key)
            or self.is_above_limit(key, amount)
        ):
            return state, False
        held = key._replace(remaining=key.remaining - amount, holds=key.replacing(call, n, amount))
        made = state.made if (call, n) in state.made else tuple(sorted((*state.made, (call, n))))
        return state._replace(key=held, made=made), True

    def is_over(self, key: Key, now: int) -> bool:
        """Return whether the key's period is over."""
        return key.has_budget and key.period_end <= now

    def has_own_hold(self, key: Key, call: int, n: int) -> bool:
        """Return whether this or an earlier send of the call was applied."""
        return any(hold.n <= n for hold in key.holds_of(call))

    def is_full(self, key: Key) -> bool:
        """Return whether the hold map has all the entries that it may ever have."""
        return len(key.holds) >= self.configuration.most_holds

    def is_above_limit(self, key: Key, amount: int) -> bool:
        """Return whether a limit refuses the call, budget or concurrency."""
        if self.configuration.is_warn:
            return False
        return self.is_out_of_budget(key, amount) or len(key.holds) >= self.configuration.concurrency

    def is_out_of_budget(self, key: Key, amount: int) -> bool:
        """Return whether the budget refuses the call."""
        return key.has_budget and not self.configuration.is_warn and key.remaining < amount

    def roll_period(self, state: State, now: int) -> Written:
        """Start the period of `now`."""
        key = state.key
        if not self.is_period_ended(key, now):
            return state, False
        return state._replace(key=self.rolled(key)._replace(period_end=now + 1)), True

    def is_period_ended(self, key: Key, now: int) -> bool:
        """Return whether the period ended by the clock of the one who rolls it."""
        return key.has_budget and key.period_end <= now

    def rolled(self, key: Key) -> Key:
        """Return the key at the start of a period. Holds go along."""
        return key._replace(remaining=key.remaining + key.spent, total=key.total + key.spent, spent=0)

    def put_open(self, state: State, call: int) -> Written:
        """Put the open record of a call without a hold, before its first attempt."""
        if state.records[call] is not None:
            return state, False
        return state.with_record(call, Record("open", -1, 0)), True

    def raise_hold(self, state: State, call: int, n: int, old: int, new: int) -> Written:
        """Hold more, for the next attempt after a presumed one."""
        key = state.key
        more = new - old
        if not self.can_raise(key, call, n, old) or self.is_out_of_budget(key, more):
            return state, False
        return state._replace(key=key._replace(remaining=key.remaining - more, holds=key.replacing(call, n, new))), True

    def can_raise(self, key: Key, call: int, n: int, old: int) -> bool:
        """Return whether the hold has the amount from which it is raised."""
        return key.hold(call, n) == old

    def put_record(self, state: State, call: int, outcome: str, n: int, cost: int) -> Written:
        """Put the record of a call, which decides what it costs."""
        if not self.is_absent(state.records[call]):
            return state, False
        return state.with_record(call, Record(outcome, n, cost)), True

    def is_absent(self, record: Record | None) -> bool:
        """Return whether a record may be put."""
        return record is None

    def release(self, state: State, call: int, n: int, amount: int, cost: int) -> Written:
        """Close a hold at a cost."""
        key = state.key
        if not self.can_release(key, call, n, amount):
            return state, False
        released = key._replace(
            remaining=key.remaining + amount - cost, spent=key.spent + cost, holds=key.without(call, n)
        )
        return state._replace(key=released, may_miss=state.may_miss + max(0, cost - amount)), True

    def can_release(self, key: Key, call: int, n: int, amount: int) -> bool:
        """Return whether the hold has the amount that is given back."""
        return key.hold(call, n) == amount

    def replace_open(self, state: State, call: int, outcome: str, cost: int) -> Written:
        """Replace the open record by the final one."""
        record = state.records[call]
        if record is not None and record.state != "open":
            return state, False
        return state.with_record(call, Record(outcome, -1, cost)), True

    # The writes of reconcile

    def abandon(self, state: State, call: int, n: int, cost: int) -> Written:
        """Put the record of a call whose process left only a hold."""
        if not self.is_absent(state.records[call]):
            return state, False
        return state.with_record(call, Record("abandoned", n, cost)), True

    def abandon_open(self, state: State, call: int) -> Written:
        """Make an open record final."""
        record = state.records[call]
        if record is None or record.state != "open":
            return state, False
        return state.with_record(call, record._replace(state="abandoned")), True

    def roll_up(self, state: State, read: int, rebuilds: int, upto: int, cost: int) -> Written:
        """Write the row of the day."""
        if not self.is_same_row(state.day, read, rebuilds):
            return state, False
        return state._replace(day=state.day._replace(upto=upto, cost=cost)), True

    def is_same_row(self, day: Day, upto: int, rebuilds: int) -> bool:
        """Return whether the row is the one that was read."""
        return (day.upto, day.rebuilds) == (upto, rebuilds)

    def rebuild(self, state: State, read: int, rebuilds: int, cost: int) -> Written:
        """Write the sums of a late day anew."""
        if not self.is_same_row(state.day, read, rebuilds):
            return state, False
        return state._replace(day=state.day._replace(cost=cost, rebuilds=state.day.rebuilds + 1)), True

    def unmark(self, state: State, mark: int) -> Written:
        """Remove the mark of a late day."""
        if state.day.mark != mark:
            return state, False
        return state._replace(day=state.day._replace(mark=0)), True

    # The writes of the operator

    def set_key(  # noqa: PLR0913, PLR0917 - as in the write
        self, state: State, operator: int, version: int, budget_read: int, budget: int, period_end: int
    ) -> Written:
        """Change the budget, or start a period with the end `period_end` (0: go on with the current one)."""
        key = state.key
        if key.version != version:
            return state, False
        key = self.rolled(key)._replace(period_end=period_end) if period_end else key
        cut = max(0, budget_read - budget)
        key = self.moved(key, budget_read, budget)._replace(version=version + 1, change=operator)
        return state._replace(key=key, may_miss=state.may_miss + cut), True

    def moved(self, key: Key, budget_read: int, budget: int) -> Key:
        """Return the key with another budget."""
        return key._replace(budget=budget, has_budget=True, remaining=key.remaining + budget - budget_read)

    def refund(self, state: State, call: int, cost: int, from_spent: int) -> Written:
        """Give the cost of a closed call back, in one transaction."""
        key, record = state.key, state.records[call]
        from_total = cost - from_spent
        if record is None or record.is_refunded or record.cost + record.charged != cost:
            return state, False
        if not self.is_closed(key, call, record):
            return state, False
        if record.n >= 0:
            if key.spent < from_spent or key.total < from_total:
                return state, False
            key = key._replace(
                remaining=key.remaining + from_spent, spent=key.spent - from_spent, total=key.total - from_total
            )
        return state.with_record(call, record._replace(is_refunded=True))._replace(key=key), True

    def reprice(self, state: State, call: int, charged: int, more: int, of_spent: int) -> Written:
        """Correct the cost of a closed call by `more`, with the budget and a mark of its day, in one transaction."""
        key, record = state.key, state.records[call]
        of_total = more - of_spent
        if record is None or record.state != "settled" or record.is_refunded or record.charged != charged:
            return state, False
        if not self.is_closed(key, call, record) or key.spent < -of_spent or key.total < -of_total:
            return state, False
        if record.n >= 0:
            key = key._replace(
                remaining=key.remaining - of_spent, spent=key.spent + of_spent, total=key.total + of_total
            )
        day = state.day._replace(mark=state.day.marks + 1, marks=state.day.marks + 1)
        after = state.with_record(call, record._replace(charged=charged + more))
        return after._replace(key=key, day=day, may_miss=state.may_miss + max(0, more)), True

    def is_closed(self, key: Key, call: int, record: Record) -> bool:
        """Return whether the hold of a record is gone."""
        return key.hold(call, record.n) is None
