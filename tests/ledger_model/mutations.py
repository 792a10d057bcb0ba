"""Ways to break the protocol. The exploration has to catch each; that shows that it can see.

Each mutation replaces one rule of `Protocol` or `Model`, and names the configuration in which it is explored: the
smallest in which it does harm.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.ledger_model.call_steps import CALLS
from tests.ledger_model.configuration import Configuration
from tests.ledger_model.model import Model
from tests.ledger_model.protocol import Protocol, Written
from tests.ledger_model.reconcile_steps import RECONCILES
from tests.ledger_model.state import Call, Day, Hold, Key, Message, Process, Record, State
from tests.ledger_model.steps import Follow, Label, Step


class Mutation(NamedTuple):
    """A broken protocol."""

    name: str
    configuration: Configuration
    protocol: type[Protocol] = Protocol
    model: type[Model] = Model


class ReserveRepeatedBySdk(Model):
    """botocore repeats `reserve`: the process has its answer while the first send, with the same `n`, is on its way."""

    def _send(self, who: str, state: State, message: Message, follow: Follow) -> Iterator[Step]:
        yield from super()._send(who, state, message, follow)
        if message[0] == "reserve" and state.faults:
            after, was_applied = self.write(state, message)
            network = tuple(sorted((*after.network, message)))
            repeated = after._replace(network=network, faults=after.faults - 1)
            yield Label(who, message, "repeated by the SDK, the first on its way"), follow(repeated, was_applied)


class ReserveWithoutPeriod(Protocol):
    """`reserve` has no condition on `period_end`."""

    def is_over(self, key: Key, now: int) -> bool:  # noqa: ARG002 - that is the mutation
        return False


class SameNumber(Model):
    """The send after an unclear one has the same `n`."""

    def after_unclear_send(self, call: Call) -> Call:
        return call


class PutAlways(Protocol):
    """Records are put without "if absent"."""

    def is_absent(self, record: Record | None) -> bool:  # noqa: ARG002
        return True


class ReleaseAnyAmount(Protocol):
    """`release` asks for a hold, not for its amount."""

    def can_release(self, key: Key, call: int, n: int, amount: int) -> bool:  # noqa: ARG002
        return key.hold(call, n) is not None


class ReleaseFirst(Model):
    """The hold is released before the record is put."""

    def _settle(self, state: State, index: int, call: Call) -> Iterator[Step]:
        message: Message = ("release", (index, call.n, call.amount, call.cost))
        recording = state.with_call(index, call._replace(phase="record"))
        yield from self._send(
            CALLS[index], state, message, lambda after, _: after.with_call(index, recording.calls[index])
        )

    def _record(self, state: State, index: int, call: Call) -> Iterator[Step]:
        message: Message = ("put_record", (index, "settled", call.n, call.cost))
        yield from self._send(CALLS[index], state, message, lambda after, _: after.with_call(index, call.end()))


class OwnFigure(Model):
    """The loser of the race for the record charges what it knows itself."""

    def after_record(self, call: Call, record: Record) -> Call:  # noqa: ARG002
        return call._replace(phase="release")


class RaiseFromAnyAmount(Protocol):
    """`raise_hold` asks for a hold, not for the old amount."""

    def can_raise(self, key: Key, call: int, n: int, old: int) -> bool:  # noqa: ARG002
        return key.hold(call, n) is not None


class RollDropsHolds(Protocol):
    """A period starts with the whole budget and without holds."""

    def rolled(self, key: Key) -> Key:
        return key._replace(remaining=key.budget, total=key.total + key.spent, spent=0, holds=())


class RollLabelsHolds(Protocol):
    """A period starts with the whole budget; open holds are the old one's."""

    def rolled(self, key: Key) -> Key:
        return key._replace(remaining=key.budget, total=key.total + key.spent, spent=0)


class WatermarkByTime(Model):
    """The watermark is a hold's lifetime ago, whatever holds are open."""

    def watermark(self, state: State) -> int:
        watermark = 0
        while watermark < len(state.calls) and self._may_be_expired(state, watermark):
            watermark += 1
        return watermark


class SetRecomputes(Model):
    """`keys set` computes `remaining` from what it read."""

    def _read_set_budget(self, state: State, index: int, budget: int) -> Iterator[Step]:
        key = state.key
        remaining = budget - key.spent - sum(hold.amount for hold in key.holds)
        message: Message = ("set_remaining", (key.version, budget, remaining))
        yield Label("operator 0", "reads the key"), state.with_operator(index, Process("send", message))


class SetRemaining(Protocol):
    """The write of `SetRecomputes`."""

    def set_remaining(self, state: State, version: int, budget: int, remaining: int) -> Written:
        """Set budget and `remaining`."""
        if state.key.version != version:
            return state, False
        key = state.key._replace(budget=budget, remaining=remaining, version=version + 1)
        return state._replace(key=key), True


