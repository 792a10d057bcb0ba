"""The transitions: which write each process sends next, and what it makes of the answer."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.ledger_model.configuration import Configuration
from tests.ledger_model.protocol import Protocol
from tests.ledger_model.state import NO_HOLD, Call, Day, Hold, Key, Message, Process, Record, State

type Follow = Callable[[State, bool | None], State]
"""What a process does after its write: True applied, False refused, None no answer."""

CALLS = ("call 0", "call 1")
RECONCILES = ("reconcile 0", "reconcile 1")
OPERATORS = ("operator 0", "operator 1")
_NO_MORE_ATTEMPTS = frozenset({"settle", "replace", "release", "not_called", "release_sends", "over", "refused"})


class Label(NamedTuple):
    """A step for the reader of a trace: who does what, and how it ends."""

    who: str
    what: str | Message
    outcome: str = ""

    def __str__(self) -> str:
        """Return one line."""
        what = self.what if isinstance(self.what, str) else f"{self.what[0]}({', '.join(map(str, self.what[1]))})"
        return f"{self.who}: {what}{self.outcome and f' -> {self.outcome}'}"


type Step = tuple[Label, State]


class Model:
    """The state machine of one configuration and one protocol."""

    def __init__(self, configuration: Configuration, protocol: type[Protocol] = Protocol) -> None:
        self.configuration = configuration
        self.protocol = protocol(configuration)

    def initial(self) -> State:
        """Return the state in which both calls arrive."""
        configuration = self.configuration
        budget = configuration.budget or 0
        has_budget = configuration.budget is not None
        return State(
            key=Key(budget, has_budget, budget),
            records=(None,) * configuration.calls,
            day=Day(),
            calls=(Call("reserve", assumes_budget=has_budget),) * configuration.calls,
            reconciles=(Process(),) * configuration.reconciles,
            operators=(Process(),) * len(configuration.tasks),
            clock=0,
            network=(),
            faults=configuration.faults,
        )

    def successors(self, state: State) -> Iterator[Step]:
        """Yield every step that can follow, with its label."""
        for index in range(len(state.calls)):
            yield from self._call(state, index)
        for index in range(len(state.reconciles)):
            yield from self._reconcile(state, index)
        for index in range(len(state.operators)):
            yield from self._operator(state, index)
        yield from self._events(state)

    def write(self, state: State, message: Message) -> tuple[State, bool]:
        """Apply a write, wherever it comes from."""
        name, arguments = message
        after: State
        after, was_applied = getattr(self.protocol, name)(state, *arguments)
        if name == "roll_period" and was_applied and state.key.period_end > state.clock:
            after = after._replace(violation="7: a period was rolled before its end")
        return after, was_applied

    # Sending

    def _send(self, who: str, state: State, message: Message, follow: Follow) -> Iterator[Step]:
        after, was_applied = self.write(state, message)
        outcome = "applied" if was_applied else "refused"
        yield Label(who, message, outcome), follow(after, was_applied)
        if state.faults:
            if was_applied:
                unclear = after._replace(faults=after.faults - 1)
                yield Label(who, message, "applied, answer lost"), follow(unclear, None)
            network = tuple(sorted((*state.network, message)))
            unclear = state._replace(faults=state.faults - 1, network=network)
            yield Label(who, message, "no answer, on its way"), follow(unclear, None)

    def _events(self, state: State) -> Iterator[Step]:
        if state.clock < self.configuration.periods:
            yield Label("clock", "the period ends"), state._replace(clock=state.clock + 1)
        for message in dict.fromkeys(state.network):
            network = list(state.network)
            network.remove(message)
            after, was_applied = self.write(state, message)
            outcome = "applied" if was_applied else "refused"
            yield Label("late", message, outcome), after._replace(network=tuple(network))

    def _may_be_expired(self, state: State, index: int) -> bool:
        """Return whether 1,500 s may have passed: attempts are over, and no write that opens the call is on its way.

        Once true it stays so, and nothing but reconcile depends on it: it needs no place in the state.
        """
        return state.calls[index].phase in _NO_MORE_ATTEMPTS and not any(
            name in {"reserve", "put_open"} and arguments[0] == index for name, arguments in state.network
        )

    # A call

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

    # Reconcile

    def _reconcile(self, state: State, index: int) -> Iterator[Step]:
        process = state.reconciles[index]
        if process.phase == "idle":
            yield from self._start_reconcile(state, index)
            return
        yield Label(RECONCILES[index], "crash"), state.with_reconcile(index, Process())
        yield from getattr(self, f"_reconcile_{process.phase}")(state, index, process.read)

    def _start_reconcile(self, state: State, index: int) -> Iterator[Step]:
        for number in range(len(state.calls)):
            holds = state.key.holds_of(number)
            if holds and self._may_be_expired(state, number):
                step = state.with_reconcile(index, Process("abandon", (number, holds)))
                yield Label(RECONCILES[index], f"reads the expired holds of call {number}"), step
        watermark = self.watermark(state)
        if watermark > state.day.upto:
            step = state.with_reconcile(index, Process("records", (state.day.upto, state.day.cost, watermark)))
            yield Label(RECONCILES[index], f"reads the key's item, W = {watermark}"), step

    def watermark(self, state: State) -> int:
        """Return W: the calls below it are expired and have no hold."""
        watermark = 0
        for number in range(len(state.calls)):
            if not self._may_be_expired(state, number) or state.key.holds_of(number):
                break
            watermark = number + 1
        return watermark

    def _reconcile_abandon(self, state: State, index: int, read: tuple[int, tuple[Hold, ...]]) -> Iterator[Step]:
        call, holds = read
        named = self.hold_to_name(holds)

        def follow(after: State, was_applied: bool | None) -> State:
            process = Process() if was_applied is None else Process("release", (call, holds))
            return after.with_reconcile(index, process)

        message: Message = ("abandon", (call, named.n, named.amount))
        yield from self._send(RECONCILES[index], state, message, follow)

    def hold_to_name(self, holds: tuple[Hold, ...]) -> Hold:
        """Return the hold that the record of an abandoned call names."""
        return max(holds, key=lambda hold: hold.amount)

    def _reconcile_release(self, state: State, index: int, read: tuple[int, tuple[Hold, ...]]) -> Iterator[Step]:
        call, (hold, *rest) = read
        record = state.records[call]
        if record is None:
            return

        def follow(after: State, was_applied: bool | None) -> State:
            amount = after.key.hold(call, hold.n)
            if was_applied is False and amount is not None:
                left = (hold._replace(amount=amount), *rest)
            else:
                left = tuple(rest) if was_applied is not None else ()
            return after.with_reconcile(index, Process("release", (call, left)) if left else Process())

        message: Message = ("release", (call, hold.n, hold.amount, record.cost_of(hold.n)))
        yield from self._send(RECONCILES[index], state, message, follow)

    def _reconcile_records(self, state: State, index: int, read: tuple[int, int, int]) -> Iterator[Step]:
        upto, cost, watermark = read
        records = state.records[upto:watermark]
        step = state.with_reconcile(index, Process("open", (upto, cost, watermark, records)))
        yield Label(RECONCILES[index], f"reads the records [{upto}, {watermark})"), step

    def _reconcile_open(
        self, state: State, index: int, read: tuple[int, int, int, tuple[Record | None, ...]]
    ) -> Iterator[Step]:
        upto, cost, watermark, records = read
        place = next((at for at, record in enumerate(records) if record and record.state == "open"), None)
        if place is None:
            new = cost + sum(record.cost for record in records if record)
            message: Message = ("roll_up", (upto, watermark, new))
            yield from self._send(
                RECONCILES[index], state, message, lambda after, _: after.with_reconcile(index, Process())
            )
            return

        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after.with_reconcile(index, Process())
            final = (*records[:place], after.records[upto + place], *records[place + 1 :])
            return after.with_reconcile(index, Process("open", (upto, cost, watermark, final)))

        yield from self._send(RECONCILES[index], state, ("abandon_open", (upto + place,)), follow)

    # An operator

    def _operator(self, state: State, index: int) -> Iterator[Step]:
        process = state.operators[index]
        name, argument = self.configuration.tasks[index]
        if process.phase == "idle":
            yield from getattr(self, f"_read_{name}")(state, index, argument)
        elif process.phase == "send":
            yield Label(OPERATORS[index], "crash"), state.with_operator(index, Process("done"))
            yield from self._send_task(state, index, process.read)

    def _read_set_budget(self, state: State, index: int, budget: int) -> Iterator[Step]:
        key = state.key
        period_end = 0 if key.has_budget else state.clock + 1
        message: Message = ("set_key", (index, key.version, key.budget, budget, period_end))
        yield Label(OPERATORS[index], "reads the key"), state.with_operator(index, Process("send", message))

    def _read_new_period(self, state: State, index: int, _: int) -> Iterator[Step]:
        key = state.key
        message: Message = ("set_key", (index, key.version, key.budget, key.budget, state.clock + 1))
        yield Label(OPERATORS[index], "reads the key"), state.with_operator(index, Process("send", message))

    def _read_refund(self, state: State, index: int, call: int) -> Iterator[Step]:
        record = state.records[call]
        if record is None or record.state == "open" or record.is_refunded or not record.cost:
            return
        message: Message = ("refund", (call, record.cost, min(record.cost, state.key.spent)))
        yield (
            Label(OPERATORS[index], f"reads the record of call {call}"),
            state.with_operator(index, Process("send", message)),
        )

    def _send_task(self, state: State, index: int, message: Message) -> Iterator[Step]:
        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after
            is_own = message[0] == "set_key" and after.key.change == index
            return after.with_operator(index, Process("done" if was_applied or is_own else "idle"))

        yield from self._send(OPERATORS[index], state, message, follow)
