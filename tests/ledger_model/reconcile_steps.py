"""Reconcile: it closes expired holds and writes the row of the day. Each method is what it does in one phase."""

from collections.abc import Iterator

from tests.ledger_model.state import Hold, Message, Process, Record, State
from tests.ledger_model.steps import Label, Step, Steps

RECONCILES = ("reconcile 0", "reconcile 1")


class ReconcileSteps(Steps):
    """The steps of the runs of reconcile."""

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
