"""The promises of docs/ledger.md, checked in every state, and that reconcile alone mends every state."""

from tests.ledger_model.model import Model
from tests.ledger_model.state import NO_HOLD, Record, State


class Promises:
    """The checks of one model. What reconcile makes of a state is remembered: many states leave the same behind."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._seen: dict[tuple, str] = {}
        self._mended: dict[tuple, str] = {}

    def broken(self, state: State) -> str:
        """Return the promise that a state breaks, or an empty text."""
        if state.violation:
            return state.violation
        if any(call.phase == "refused" and _may_have_hold(state, index) for index, call in enumerate(state.calls)):
            return "9: a refused call without a record has a hold, or may get one"
        seen = (state.key, state.records, state.day, state.calls, state.made, state.may_miss)
        if seen not in self._seen:
            self._seen[seen] = self._broken_now(state) or self._broken_in_the_end(state)
        return self._seen[seen]

    def _broken_now(self, state: State) -> str:
        checks = (self._sum, self._costs, self._records, self._remaining, self._cover, self._entries, self._day)
        return next(filter(None, (check(state) for check in checks)), "")

    def _sum(self, state: State) -> str:
        key = state.key
        held = sum(hold.amount for hold in key.holds)
        if key.budget == key.remaining + held + key.spent:
            return ""
        return f"1: budget {key.budget} != remaining {key.remaining} + holds {held} + spent {key.spent}"

    def _costs(self, state: State) -> str:
        key = state.key
        closed = sum(_closed_cost(state, call) for call in range(len(state.calls)))
        if key.total + key.spent != closed:
            return f"2: total {key.total} + spent {key.spent} != {closed}, the costs of the closed calls"
        return "2: total or spent is negative" if key.total < 0 or key.spent < 0 else ""

    def _records(self, state: State) -> str:
        for call, n in state.made:
            if state.key.hold(call, n) is None and not _is_final(state.records[call]):
                return f"3: the hold {call}.{n} went before its record"
        return ""

    def _remaining(self, state: State) -> str:
        is_wrong = state.key.remaining < -state.may_miss and not self._model.configuration.is_warn
        return f"4: remaining is {state.key.remaining}" if is_wrong else ""

    def _cover(self, state: State) -> str:
        for call, process in enumerate(state.calls):
            if not self._is_covered(state, call):
                return f"5: call {call} owes {process.owed}, which neither its hold nor its record covers"
        return ""

    def _is_covered(self, state: State, call: int) -> bool:
        """Return whether what a call owes is held or recorded. One that was admitted without a budget holds nothing."""
        process, record, holds = state.calls[call], state.records[call], state.key.holds_of(call)
        if not process.owed or not process.is_bounded:
            return True
        if record and state.key.hold(call, record.n) is None:
            return record.cost >= process.owed
        return any(hold.amount >= process.owed for hold in holds)

    def _entries(self, state: State) -> str:
        configuration = self._model.configuration
        most = configuration.most_holds if configuration.is_warn else configuration.concurrency
        holds = len(state.key.holds)
        return f"6: {holds} holds" if holds > most else ""

    def _day(self, state: State) -> str:
        records = [record for record in state.records[: state.day.upto] if record]
        if any(record.state == "open" for record in records):
            return "8: an open record is below the watermark"
        cost = sum(record.cost + record.charged for record in records)
        is_wrong = cost != state.day.cost and not state.day.mark
        return f"8: the day has {state.day.cost}, its records {cost}" if is_wrong else ""

    def _broken_in_the_end(self, state: State) -> str:
        """Stop every process, lose what is on its way, let everything expire, and run reconcile alone."""
        reached = tuple(call.attempts > 0 for call in state.calls)
        kept = (state.key, state.records, state.day, reached)
        if kept not in self._mended:
            self._mended[kept] = self._mend(state, reached)
        return self._mended[kept]

    def _mend(self, state: State, reached: tuple[bool, ...]) -> str:
        for call in range(len(state.calls)):
            state = self._close(state, call)
        state = self._sum_day(state)
        if state.key.holds:
            return f"in the end: {len(state.key.holds)} holds are left"
        for call in range(len(state.calls)):
            if reached[call] and not _is_final(state.records[call]):
                return f"in the end: call {call} reached a provider and has no final record"
        broken = self._broken_now(state)
        return broken and f"in the end: {broken}"

    def _close(self, state: State, call: int) -> State:
        protocol = self._model.protocol
        state, _ = protocol.abandon_open(state, call)
        holds = state.key.holds_of(call)
        if holds:
            named = self._model.hold_to_name(holds)
            state, _ = protocol.abandon(state, call, named.n, named.amount)
        record = state.records[call]
        for hold in holds if record else ():
            state, _ = protocol.release(state, call, hold.n, hold.amount, record.cost_of(hold.n) if record else 0)
        return state

    def _sum_day(self, state: State) -> State:
        protocol, day, records = self._model.protocol, state.day, state.records
        costs = [record.cost + record.charged if record else 0 for record in records]
        new = day.cost + sum(costs[day.upto :])
        state, _ = protocol.roll_up(state, day.upto, day.rebuilds, len(state.calls), new)
        if day.mark:
            state, _ = protocol.rebuild(state, state.day.upto, day.rebuilds, sum(costs))
            state, _ = protocol.unmark(state, day.mark)
        return state


def _may_have_hold(state: State, call: int) -> bool:
    is_coming = any(name == "reserve" and arguments[0] == call for name, arguments in state.network)
    return is_coming or bool(state.key.holds_of(call))


def _is_final(record: Record | None) -> bool:
    return record is not None and record.state != "open"


def _closed_cost(state: State, call: int) -> int:
    """Return what a call costs whose hold is gone, with its repricings, less its refund."""
    record = state.records[call]
    if record is None or record.n == NO_HOLD or record.is_refunded:
        return 0
    return record.cost + record.charged if state.key.hold(call, record.n) is None else 0
