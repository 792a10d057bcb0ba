"""Reconcile: it closes expired holds and writes the row of the day. Each method is what it does in one phase."""

from collections.abc import Iterator

from tests.ledger_model.state import Day, Hold, Message, Process, Record, State
from tests.ledger_model.steps import Label, Step, Steps

RECONCILES = ("reconcile 0", "reconcile 1")
MOST_REBUILDS = 2
"""A bound of the exploration: a run that crashes before `unmark` makes the next one rebuild again."""


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
        day, watermark = state.day, self.watermark(state)
        row = (day.upto, day.rebuilds)
        if day.mark and self.is_rolled_up(day) and day.rebuilds < MOST_REBUILDS:
            step = state.with_reconcile(index, Process("late", (row, day.mark)))
            yield Label(RECONCILES[index], f"reads the row, and the mark {day.mark}"), step
        if watermark > day.upto:
            step = state.with_reconcile(index, Process("records", (row, day.cost, watermark)))
            yield Label(RECONCILES[index], f"reads the key's item, W = {watermark}"), step

    def watermark(self, state: State) -> int:
        """Return W: the calls below it are expired and have no hold."""
        watermark = 0
        for number in range(len(state.calls)):
            if not self._may_be_expired(state, number) or state.key.holds_of(number):
                break
            watermark = number + 1
        return watermark

    def is_rolled_up(self, day: Day) -> bool:
        """Return whether a late day has a row. Without one it keeps its mark."""
        return day.upto > 0

    def _reconcile_late(self, state: State, index: int, read: tuple[tuple[int, int], int]) -> Iterator[Step]:
        (upto, rebuilds), mark = read
        cost = _sum(state.records[:upto])
        step = state.with_reconcile(index, Process("rebuild", ((upto, rebuilds), mark, cost)))
        yield Label(RECONCILES[index], f"reads the records [0, {upto})"), step

    def _reconcile_rebuild(self, state: State, index: int, read: tuple[tuple[int, int], int, int]) -> Iterator[Step]:
        row, mark, cost = read

        def follow(after: State, was_applied: bool | None) -> State:
            return after.with_reconcile(index, Process("unmark", (mark,)) if was_applied else Process())

        yield from self._send(RECONCILES[index], state, ("rebuild", (*row, cost)), follow)

    def _reconcile_unmark(self, state: State, index: int, read: tuple[int]) -> Iterator[Step]:
        yield from self._send(
            RECONCILES[index], state, ("unmark", read), lambda after, _: after.with_reconcile(index, Process())
        )

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

    def _reconcile_records(self, state: State, index: int, read: tuple[tuple[int, int], int, int]) -> Iterator[Step]:
        row, cost, watermark = read
        upto, _ = row
        records = state.records[upto:watermark]
        step = state.with_reconcile(index, Process("open", (row, cost, watermark, records)))
        yield Label(RECONCILES[index], f"reads the records [{upto}, {watermark})"), step

    def _reconcile_open(
        self, state: State, index: int, read: tuple[tuple[int, int], int, int, tuple[Record | None, ...]]
    ) -> Iterator[Step]:
        row, cost, watermark, records = read
        upto, _ = row
        place = next((at for at, record in enumerate(records) if record and record.state == "open"), None)
        if place is None:
            message: Message = ("roll_up", (*row, watermark, cost + _sum(records)))
            yield from self._send(
                RECONCILES[index], state, message, lambda after, _: after.with_reconcile(index, Process())
            )
            return

        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after.with_reconcile(index, Process())
            final = (*records[:place], after.records[upto + place], *records[place + 1 :])
            return after.with_reconcile(index, Process("open", (row, cost, watermark, final)))

        yield from self._send(RECONCILES[index], state, ("abandon_open", (upto + place,)), follow)


def _sum(records: tuple[Record | None, ...]) -> int:
    """Return the costs of records with their repricings."""
    return sum(record.cost + record.charged for record in records if record)
