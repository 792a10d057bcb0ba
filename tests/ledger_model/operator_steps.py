"""An operator: it reads, and sends one write that depends on what it read."""

from collections.abc import Iterator

from tests.ledger_model.state import Message, Process, State
from tests.ledger_model.steps import Label, Step, Steps

OPERATORS = ("operator 0", "operator 1")


class OperatorSteps(Steps):
    """The steps of the operators."""

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
        if record is None or record.state == "open" or record.is_refunded or not record.cost + record.charged:
            return
        cost = record.cost + record.charged
        message: Message = ("refund", (call, cost, min(cost, state.key.spent)))
        yield (
            Label(OPERATORS[index], f"reads the record of call {call}"),
            state.with_operator(index, Process("send", message)),
        )

    def _read_reprice(self, state: State, index: int, cost: int) -> Iterator[Step]:
        record = state.records[0]
        if record is None or record.state != "settled" or record.is_refunded:
            return
        more = cost - record.cost - record.charged
        message: Message = ("reprice", (0, record.charged, more, max(more, -state.key.spent)))
        process = Process("send", message) if more else Process("done")
        yield Label(OPERATORS[index], "reads the record of call 0"), state.with_operator(index, process)

    def _send_task(self, state: State, index: int, message: Message) -> Iterator[Step]:
        def follow(after: State, was_applied: bool | None) -> State:
            if was_applied is None:
                return after
            is_own = message[0] == "set_key" and after.key.change == index
            return after.with_operator(index, Process("done" if was_applied or is_own else "idle"))

        yield from self._send(OPERATORS[index], state, message, follow)
