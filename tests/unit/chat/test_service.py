"""The steps of a chat call in order, and the one usage record of each authenticated call."""

import json
import time
from typing import Any, cast

import pytest

from chat.service import ChatService
from qwen_gateway import config
from qwen_gateway.api import HttpRequest
from qwen_gateway.calls import MeteredCalls
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import (
    GatewayError,
    InternalError,
    KeyMissing,
    KeyRevoked,
    KeyUnknown,
    LedgerUnavailable,
    ModelUnknown,
    ProviderNotConfigured,
    ProviderOutOfCredit,
    ProviderTimeout,
    RequestInvalid,
)
from qwen_gateway.ledger import Admission, AdmissionRefused, Caller, KeySnapshot, UsageRecord, WinningRecord
from qwen_gateway.pricing import Prices
from qwen_gateway.pricing.price_list import PriceList
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Deadline, Outcome, RoutedRequest
from qwen_gateway.upstream.operations import Operation
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.usage import Usage
from tests.builders import KEY_ID, chat_request, key_snapshot, token
from tests.unit.conftest import Logged

TIMEOUTS = Timeouts()
TOKEN = token()
IDS = RequestIds("req_01ARZ3NDEKTSV4RRFFQ69G5FAV", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
TARGET = Target("dashscope", "qwen4-max")
USAGE = {"prompt_tokens": 12, "completion_tokens": 3}
ANSWER = {"object": "chat.completion", "choices": [], "usage": USAGE}
PRICED_ANSWER = ANSWER | {"usage": USAGE | {"cost": 0.0000315, "cost_currency": "USD"}}
"""12 * 1.5 + 3 * 4.5 = 31.5 dollars per million."""
ANSWERED = Outcome((Attempt(TARGET, "", 200, "req-1", 40, 10, "billed"),), ANSWER, Usage(12, 3))
TIMED_OUT = Outcome(
    (Attempt(TARGET, "ProviderTimeout", None, None, 40, None, "presumed"),), ProviderTimeout("a marked message")
)
NOT_CONFIGURED = Outcome((), ProviderNotConfigured("run the command"))


class FakeDependencies:
    """All dependencies of the service; records the order in which they are called."""

    def __init__(self, outcome: Outcome | Exception = ANSWERED, *, errors: dict[str, Exception] | None = None) -> None:
        self._outcome = outcome
        self._refusing = errors or {}
        self.steps: list[str] = []
        self.seconds_left = 0.0
        self.admission_s = 0.0
        self.is_known = False
        self.calls: list[RoutedRequest] = []
        self.records: list[UsageRecord] = []

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name in self._refusing:
            raise self._refusing[name]

    def was_valid(self, _token_hash: str) -> bool:
        return self.is_known

    def read_key(self, _caller: Caller) -> KeySnapshot:
        self._step("key")
        return key_snapshot()

    def admit(self, caller: Caller, *_: object) -> Admission:
        assert caller.key_id == KEY_ID
        if refusal := self._refusing.get("admit"):
            raise AdmissionRefused(cast("GatewayError", refusal), None, 0)
        self._step("admit")
        time.sleep(self.admission_s)
        return Admission(key_snapshot(), now=0)

    def describe(self, _target: Target) -> None:
        return None

    def adapt(self, *_: object) -> dict[Target, Any]:
        return {}

    def serving(self, *_: object) -> tuple[Target, ...]:
        self._step("route")
        return (TARGET,)

    def retirement(self, _target: Target) -> None:
        return None

    def complete(self, operation: Operation, request: RoutedRequest, deadline: Deadline, _hook: object) -> Outcome:
        assert operation is CHAT
        self._step("call")
        self.seconds_left = deadline.remaining()
        self.calls.append(request)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def stream(self, operation: Operation, request: RoutedRequest, deadline: Deadline, hook: object) -> Outcome:
        return self.complete(operation, request, deadline, hook)

    def open(self, record: UsageRecord) -> None:
        self._step("open")
        assert record.state == "open"

    def put(self, _admission: Admission, record: UsageRecord) -> WinningRecord:
        self._step("record")
        self.records.append(record)
        return WinningRecord(record.state, record.hold, record.cost or 0)

    def release(self, *_: object) -> None:
        self._step("release")

    def serve(self, body: Any = None, headers: dict[str, str] | None = None, seconds: float = 20) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body or chat_request()).encode()
        request = HttpRequest(IDS, {"authorization": f"Bearer {TOKEN}", **(headers or {})}, raw)
        calls = MeteredCalls(self, self, cast("Any", self), TIMEOUTS, self, Prices(config.parse("")))
        return ChatService(cast("Any", self), calls).complete(request, seconds + TIMEOUTS.reserved_for_ledger)


