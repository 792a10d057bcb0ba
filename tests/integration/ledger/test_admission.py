"""Sends whose answers are lost, and what they leave behind: docs/ledger.md, "Retries and unclear writes"."""

import itertools
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

from qwen_gateway.errors import BudgetExhausted, GatewayError, InternalError, KeyRevoked, LedgerUnavailable
from qwen_gateway.ledger import AdmissionRefused, Terms
from tests.builders import usage_record
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.flaky_client import client_error
from tests.integration.ledger.key_with_ledger import BOUND, MINUTE, NOW, ULID, Ledger

NOT_SENT = [EndpointConnectionError(endpoint_url="http://x"), ConnectTimeoutError(endpoint_url="http://x")]


@pytest.mark.parametrize(
    "failure",
    [*NOT_SENT, client_error("ThrottlingException"), client_error("TransactionConflictException")],
    ids=lambda failure: type(failure).__name__ + str(failure)[-20:-15],
)
def test_a_failed_send_is_sent_again_under_the_same_name(ledger: Ledger, failure: Exception) -> None:
    admission = ledger.admit(failure)

    assert admission.hold == f"{ULID}.0"
    assert ledger.holds == {f"{ULID}.0": BOUND}
    assert ledger.is_balanced()


def test_a_send_whose_answer_was_lost_is_found_by_the_next(ledger: Ledger) -> None:
    admission = ledger.admit("lost answer")

    assert (admission.hold, admission.amount) == (f"{ULID}.0", BOUND)
    assert ledger.holds == {f"{ULID}.0": BOUND}
    assert ledger.item["window"] == {MINUTE: 1}


@pytest.mark.parametrize("unclear", ["late", client_error("InternalServerError", 500), client_error("X", 503)])
def test_after_an_unclear_send_the_next_has_another_name(ledger: Ledger, unclear: Any) -> None:
    admission = ledger.admit(unclear)

    assert admission.hold == f"{ULID}.1"
    assert ledger.holds == {f"{ULID}.1": BOUND}


def test_a_late_send_makes_a_hold_that_no_record_names(ledger: Ledger) -> None:
    admission = ledger.admit("late")
    record = usage_record(id=ULID, key_id=ledger.id, hold=admission.hold, cost=70)
    winner = ledger.settlements.put(admission, record)
    ledger.settlements.release(admission, winner, 0, NOW)

    ledger.client.late[0]()

    assert ledger.holds == {f"{ULID}.0": BOUND}
    assert (ledger.item["spent"], ledger.is_balanced()) == (70, True)


def test_three_failed_sends_end_the_call(ledger: Ledger) -> None:
    refused = ledger.refuse(*[client_error("ThrottlingException")] * 9)

    assert isinstance(refused.error, LedgerUnavailable)
    assert (refused.holds, ledger.client.updates, ledger.holds) == ((), 3, {})


def test_a_send_that_does_not_fit_the_deadline_is_not_repeated(ledger: Ledger) -> None:
    refused = ledger.refuse("late", seconds=2.9)

    assert isinstance(refused.error, LedgerUnavailable)
    assert (refused.holds, ledger.client.updates) == ((f"{ULID}.0",), 1)


def test_a_call_that_ends_after_unclear_sends_releases_all_that_they_may_hold(ledger: Ledger) -> None:
    refused = ledger.refuse("lost answer", "late", seconds=2)
    assert refused.holds == (f"{ULID}.0",)
    assert ledger.holds == {f"{ULID}.0": BOUND}

    record = usage_record(id=ULID, key_id=ledger.id, state="not_called", hold=refused.holds[-1], cost=0)
    ledger.settlements.release_unclear(record, refused.holds, refused.amount)

    assert (ledger.holds, ledger.item["spent"], ledger.is_balanced()) == ({}, 0, True)


def test_after_an_unclear_send_changed_terms_end_the_call(ledger: Ledger) -> None:
    ledger.put_key(budget=1_000, default_max_output=100)

    refused = ledger.refuse("late")

    assert isinstance(refused.error, LedgerUnavailable)
    assert refused.holds == (f"{ULID}.0", f"{ULID}.1")


def test_without_an_unclear_send_changed_terms_are_taken_from_the_returned_item(ledger: Ledger) -> None:
    ledger.put_key(budget=1_000, default_max_output=100)

    admission = ledger.admit()

    assert admission.terms == Terms(has_budget=True, amount=BOUND, default_max_output=100)
    assert ledger.client.updates == 2


def test_after_an_unclear_send_a_period_may_be_rolled(aws: Aws) -> None:
    ledger = Ledger(aws, budget=1_000, period="day", period_end=NOW, spent=400, remaining=600)

    admission = ledger.admit("late")

    assert admission.hold == f"{ULID}.1"
    assert (ledger.item["total"], ledger.item["spent"], ledger.is_balanced()) == (400, 0, True)


def test_a_limit_that_refuses_after_a_lost_answer_does_not_hide_the_own_hold(aws: Aws) -> None:
    ledger = Ledger(aws, budget=BOUND, concurrency=1, rpm=1)

    admission = ledger.admit("lost answer")

    assert (admission.hold, ledger.item["remaining"]) == (f"{ULID}.0", 0)


@pytest.mark.parametrize(
    ("fields", "error"),
    [({"budget": BOUND - 1}, BudgetExhausted), ({"budget": 1_000, "disabled": True}, KeyRevoked)],
)
def test_a_refusal_is_judged_by_the_returned_item(aws: Aws, fields: dict[str, Any], error: type[GatewayError]) -> None:
    refused = Ledger(aws, **fields).refuse()

    assert isinstance(refused.error, error)
    assert refused.snapshot
    assert refused.holds == ()


def test_the_budget_is_used_to_the_last_unit(aws: Aws) -> None:
    ledger = Ledger(aws, budget=BOUND)

    assert ledger.admit().snapshot.remaining == 0


@pytest.mark.parametrize(("period", "end"), [("day", 1_790_035_200), ("month", 1_790_812_800)])
def test_a_period_is_rolled_to_the_end_of_the_one_that_runs(aws: Aws, period: str, end: int) -> None:
    ledger = Ledger(aws, budget=1_000, period=period, period_end=NOW - 90 * 86_400, spent=900, remaining=100)

    ledger.admit()

    assert (ledger.item["period_end"], ledger.item["remaining"]) == (end, 1_000 - BOUND)


def test_each_refused_condition_has_a_cause(aws: Aws) -> None:
    """No combination of two limits ends in an internal error."""
    settings: list[dict[str, Any]] = [
        {"disabled": True},
        {"expires": NOW},
        {"models": ["other"]},
        {"period": "day", "period_end": NOW},
        {"remaining": 0},
        {"rpm": 1, "window": {MINUTE: 1}},
        {"concurrency": 1, "holds": {"x.0": 0}},
        {"remaining": None},
        {"default_max_output": 1},
        {"on_limit": "warn"},
        {"budget": None},
    ]
    for one, other in itertools.combinations(settings, 2):
        ledger = Ledger(aws, **{"budget": 1_000, **one, **other})
        errors: list[GatewayError] = []
        try:
            ledger.admit()
        except AdmissionRefused as refused:
            errors.append(refused.error)
        assert not [error for error in errors if isinstance(error, InternalError)], (one, other)
