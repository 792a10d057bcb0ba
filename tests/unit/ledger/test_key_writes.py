"""The exact requests of the writes on a key's item, as docs/ledger.md has them."""

import re
from pathlib import Path

import pytest

from qwen_gateway.ledger import Caller, Terms
from qwen_gateway.ledger import key_writes as writes
from qwen_gateway.ledger.alerts import mark_alert
from qwen_gateway.ledger.expressions import Update
from qwen_gateway.ledger.reserve import count_request, reserve

NOW = 1_790_000_042
CALLER = Caller("TestKey00001", "0" * 64, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "qwen-plus")
DOCUMENT = (Path(__file__).parents[3] / "docs/ledger.md").read_text(encoding="utf-8")


BUDGET = Terms(has_budget=True, amount=300, default_max_output=8_192)
WRITES: dict[str, Update] = {
    "reserve": reserve(CALLER, BUDGET, [0, 1], NOW),
    "reserve for concurrency": reserve(CALLER, Terms(has_budget=False), [0], NOW),
    "reserve in shadow mode": reserve(CALLER, Terms(has_budget=True, needs_warn=True), [0], NOW),
    "count_request": count_request(CALLER, NOW),
    "count_tokens": writes.count_tokens("t1", 5),
    "raise_hold": writes.raise_hold("h.0", 300, 500),
    "release": writes.release("h.0", 300, 70, tokens=("t1", 5), stale=["r0", "t0"]),
    "roll_period": writes.roll_period("day", NOW),
    "adopt": writes.adopt(),
    "mark_alert": mark_alert(80, 999),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_names_exactly_its_aliases_and_values_in_one_line(name: str) -> None:
    request = WRITES[name].parameters()

    texts = request["UpdateExpression"] + " " + request["ConditionExpression"]
    assert set(re.findall(r"#\w+", texts)) == request["ExpressionAttributeNames"].keys()
    assert set(re.findall(r":\w+", texts)) == request["ExpressionAttributeValues"].keys()
    assert "\n" not in texts
    assert not re.search(r"[+-]", request["ConditionExpression"])
    assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_reserve_is_the_write_of_the_document() -> None:
    request = WRITES["reserve"].parameters()

    assert request["UpdateExpression"] == (
        "SET #remaining = #remaining - :amount, #holds.#hold = :amount, "
        "#window.#requests = if_not_exists(#window.#requests, :zero) + :one"
    )
    assert request["ConditionExpression"] == (
        "(#token_hash = :hash OR (#previous_hash = :hash AND #previous_expires > :now)) "
        "AND #disabled = :false AND (attribute_not_exists(#expires) OR #expires > :now) "
        "AND (attribute_not_exists(#models) OR contains(#models, :model)) "
        "AND attribute_exists(#budget) AND #default_max_output = :default_max_output "
        "AND (attribute_not_exists(#period_end) OR #period_end > :now) "
        "AND attribute_not_exists(#holds.#hold) AND attribute_not_exists(#holds.#sent0) "
        "AND size(#holds) < :most_holds AND (#on_limit = :warn OR (#remaining >= :amount "
        "AND size(#holds) < #concurrency "
        "AND (attribute_not_exists(#rpm) OR attribute_not_exists(#window.#requests) OR #window.#requests < #rpm) "
        "AND (attribute_not_exists(#tpm) OR attribute_not_exists(#window.#tokens) OR #window.#tokens < #tpm)))"
    )
    names = request["ExpressionAttributeNames"]
    assert (names["#hold"], names["#sent0"]) == (f"{CALLER.ulid}.1", f"{CALLER.ulid}.0")
    assert (names["#requests"], names["#tokens"]) == ("r29833334", "t29833334")
    assert request["ExpressionAttributeValues"] == {
        ":amount": {"N": "300"},
        ":default_max_output": {"N": "8192"},
        ":false": {"BOOL": False},
        ":hash": {"S": "0" * 64},
        ":model": {"S": "qwen-plus"},
        ":most_holds": {"N": "300"},
        ":now": {"N": str(NOW)},
        ":one": {"N": "1"},
        ":warn": {"S": "warn"},
        ":zero": {"N": "0"},
    }


@pytest.mark.parametrize("name", ["count_tokens", "roll_period", "adopt", "mark_alert", "raise_hold", "release"])
def test_a_condition_stands_in_the_document(name: str) -> None:
    request = WRITES[name].parameters()

    assert request["ConditionExpression"] in " ".join(DOCUMENT.split())


def test_the_threshold_of_an_alert_is_rounded_up() -> None:
    request = WRITES["mark_alert"].parameters()

    assert request["ExpressionAttributeValues"][":threshold"] == {"N": "800"}