def test_a_call_runs_its_steps_in_order() -> None:
    dependencies = FakeDependencies()

    response = dependencies.serve(chat_request(model="qwen-max"))

    assert dependencies.steps == ["route", "admit", "open", "call", "record", "release"]
    assert dependencies.calls == [RoutedRequest("qwen-max", (TARGET,), chat_request(model="qwen-max"))]
    assert response.body == PRICED_ANSWER
    assert response.headers == {
        "x-gateway-provider": "dashscope",
        "x-gateway-model": "qwen4-max",
        "x-gateway-attempts": "1",
    }


def test_every_changed_number_is_returned_in_a_header() -> None:
    outcome = ANSWERED._replace(changes={"max_tokens": 32_768, "temperature": 1.999, "top_p": 0.001})

    headers = FakeDependencies(outcome).serve(chat_request(max_tokens=64_000)).headers

    assert headers["x-gateway-max-tokens"] == "32768"
    assert (headers["x-gateway-temperature"], headers["x-gateway-top-p"]) == ("1.999", "0.001")


@pytest.mark.parametrize(
    ("errors", "steps"),
    [
        ({"admit": KeyRevoked("x")}, ["route"]),
        ({"admit": LedgerUnavailable("x")}, ["route"]),
        ({"open": LedgerUnavailable("x")}, ["route", "admit", "open", "record"]),
        ({"route": ModelUnknown("x")}, ["route", "key"]),
    ],
    ids=["revoked", "ledger down", "no open record", "unknown model"],
)
def test_a_rejected_call_reaches_no_provider(errors: dict[str, Exception], steps: list[str]) -> None:
    dependencies = FakeDependencies(errors=errors)

    try:
        error = dependencies.serve().body
    except GatewayError as raised:
        error = raised
    assert error in errors.values()
    assert dependencies.steps == steps
    assert {record.state for record in dependencies.records} <= {"not_called"}


def test_without_a_token_no_step_runs() -> None:
    dependencies = FakeDependencies()

    with pytest.raises(KeyMissing):
        dependencies.serve(headers={"authorization": ""})

    assert dependencies.steps == []


LARGE = b"{" * 65_537


def test_no_large_body_is_parsed_for_an_unknown_key() -> None:
    dependencies = FakeDependencies(errors={"key": KeyUnknown("x")})

    with pytest.raises(KeyUnknown):
        dependencies.serve(LARGE)


def test_a_large_body_of_a_known_key_is_parsed_at_once() -> None:
    dependencies = FakeDependencies()
    dependencies.is_known = True

    with pytest.raises(RequestInvalid):
        dependencies.serve(LARGE)

    assert dependencies.steps == []


def test_an_invalid_body_reaches_no_provider_and_leaves_no_record() -> None:
    dependencies = FakeDependencies()

    with pytest.raises(RequestInvalid):
        dependencies.serve(b"{")

    assert dependencies.steps == []


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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 20),
        ({"x-gateway-timeout-ms": "1500"}, 1.5),
        ({"x-stainless-read-timeout": "10"}, 9),
        ({"x-stainless-read-timeout": "7.5"}, 6.75),
        ({"x-stainless-timeout": "10"}, 9),
        ({"x-stainless-read-timeout": "600"}, 20),
        ({"x-gateway-timeout-ms": "9000", "x-stainless-read-timeout": "3"}, 2.7),
        ({"x-gateway-timeout-ms": "900000"}, 20),
        ({"x-gateway-timeout-ms": "0"}, 20),
        ({"x-gateway-timeout-ms": "-5"}, 20),
        ({"x-gateway-timeout-ms": "soon"}, 20),
        ({"x-gateway-timeout-ms": "nan"}, 20),
        ({"x-gateway-timeout-ms": "inf"}, 20),
        ({"x-stainless-read-timeout": "None"}, 20),
        ({"x-stainless-read-timeout": ""}, 20),
    ],
    ids=str,
)
def test_the_shortest_valid_limit_is_the_deadline(headers: dict[str, str], seconds: float) -> None:
    dependencies = FakeDependencies()

    dependencies.serve(headers=headers)

    assert dependencies.seconds_left == pytest.approx(seconds, abs=0.5)


def test_a_buffered_answer_ends_before_api_gateways_idle_timeout() -> None:
    buffered, streamed = FakeDependencies(), FakeDependencies()

    buffered.serve(seconds=898)
    streamed.serve(chat_request(stream=True), {"x-stainless-read-timeout": "600"}, seconds=898)

    assert buffered.seconds_left == pytest.approx(290, abs=0.5)
    assert streamed.seconds_left == pytest.approx(898, abs=0.5)


def test_the_time_for_admission_counts_towards_the_deadline() -> None:
    dependencies = FakeDependencies()
    dependencies.admission_s = 0.02

    dependencies.serve()

    assert dependencies.seconds_left <= 20 - dependencies.admission_s
