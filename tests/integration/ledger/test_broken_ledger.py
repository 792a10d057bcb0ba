"""The state machine finds each fault that is put into the real ledger: a proof that cannot fail proves nothing."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from qwen_gateway.ledger import (
    KeysTable,
    UsageLedger,
    UsageRecord,
    WinningRecord,
    admission,
    key_changes,
    key_writes,
    reconcile,
    usage_ledger,
)
from qwen_gateway.ledger.expressions import Update
from tests.integration.ledger.ledger_machine import LedgerMachine

EXAMPLES = 1_000
"""Most faults are found within a hundred, a few need several hundred."""
ANY = "attribute_exists(#id)"


class Break(NamedTuple):
    """A fault, and a part of what the machine says of it: the number of the promise."""

    name: str
    apply: Callable[[pytest.MonkeyPatch], None]
    found: str


def _edit(change: Callable[[Update], Update], name: str, *modules: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a patch that changes what the builder `name` of a write returns."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        build = getattr(modules[0], name)
        for module in modules:
            patch.setattr(module, name, lambda *arguments, **named: change(build(*arguments, **named)))

    return apply


def _drop(condition: str) -> Callable[[Update], Update]:
    """Return a change that drops a part of a condition, where it is there."""

    def change(update: Update) -> Update:
        return update._replace(condition=update.condition.replace(condition, ANY))

    return change


def _repeat_reserve(patch: pytest.MonkeyPatch) -> None:
    init = KeysTable.__init__

    def init_with_retries(self: KeysTable, client: Any, once: Any, table_name: str) -> None:
        init(self, client, client, table_name)

    patch.setattr(KeysTable, "__init__", init_with_retries)


def _send_same_number(patch: pytest.MonkeyPatch) -> None:
    record = admission._Sender._record_failure

    def record_without_new_send(self: Any, terms: Any, *, is_unclear: bool) -> None:
        record(self, terms, is_unclear=is_unclear)
        self._needs_new_send = not self._sends

    patch.setattr(admission._Sender, "_record_failure", record_without_new_send)


def _drop_holds(update: Update) -> Update:
    return Update(
        "SET #remaining = #budget, #total = #total + #spent, #spent = :zero, #alerted = :zero, #period_end = :next, "
        "#holds = :empty",
        update.condition,
        {**update.values, "empty": {}},
    )


def _label_holds(update: Update) -> Update:
    expression = update.expression.replace("#remaining = #remaining + #spent", "#remaining = #budget")
    return update._replace(expression=expression)


def _put_always(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(usage_ledger, "ABSENT", "attribute_not_exists(#pk) OR attribute_exists(#pk)")


def _put_later(patch: pytest.MonkeyPatch) -> None:
    def put_nothing(self: UsageLedger, record: UsageRecord) -> WinningRecord:
        return WinningRecord(record.state, record.hold, record.cost or 0)

    patch.setattr(UsageLedger, "put_record", put_nothing)


def _recompute_remaining(patch: pytest.MonkeyPatch) -> None:
    build = key_changes.set_key

    def recompute(before: Any, after: Any, change: str, now: int) -> Update:
        update = build(before, after, change, now)
        remaining = (after.limits.budget or 0) - before.spent - before.held
        expression = update.expression.replace("#remaining = #remaining + :more", "#remaining = :more")
        return update._replace(expression=expression, values={**update.values, "more": remaining})

    patch.setattr("qwen_gateway.ledger.administration.set_key", recompute)


_WITHOUT_BUDGET = _edit(_drop("#remaining >= :amount"), "reserve", admission)
_WITHOUT_CONCURRENCY = _edit(_drop("size(#holds) < #concurrency"), "reserve", admission)
_ANY_HOLD = _edit(_drop("#holds.#hold = :amount"), "release", key_writes)

BREAKS = (
    Break("a reserve repeated by the SDK", _repeat_reserve, "2: "),
    Break("the same n for a second send", _send_same_number, "2: "),
    Break("a reserve without the budget's condition", _WITHOUT_BUDGET, "4: "),
    Break("a reserve without the limit of calls", _WITHOUT_CONCURRENCY, "6: "),
    Break("a record put without 'if absent'", _put_always, ": "),
    Break("a hold released without '= :amount'", _ANY_HOLD, "1: "),
    Break("a hold released before its record", _put_later, ": "),
    Break("a roll that drops holds", _edit(_drop_holds, "roll_period", admission, reconcile), ": "),
    Break("a roll that labels holds", _edit(_label_holds, "roll_period", admission, reconcile), "1: "),
    Break("keys set that recomputes remaining", _recompute_remaining, "1: "),
)


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.name)
def test_a_fault_of_the_ledger_is_found(fault: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    fault.apply(monkeypatch)
    search = settings(
        report_multiple_bugs=False, max_examples=EXAMPLES, stateful_step_count=30, phases=[Phase.generate]
    )

    with pytest.raises(AssertionError, match=fault.found):
        run_state_machine_as_test(LedgerMachine, settings=search)
