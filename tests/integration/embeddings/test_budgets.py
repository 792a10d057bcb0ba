"""Keys with a budget: every row is held at its bound, and a call is charged at its cost."""

from typing import Any

import pytest

from qwen_gateway.upstream import Deadline
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import embeddings_request
from tests.integration.chat.conftest import Gateway, MakeGateway
from tests.integration.embeddings.rows import PRICE, make_rows

DOLLAR = 10**12


class TestKeysWithABudget:
    def test_the_hold_covers_every_row_and_is_released_at_the_cost(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=DOLLAR)

        answer = gateway.embed(embeddings_request(input=make_rows(25)), key=key)

        item = gateway.key(key)
        assert (item["holds"], item["spent"]) == ({}, gateway.record(answer)["cost"])
        assert item["remaining"] == DOLLAR - item["spent"]

    def test_a_request_above_the_budget_is_refused_without_a_call(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        key = gateway.add_key(budget=25 * 40 * PRICE - 1)

        answer = gateway.embed(embeddings_request(input=["x" * 24] * 25), key=key)

        assert answer.error == (402, "insufficient_quota", "budget_exhausted")
        assert provider.calls() == []
        assert gateway.records() == []
        assert gateway.embed(embeddings_request(input=["x" * 24] * 24), key=key).status == 200

    def test_a_row_counts_at_most_the_tokens_that_the_model_takes(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=8_192 * PRICE)

        answer = gateway.embed(embeddings_request(input="word " * 9_000), key=key)

        assert answer.error[2] == "context_length_exceeded", "the budget did not suffice"

    def test_a_presumed_part_is_held_beside_the_others_and_charged(
        self, make_gateway: MakeGateway, provider: RunningMockQwen
    ) -> None:
        provider.control({"faults": [{"status": 500, "code": "InternalError"}]})
        gateway = make_gateway(provider.url, attempts=2)
        rows = ["x" * 24] * 30
        whole, part = 30 * 40 * PRICE, 10 * 40 * PRICE
        poor, rich = gateway.add_key(budget=whole), gateway.add_key(budget=whole + part)

        answer = gateway.embed(embeddings_request(input=rows), key=rich)

        record = gateway.record(answer)
        assert (answer.status, record["attempts"][0]["presumed_cost"]) == (200, part)
        assert record["cost"] == part + record["tokens_in"] * PRICE
        assert gateway.key(rich)["holds"] == {}
        provider.control({"faults": [{"status": 500, "code": "InternalError"}]})
        refused = gateway.embed(embeddings_request(input=rows), key=poor)
        assert (refused.status, refused.error[2]) == (503, "provider_failed")
        assert gateway.key(poor)["holds"] == {}
        assert gateway.key(poor)["remaining"] >= 0

    def test_a_model_without_a_price_is_refused(self, make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
        gateway = make_gateway(provider.url, more={"providers": {"dashscope": {"prices": None}}})

        answer = gateway.embed(embeddings_request(), key=gateway.add_key(budget=DOLLAR))

        assert answer.error == (400, "invalid_request_error", "cost_unbounded")


def test_an_internal_error_of_a_part_charges_the_whole_hold(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = gateway.calls.upstream.complete

    def fail(operation: Any, request: Any, deadline: Deadline, before_attempt: Any) -> Any:
        if "This is row 15 of many." in request.body["input"]:
            raise ZeroDivisionError
        return complete(operation, request, deadline, before_attempt)

    monkeypatch.setattr(gateway.calls.upstream, "complete", fail)
    key = gateway.add_key(budget=DOLLAR)

    answer = gateway.embed(embeddings_request(input=make_rows(30)), key=key)

    assert answer.error == (500, "server_error", "internal_error")
    record = gateway.record(answer)
    assert record["state"] == "settled"
    assert record["cost"] == gateway.key(key)["spent"] > 30 * PRICE
