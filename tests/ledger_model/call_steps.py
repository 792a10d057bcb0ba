"""A call: reserve, attempts, settle. Each method is what it does in one phase."""

from collections.abc import Iterator

from tests.ledger_model.state import NO_HOLD, Call, Message, Record, State
from tests.ledger_model.steps import Follow, Label, Step, Steps

CALLS = ("call 0", "call 1")


class CallSteps(Steps):
    """The steps of the calls."""

    def _call(self, state: State, index: int) -> Iterator[Step]:
        call = state.calls[index]
        if call.phase in {"over", "refused"}:
            return
        yield Label(CALLS[index], "crash"), state.with_call(index, call.end())
        yield from getattr(self, f"_{call.phase}")(state, index, call)

    def _reserve(self, state: State, index: int, call: Call) -> Iterator[Step]:
        if not call.assumes_budget and self.configuration.without_budget == "read":
            yield self._read_key(state, index, call)
            return
        amount = self.configuration.bound if call.assumes_budget else 0
        for now in {state.clock, max(0, state.clock - self.configuration.skew)}:
            message: Message = ("reserve", (index, call.n, amount, now, call.assumes_budget))
            yield from self._send(CALLS[index], state, message, self._after_reserve(index, call, amount, now))

    def _read_key(self, state: State, index: int, call: Call) -> Step:
        if state.key.has_budget:
            next_call = call._replace(assumes_budget=True)
        else:
            next_call = call._replace(phase="open", n=NO_HOLD)
        return Label(CALLS[index], "read_key"), state.with_call(index, next_call)

    def _after_reserve(self, index: int, call: Call, amount: int, now: int) -> Follow:
        def follow(state: State, was_applied: bool | None) -> State:
            if was_applied:
                return state.with_call(index, call._replace(phase="held", amount=amount))
            if was_applied is None:
                return state.with_call(index, self.after_unclear_send(call))
            return self._after_refusal(state, index, call, amount, now)

        return follow

    def after_unclear_send(self, call: Call) -> Call:
        """Return the call before its next send, which has a new number."""
        if call.n + 1 < self.configuration.sends:
            return call._replace(n=call.n + 1)
        return call._replace(phase="not_called")

    def _after_refusal(self, state: State, index: int, call: Call, amount: int, now: int) -> State:
        """Tell the causes apart, in the order of the document."""
        key = state.key
        own = [hold for hold in key.holds_of(index) if hold.n <= call.n]
        if own:
            return state.with_call(index, call._replace(phase="held", n=own[0].n, amount=own[0].amount))
        if key.has_budget != call.assumes_budget:
            if call.n > 0:
                return state.with_call(index, call._replace(phase="not_called"))
            return state.with_call(index, call._replace(assumes_budget=key.has_budget))
        if self.protocol.is_over(key, now):
            return state.with_call(index, call._replace(phase="roll", amount=now))
        if self.protocol.is_out_of_budget(key, amount):
            is_true = key.remaining < amount and not (key.has_budget and key.period_end <= now)
        else:
            is_full = len(key.holds) >= self.configuration.most_holds
            is_true = is_full or len(key.holds) >= self.configuration.concurrency
        if not is_true:
            state = state._replace(violation=f"7: call {index} was refused, but not for the state that was judged")
        return state.with_call(index, self.after_final_refusal(call))

    def after_final_refusal(self, call: Call) -> Call:
        """Return the call at its end, which needs a record if one of its sends may still arrive."""
        return call._replace(phase="not_called") if call.n > 0 else Call("refused")

    def _roll(self, state: State, index: int, call: Call) -> Iterator[Step]:
        again = call._replace(phase="reserve", amount=0)
        message: Message = ("roll_period", (call.amount,))
        yield from self._send(CALLS[index], state, message, lambda after, _: after.with_call(index, again))

    def _open(self, state: State, index: int, call: Call) -> Iterator[Step]:
        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after
            return after.with_call(index, call._replace(phase="held"))

        yield from self._send(CALLS[index], state, ("put_open", (index,)), follow)
        if state.faults < self.configuration.faults:
            yield (
                Label(CALLS[index], "gives up before any attempt"),
                state.with_call(index, call._replace(phase="replace")),
            )

    def _held(self, state: State, index: int, call: Call) -> Iterator[Step]:
        owed = call.owed + self.configuration.bound
        started = call._replace(phase="attempt", attempts=call.attempts + 1, owed=owed, is_bounded=call.amount > 0)
        yield Label(CALLS[index], f"attempt {started.attempts} starts"), state.with_call(index, started)

    def _attempt(self, state: State, index: int, call: Call) -> Iterator[Step]:
        bound = self.configuration.bound
        before = call.owed - bound
        settle = call._replace(phase="replace" if call.n == NO_HOLD else "settle")
        for cost in self.configuration.costs:
            billed = settle._replace(cost=call.cost + cost, owed=before + min(cost, bound))
            yield Label(CALLS[index], f"the attempt is billed at {cost}"), state.with_call(index, billed)
        yield Label(CALLS[index], "the attempt did not run"), state.with_call(index, settle._replace(owed=before))
        presumed = settle._replace(cost=call.cost + bound)
        yield Label(CALLS[index], "the attempt is presumed, and the last"), state.with_call(index, presumed)
        if call.attempts < self.configuration.attempts:
            following = "raise" if call.amount else "held"
            step = state.with_call(index, presumed._replace(phase=following))
            yield Label(CALLS[index], "the attempt is presumed"), step

    def _raise(self, state: State, index: int, call: Call) -> Iterator[Step]:
        new = call.amount + self.configuration.bound

        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after
            if was_applied or after.key.hold(index, call.n) == new:
                return after.with_call(index, call._replace(phase="held", amount=new))
            return after.with_call(index, call._replace(phase="settle"))

        message: Message = ("raise_hold", (index, call.n, call.amount, new))
        yield from self._send(CALLS[index], state, message, follow)
        yield Label(CALLS[index], "gives the raise up"), state.with_call(index, call._replace(phase="settle"))

    def _settle(self, state: State, index: int, call: Call) -> Iterator[Step]:
        def follow(after: State, was_applied: bool | None) -> State:
            record = after.records[index]
            if was_applied is None or record is None:
                return after
            return after.with_call(index, self.after_record(call, record))

        message: Message = ("put_record", (index, "settled", call.n, call.cost))
        yield from self._send(CALLS[index], state, message, follow)

    def after_record(self, call: Call, record: Record) -> Call:
        """Return the call before its release, which follows the record that exists."""
        return call._replace(phase="release", n=record.n, cost=record.cost)

    def _release(self, state: State, index: int, call: Call) -> Iterator[Step]:
        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after
            amount = None if was_applied else after.key.hold(index, call.n)
            return after.with_call(index, call.end() if amount is None else call._replace(amount=amount))

        message: Message = ("release", (index, call.n, call.amount, call.cost))
        yield from self._send(CALLS[index], state, message, follow)

    def _not_called(self, state: State, index: int, call: Call) -> Iterator[Step]:
        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after
            amount = self.configuration.bound if call.assumes_budget else 0
            return after.with_call(index, call._replace(phase="release_sends", amount=amount))

        message: Message = ("put_record", (index, "not_called", call.n, 0))
        yield from self._send(CALLS[index], state, message, follow)

    def _release_sends(self, state: State, index: int, call: Call) -> Iterator[Step]:
        record = state.records[index]
        if record is None:
            return

        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after
            return after.with_call(index, call._replace(n=call.n - 1) if call.n else call.end())

        message: Message = ("release", (index, call.n, call.amount, record.cost_of(call.n)))
        yield from self._send(CALLS[index], state, message, follow)

    def _replace(self, state: State, index: int, call: Call) -> Iterator[Step]:
        def follow(after: State, was_applied: bool | None) -> State:
            return after if was_applied is None else after.with_call(index, call.end())

        outcome = "settled" if call.attempts else "not_called"
        message: Message = ("replace_open", (index, outcome, call.cost))
        yield from self._send(CALLS[index], state, message, follow)