class RefundOpen(Protocol):
    """A refund does not ask whether the hold is gone."""

    def is_closed(self, key: Key, call: int, record: Record) -> bool:  # noqa: ARG002
        return True


class RollAnyTime(Protocol):
    """A roll does not ask whether the period is over."""

    def is_period_ended(self, key: Key, now: int) -> bool:  # noqa: ARG002
        return key.has_budget


class RowByWatermark(Protocol):
    """A row is written on `upto` alone, which a rebuild leaves as it is."""

    def is_same_row(self, day: Day, upto: int, rebuilds: int) -> bool:  # noqa: ARG002
        return day.upto == upto


class UnmarkWithoutRow(Model):
    """A late day that has no row loses its mark, as if a roll-up had still to read its records."""

    def is_rolled_up(self, day: Day) -> bool:  # noqa: ARG002
        return True

    def _reconcile_late(self, state: State, index: int, read: tuple[tuple[int, int], int]) -> Iterator[Step]:
        (upto, _), mark = read
        if upto:
            yield from super()._reconcile_late(state, index, read)
        else:
            step = state.with_reconcile(index, Process("unmark", (mark,)))
            yield Label(RECONCILES[index], "finds no row"), step


class NoRecordOfRefusal(Model):
    """A call that is refused after an unclear send leaves no record `not_called`."""

    def after_final_refusal(self, call: Call) -> Call:  # noqa: ARG002
        return Call("refused")


class SmallestHold(Model):
    """The record of an abandoned call names its smallest hold."""

    def hold_to_name(self, holds: tuple[Hold, ...]) -> Hold:
        return min(holds, key=lambda hold: hold.amount)


class RecordsBeforeKey(Model):
    """The roll-up reads the records, then the key's item."""

    def _start_reconcile(self, state: State, index: int) -> Iterator[Step]:
        for label, after in super()._start_reconcile(state, index):
            if after.reconciles[index].phase != "records":
                yield label, after
        upto, cost = state.day.upto, state.day.cost
        process = Process("key", (upto, cost, state.records[upto:]))
        yield Label(RECONCILES[index], "reads the records"), state.with_reconcile(index, process)

    def _reconcile_key(
        self, state: State, index: int, read: tuple[int, int, tuple[Record | None, ...]]
    ) -> Iterator[Step]:
        upto, cost, records = read
        watermark = self.watermark(state)
        if watermark > upto:
            process = Process("open", ((upto, state.day.rebuilds), cost, watermark, records[: watermark - upto]))
            yield (
                Label(RECONCILES[index], f"reads the key's item, W = {watermark}"),
                state.with_reconcile(index, process),
            )


MUTATIONS = (
    Mutation("a reserve repeated by the SDK", Configuration(calls=1), model=ReserveRepeatedBySdk),
    Mutation(
        "reserve without the period's condition", Configuration(budget=2, periods=1, faults=0), ReserveWithoutPeriod
    ),
    Mutation("the same n for a second send", Configuration(calls=1), model=SameNumber),
    Mutation("a record put without 'if absent'", Configuration(calls=1, faults=0), PutAlways),
    Mutation("a hold released without '= :amount'", Configuration(calls=1, attempts=2), ReleaseAnyAmount),
    Mutation("a hold released before its record", Configuration(calls=1, faults=0), model=ReleaseFirst),
    Mutation("the loser charges its own figure", Configuration(calls=1, faults=0), model=OwnFigure),
    Mutation("a raise without the old amount", Configuration(calls=1, budget=6, attempts=2), RaiseFromAnyAmount),
    Mutation("a roll that drops holds", Configuration(periods=1, faults=0), RollDropsHolds),
    Mutation("a roll that labels holds", Configuration(periods=1, faults=0), RollLabelsHolds),
    Mutation("a watermark by time alone", Configuration(calls=1, faults=0), model=WatermarkByTime),
    Mutation(
        "keys set that recomputes remaining",
        Configuration(calls=1, faults=0, tasks=(("set_budget", 6),)),
        SetRemaining,
        SetRecomputes,
    ),
    Mutation("a refund of a hold that is open", Configuration(faults=0, tasks=(("refund", 0),)), RefundOpen),
    Mutation(
        "a row written on its watermark alone",
        Configuration(tasks=(("reprice", 2),), reconciles=2, faults=0),
        RowByWatermark,
    ),
    Mutation(
        "a mark removed from a day without a row",
        Configuration(calls=1, tasks=(("reprice", 2),), reconciles=2, faults=0),
        model=UnmarkWithoutRow,
    ),
    Mutation("a roll without the period's end", Configuration(calls=1, periods=1), RollAnyTime),
    Mutation("a refusal that leaves no record", Configuration(budget=2), model=NoRecordOfRefusal),
    Mutation("the smallest hold abandoned", Configuration(calls=1, budget=6, attempts=2), model=SmallestHold),
    Mutation("the records read before the key", Configuration(calls=1, faults=0), model=RecordsBeforeKey),
)
