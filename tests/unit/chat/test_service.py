"""The steps of a chat call in order, and its deadline."""

import pytest

from qwen_gateway.errors import (
    GatewayError,
    KeyMissing,
    KeyRevoked,
    KeyUnknown,
    LedgerUnavailable,
    ModelUnknown,
    RequestInvalid,
)
from qwen_gateway.upstream import RoutedRequest
from tests.builders import chat_request
from tests.unit.chat.fake_dependencies import ANSWERED, PRICED_ANSWER, TARGET, FakeDependencies


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
