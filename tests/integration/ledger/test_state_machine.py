"""Hypothesis drives the real ledger: after each write, in whatever order, the promises of docs/ledger.md hold."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.ledger.ledger_machine import LedgerMachine


@pytest.mark.hypothesis
@pytest.mark.timeout(900)
def test_the_promises_hold_after_every_write() -> None:
    is_thorough = settings.get_current_profile_name() == "thorough"
    run = (
        settings(max_examples=200, stateful_step_count=50)
        if is_thorough
        else settings(max_examples=10, stateful_step_count=20)
    )
    run_state_machine_as_test(LedgerMachine, settings=run)
