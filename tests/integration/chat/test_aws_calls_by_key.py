"""The AWS calls that a call makes, which depend on the limits of its key, and the state that they leave."""

from typing import Any

import pytest

from tests.builders import chat_request
from tests.integration.chat.aws_calls import record_aws_calls
from tests.integration.chat.conftest import Gateway

DOLLAR = 10**12


@pytest.mark.parametrize(
    ("settings", "operations"),
    [
        ({"budget": DOLLAR}, ["UpdateItem", "PutItem", "UpdateItem"]),
        ({"concurrency": 5}, ["UpdateItem", "PutItem", "UpdateItem"]),
        ({"rpm": 60}, ["UpdateItem", "PutItem", "PutItem"]),
        ({"rpm": 60, "tpm": 1_000}, ["UpdateItem", "PutItem", "PutItem", "UpdateItem"]),
        ({}, ["GetItem", "PutItem", "PutItem"]),
    ],
    ids=["budget", "concurrency", "rpm", "tpm", "no limit"],
)
def test_a_call_of_a_known_key_makes_the_aws_calls_of_its_form(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], operations: list[str]
) -> None:
    key = gateway.add_key(**settings)
    assert gateway.chat(chat_request(), key=key).status == 200
    seen = record_aws_calls(monkeypatch)

    assert gateway.chat(chat_request(), key=key).status == 200

    assert seen == operations


def test_the_first_call_of_a_key_makes_no_more_calls_if_it_has_a_budget_or_no_limits(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget, unlimited = gateway.add_key(budget=DOLLAR), gateway.add_key()
    gateway.chat(chat_request())
    seen = record_aws_calls(monkeypatch)

    assert gateway.chat(chat_request(), key=budget).status == 200
    assert seen == ["UpdateItem", "PutItem", "UpdateItem"]
    seen.clear()
    assert gateway.chat(chat_request(), key=unlimited).status == 200
    assert seen == ["UpdateItem", "PutItem", "PutItem"]


def test_a_key_without_limits_has_an_open_record_while_it_calls(gateway: Gateway) -> None:
    records: list[list[dict[str, Any]]] = []
    complete = gateway.calls.upstream.complete

    def die(*_: Any) -> Any:
        records.append(gateway.records())
        raise SystemExit

    gateway.calls.upstream.complete = die  # type: ignore[assignment, method-assign]
    with pytest.raises(SystemExit):
        gateway.chat(chat_request())
    gateway.calls.upstream.complete = complete  # type: ignore[method-assign]

    (killed,) = gateway.records()
    assert [killed] == records[0]
    assert killed["state"] == "open"
    assert "cost" not in killed
    answer = gateway.chat(chat_request())
    assert gateway.record(answer)["state"] == "settled"
    assert len(gateway.records()) == 2


def test_an_old_key_gets_its_state_at_its_first_use(gateway: Gateway) -> None:
    key = gateway.add_key(remaining=None, alerted=None)

    for _ in range(2):
        assert gateway.chat(chat_request(), key=key).status == 200

    item = gateway.key(key)
    assert (item["remaining"], item["alerted"], item["default_max_output"]) == (0, 0, 8_192)


def test_a_large_body_costs_one_read_unless_its_token_was_valid_a_moment_ago(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, revoked = gateway.add_key(budget=DOLLAR), gateway.add_key(budget=DOLLAR, disabled=True)
    large = chat_request(messages=[{"role": "user", "content": "a" * 65_536}])
    gateway.chat(chat_request())
    seen = record_aws_calls(monkeypatch)

    assert gateway.chat(large, key=revoked).status == 401
    assert gateway.chat(large, key=key).status == 200
    assert gateway.chat(large, key=key).status == 200

    write = ["UpdateItem", "PutItem", "UpdateItem"]
    assert seen == ["GetItem", "GetItem", *write, *write]
