"""The one usage record of each admitted call, and what is logged and counted beside it."""

import json

import pytest

from qwen_gateway.errors import (
    InternalError,
    LedgerUnavailable,
    ProviderNotConfigured,
    ProviderOutOfCredit,
    ProviderTimeout,
)
from qwen_gateway.pricing.price_list import PriceList
from qwen_gateway.upstream import Attempt, Outcome
from tests.builders import KEY_ID, chat_request
from tests.unit.chat.fake_dependencies import ANSWER, ANSWERED, IDS, PRICED_ANSWER, TARGET, FakeDependencies
from tests.unit.conftest import Logged

TIMED_OUT = Outcome(
    (Attempt(TARGET, "ProviderTimeout", None, None, 40, None, "presumed"),), ProviderTimeout("a marked message")
)
NOT_CONFIGURED = Outcome((), ProviderNotConfigured("run the command"))


@pytest.mark.parametrize(
    ("outcome", "status", "code", "attempts", "cost"),
    [
        (ANSWERED, 200, "answered", 1, (31_500_000, None)),
        (TIMED_OUT, 504, "provider_timeout", 1, (None, "presumed")),
        (NOT_CONFIGURED, 503, "provider_not_configured", 0, (0, None)),
    ],
    ids=["answered", "failed", "not configured"],
)
def test_an_admitted_call_leaves_one_record(
    outcome: Outcome, status: int, code: str, attempts: int, cost: tuple[int | None, str | None]
) -> None:
    dependencies = FakeDependencies(outcome)

    response = dependencies.serve()

    assert response.body == (PRICED_ANSWER if outcome is ANSWERED else outcome.result)
    assert ("x-gateway-attempts" in response.headers) == bool(attempts)
    (record,) = dependencies.records
    assert (record.id, record.key_id) == ("01ARZ3NDEKTSV4RRFFQ69G5FAV", KEY_ID)
    assert (record.status, record.outcome, len(record.attempts)) == (status, code, attempts)
    assert (record.cost, record.unpriced) == cost


def test_a_wrong_price_list_costs_neither_the_answer_nor_its_record(
    monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setattr(PriceList, "current", lambda *_: 1 / 0)
    dependencies = FakeDependencies()

    response = dependencies.serve()

    assert response.body == ANSWER
    (record,) = dependencies.records
    assert (record.cost, record.unpriced) == (None, "internal_error")
    assert [line["error_type"] for line in logged() if "error_type" in line] == ["ZeroDivisionError"]


def test_an_unhandled_exception_of_the_provider_call_is_recorded_and_logged(logged: Logged) -> None:
    dependencies = FakeDependencies(ValueError("a marked prompt"))

    response = dependencies.serve()

    assert isinstance(response.body, InternalError)
    (record,) = dependencies.records
    assert (record.status, record.outcome) == (500, "internal_error")
    lines = logged()
    assert [line["error_type"] for line in lines] == ["ValueError"]
    assert "marked" not in json.dumps(lines)


def test_a_record_that_cannot_be_written_is_logged_completely_and_counted(logged: Logged) -> None:
    dependencies = FakeDependencies(errors={"record": LedgerUnavailable("x")})

    assert dependencies.serve(chat_request(user="end user", metadata={"team": "blue"})).body == PRICED_ANSWER

    line, metric, _ = logged()  # The record is in the log even if the function is killed now.
    assert metric["usage_record_lost"] == 1
    for each in (line, metric):
        assert (each["request_id"], each["api_request_id"]) == IDS
    assert (line["level"], line["message"]) == ("ERROR", "usage record lost")
    lost = line["usage_record"]
    assert (lost["pk"], lost["sk"]) == (f"KEY#{KEY_ID}", "USE#01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert (lost["tokens_in"], lost["tokens_out"], lost["end_user"]) == (12, 3, "end user")
    assert lost["tags"] == {"team": "blue"}
    assert "Say hello." not in json.dumps(line)


OUT_OF_CREDIT, REFUSED_KEY = (
    Attempt(TARGET, cause, 400, None, 40, None, "none") for cause in ("ProviderOutOfCredit", "ProviderKeyRefused")
)


@pytest.mark.parametrize(
    ("outcome", "metrics"),
    [
        (ANSWERED, []),
        (Outcome((OUT_OF_CREDIT, *ANSWERED.attempts), ANSWER), ["provider_out_of_credit"]),
        (Outcome((REFUSED_KEY, REFUSED_KEY, *ANSWERED.attempts), ANSWER), ["provider_auth_failed"]),
        (Outcome((*TIMED_OUT.attempts, OUT_OF_CREDIT), TIMED_OUT.result), ["provider_out_of_credit"]),
        (Outcome((*TIMED_OUT.attempts, *ANSWERED.attempts), ANSWER), []),
        # The error of the response is counted with the response.
        (Outcome((OUT_OF_CREDIT,), ProviderOutOfCredit("x")), []),
    ],
    ids=["answered", "credit", "key", "credit of a later target", "failure that may pass", "failure of the response"],
)
def test_failures_that_only_the_owner_can_fix_are_counted_after_a_fallback(
    outcome: Outcome, metrics: list[str], logged: Logged
) -> None:
    FakeDependencies(outcome).serve()

    assert [
        name for line in logged() for name in ("provider_out_of_credit", "provider_auth_failed") if name in line
    ] == (metrics)
