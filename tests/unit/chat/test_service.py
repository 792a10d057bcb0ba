"""The order of a chat call's steps, and the one record that each call leaves that was let through."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from chat.service import ChatService
from qwen_gateway.api import HttpRequest
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
from qwen_gateway.ledger import ApiKey, UsageRecord
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Deadline, Outcome
from tests.builders import api_key, chat_request
from tests.unit.conftest import Logged

TARGET = Target("dashscope", "qwen3-max")
ANSWER = {"object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}
ANSWERED = Outcome((Attempt(TARGET, "", 200, "req-1", 40, 10, "billed"),), ANSWER)
TIMED_OUT = Outcome(
    (Attempt(TARGET, "ProviderTimeout", None, None, 40, None, "presumed"),), ProviderTimeout("marked words")
)
NOT_CONFIGURED = Outcome((), ProviderNotConfigured("run the command"))


class House:
    """Everything that the service leans on; notes the order in which it is used."""

    def __init__(
        self, outcome: Outcome | Exception = ANSWERED, *, refusing: dict[str, Exception] | None = None
    ) -> None:
        self._outcome = outcome
        self._refusing = refusing or {}
        self.steps: list[str] = []
        self.seconds_left = 0.0
        self.slowness = 0.0
        self.asked: list[tuple[str, tuple[Target, ...], Mapping[str, Any]]] = []
        self.records: list[UsageRecord] = []

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name in self._refusing:
            raise self._refusing[name]

    def check_format(self, _token_text: str) -> None:
        self._step("form")

    def authenticate(self, _token_text: str, _now: float) -> ApiKey:
        self._step("key")
        time.sleep(self.slowness)
        return api_key()

    def targets(self, _name: str) -> tuple[Target, ...]:
        self._step("route")
        return (TARGET,)

    def complete(self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline) -> Outcome:
        self._step("call")
        self.seconds_left = deadline.remaining()
        self.asked.append((model, targets, body))
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def stream(self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline) -> Outcome:
        return self.complete(model, targets, body, deadline)

    def put(self, record: UsageRecord) -> None:
        self._step("record")
        self.records.append(record)

    def serve(self, body: Any = None, headers: dict[str, str] | None = None, seconds: float = 20) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body or chat_request()).encode()
        request = HttpRequest({"authorization": "Bearer t", **(headers or {})}, raw)
        return ChatService(self, self, self, self, Timeouts()).complete(
            request, "req_01ARZ3NDEKTSV4RRFFQ69G5FAV", seconds
        )


def test_a_call_goes_from_the_key_to_the_record() -> None:
    house = House()

    served = house.serve(chat_request(model="qwen-max"))

    assert house.steps == ["form", "key", "route", "call", "record"]
    assert house.asked == [("qwen-max", (TARGET,), chat_request(model="qwen-max"))]
    assert served.body == ANSWER
    assert served.headers == {
        "x-gateway-provider": "dashscope",
        "x-gateway-model": "qwen3-max",
        "x-gateway-attempts": "1",
    }


def test_a_lowered_output_cap_is_told() -> None:
    served = House(ANSWERED._replace(capped_max_tokens=32_768)).serve(chat_request(max_tokens=64_000))

    assert served.headers["x-gateway-max-tokens"] == "32768"


@pytest.mark.parametrize(
    ("refusing", "steps"),
    [
        ({"form": KeyUnknown("x")}, ["form"]),
        ({"key": KeyRevoked("x")}, ["form", "key"]),
        ({"key": LedgerUnavailable("x")}, ["form", "key"]),
        ({"route": ModelUnknown("x")}, ["form", "key", "route"]),
    ],
    ids=["garbage", "revoked", "ledger down", "unknown model"],
)
def test_a_call_that_is_refused_reaches_no_provider_and_leaves_no_record(
    refusing: dict[str, Exception], steps: list[str]
) -> None:
    house = House(refusing=refusing)

    with pytest.raises(GatewayError):
        house.serve()

    assert house.steps == steps


def test_without_a_key_nothing_is_looked_at() -> None:
    house = House()

    with pytest.raises(KeyMissing):
        house.serve(headers={"authorization": ""})

    assert house.steps == []


def test_a_wrong_body_is_refused_before_the_ledger_is_asked() -> None:
    house = House()

    with pytest.raises(RequestInvalid):
        house.serve(b"{")

    assert house.steps == ["form"]


@pytest.mark.parametrize(
    ("outcome", "status", "code", "attempts"),
    [
        (ANSWERED, 200, "answered", 1),
        (TIMED_OUT, 504, "provider_timeout", 1),
        (NOT_CONFIGURED, 503, "provider_not_configured", 0),
    ],
    ids=["answered", "failed", "not configured"],
)
def test_a_call_that_was_let_through_leaves_one_record(outcome: Outcome, status: int, code: str, attempts: int) -> None:
    house = House(outcome)

    served = house.serve()

    assert served.body is outcome.result
    assert ("x-gateway-attempts" in served.headers) == bool(attempts)
    (record,) = house.records
    assert (record.id, record.key_id) == ("01ARZ3NDEKTSV4RRFFQ69G5FAV", api_key().id)
    assert (record.status, record.outcome, len(record.attempts)) == (status, code, attempts)


def test_a_defect_on_the_way_to_the_provider_leaves_its_record_and_its_place_in_the_log(logged: Logged) -> None:
    house = House(ValueError("a marked prompt"))

    served = house.serve()

    assert isinstance(served.body, InternalError)
    (record,) = house.records
    assert (record.status, record.outcome) == (500, "internal_error")
    lines = logged()
    assert [line["error_type"] for line in lines] == ["ValueError"]
    assert "marked" not in json.dumps(lines)


def test_a_record_that_cannot_be_written_is_logged_whole_and_counted(logged: Logged) -> None:
    house = House(refusing={"record": LedgerUnavailable("x")})

    assert house.serve(chat_request(user="end user", metadata={"team": "blue"})).body == ANSWER

    metric, line = logged()
    assert metric["usage_record_lost"] == [1.0]
    assert (line["level"], line["message"]) == ("ERROR", "usage record lost")
    lost = line["usage_record"]
    assert (lost["pk"], lost["sk"]) == (f"KEY#{api_key().id}", "USE#01ARZ3NDEKTSV4RRFFQ69G5FAV")
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
        # The edge counts what it tells.
        (Outcome((OUT_OF_CREDIT,), ProviderOutOfCredit("x")), []),
    ],
    ids=["answered", "credit", "key", "credit of a later target", "mended by itself", "told"],
)
def test_what_only_the_owner_can_end_is_counted_although_another_target_answered(
    outcome: Outcome, metrics: list[str], logged: Logged
) -> None:
    House(outcome).serve()

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
def test_the_shortest_sensible_limit_is_the_deadline(headers: dict[str, str], seconds: float) -> None:
    house = House()

    house.serve(headers=headers)

    assert house.seconds_left == pytest.approx(seconds, abs=0.5)


def test_a_whole_answer_comes_before_api_gateway_takes_its_quiet_for_the_end() -> None:
    whole, streamed = House(), House()

    whole.serve(seconds=898)
    streamed.serve(chat_request(stream=True), {"x-stainless-read-timeout": "600"}, seconds=898)

    assert whole.seconds_left == pytest.approx(290, abs=0.5)
    assert streamed.seconds_left == pytest.approx(898, abs=0.5)


def test_what_reading_and_asking_for_the_key_took_is_gone_from_the_time() -> None:
    house = House()
    house.slowness = 0.02

    house.serve()

    assert house.seconds_left <= 20 - house.slowness
