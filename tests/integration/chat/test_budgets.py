"""Keys with a budget: a call is held at its bound and charged at its cost, and without a bound it is not made."""

import json
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.aws_calls import record_aws_calls
from tests.integration.chat.conftest import Gateway, MakeGateway

DOLLAR = 10**12


def held(gateway: Gateway, key: str) -> int:
    return sum(gateway.key(key)["holds"].values())


def test_a_call_holds_its_bound_and_settles_at_its_cost(gateway: Gateway, provider: RunningMockQwen) -> None:
    key = gateway.add_key(budget=DOLLAR, tpm=100_000)
    seen: list[dict[str, Any]] = []
    complete = gateway.calls.upstream.complete

    def look(*arguments: Any) -> Any:
        seen.append(gateway.key(key))
        return complete(*arguments)

    gateway.calls.upstream.complete = look  # type: ignore[assignment, method-assign]

    answer = gateway.chat(chat_request(), key=key)

    assert answer.status == 200
    ((hold, amount),) = seen[0]["holds"].items()
    assert seen[0]["remaining"] == DOLLAR - amount
    record = gateway.record(answer)
    assert (record["state"], record["hold"]) == ("settled", hold)
    assert 0 < record["cost"] < amount
    after = gateway.key(key)
    assert (after["holds"], after["spent"], after["remaining"]) == ({}, record["cost"], DOLLAR - record["cost"])
    assert sum(n for name, n in after["window"].items() if name[0] == "t") == record["tokens_in"] + record["tokens_out"]
    assert sum(n for name, n in after["window"].items() if name[0] == "r") == 1
    assert answer.body["usage"]["cost"] == record["cost"] / DOLLAR


def test_a_stream_ends_after_its_hold_is_released(gateway: Gateway) -> None:
    key = gateway.add_key(budget=DOLLAR, concurrency=1)

    for _ in range(2):
        stream = gateway.stream(chat_request(stream_options={"include_usage": True}), key=key)
        assert stream.status == 200
        assert stream.body.endswith("data: [DONE]\n\n")
        assert held(gateway, key) == 0
    assert gateway.key(key)["spent"] == sum(record["cost"] for record in gateway.records())


def test_a_key_with_a_budget_sends_its_default_output_limit(gateway: Gateway, provider: RunningMockQwen) -> None:
    key = gateway.add_key(budget=DOLLAR, default_max_output=300)

    answers = [gateway.chat(chat_request(), key=key), gateway.chat(chat_request(max_tokens=77), key=key)]

    assert [call["body"]["max_tokens"] for call in provider.calls()] == [300, 77]
    assert answers[0].headers["x-gateway-max-tokens"] == "300"
    assert "x-gateway-max-tokens" not in answers[1].headers


def test_an_unknown_model_is_told_to_known_keys_only_and_costs_one_read(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, revoked = gateway.add_key(budget=DOLLAR), gateway.add_key(budget=DOLLAR, disabled=True)
    seen = record_aws_calls(monkeypatch)

    assert gateway.chat(chat_request(model="no-such"), key=known).status == 404
    assert gateway.chat(chat_request(model="no-such"), key=revoked).status == 401

    assert seen == ["GetItem", "GetItem"]
    assert held(gateway, known) == 0


def test_a_target_without_a_bound_is_passed_over_for_a_key_with_a_budget(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    routes = {"mixed": [{"model": "not-in-the-catalog"}, {"model": "qwen-flash"}]}
    gateway = make_gateway(provider.url, 2, {"routes": routes})
    budget = gateway.add_key(budget=DOLLAR)

    assert gateway.chat(chat_request(model="mixed"), key=budget).status == 200
    assert [call["model"] for call in provider.calls()] == ["qwen-flash"]
    assert gateway.chat(chat_request(model="mixed")).status == 200
    assert [call["model"] for call in provider.calls()[1:]] == ["not-in-the-catalog", "qwen-flash"]


def test_a_request_that_no_target_bounds_is_refused_for_a_key_with_a_budget(
    gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget, revoked = gateway.add_key(budget=DOLLAR), gateway.add_key(budget=DOLLAR, disabled=True)
    seen = record_aws_calls(monkeypatch)

    answer = gateway.chat(chat_request(enable_search=True), key=budget)

    assert answer.error == (400, "invalid_request_error", "cost_unbounded")
    assert "search the web" in answer.body["error"]["message"]
    assert gateway.chat(chat_request(enable_search=True), key=revoked).status == 401
    assert seen == ["GetItem", "GetItem"]
    assert provider.calls() == []
    assert gateway.chat(chat_request(enable_search=True)).status == 200


def test_a_failed_call_that_was_not_charged_costs_nothing(gateway: Gateway, provider: RunningMockQwen) -> None:
    key = gateway.add_key(budget=DOLLAR)
    provider.control({"faults": [{"status": 400, "code": "invalid_parameter_error"}]})

    answer = gateway.chat(chat_request(), key=key)

    assert answer.status == 400
    assert (gateway.record(answer)["cost"], gateway.record(answer)["state"]) == (0, "settled")
    assert gateway.key(key)["remaining"] == DOLLAR


@pytest.mark.parametrize("policy", ["bound", "nothing"])
def test_a_presumed_attempt_is_charged_by_policy(
    make_gateway: MakeGateway, provider: RunningMockQwen, policy: str
) -> None:
    gateway = make_gateway(provider.url, 1, {"accounting": {"presumed": policy}})
    key = gateway.add_key(budget=DOLLAR)
    provider.control({"faults": [{"kind": "truncate", "after_chunks": 1}]})

    answer = gateway.chat(chat_request(), key=key)

    record = gateway.record(answer)
    (attempt,) = record["attempts"]
    assert attempt["charged"] == "presumed"
    assert (record["cost"] > 0) == (policy == "bound")
    assert attempt["presumed_cost"] == record["cost"] == gateway.key(key)["spent"]


def test_the_attempt_after_a_presumed_one_raises_the_hold(make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
    gateway = make_gateway(provider.url, 2, {"routes": {"two": [{"model": "qwen-plus"}, {"model": "qwen-flash"}]}})
    key = gateway.add_key(budget=DOLLAR)
    provider.control({"faults": [{"kind": "truncate", "after_chunks": 1}]})

    answer = gateway.chat(chat_request(model="two", max_tokens=100), key=key)

    assert answer.status == 200
    record = gateway.record(answer)
    presumed, billed = record["attempts"]
    assert presumed["presumed_cost"] > 0
    assert "presumed_cost" not in billed
    assert record["cost"] > presumed["presumed_cost"]
    assert (held(gateway, key), gateway.key(key)["spent"]) == (0, record["cost"])


def test_without_budget_for_another_attempt_the_call_ends_with_the_error_of_the_first(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    gateway = make_gateway(provider.url, 2, {"routes": {"two": [{"model": "qwen-plus"}, {"model": "qwen-flash"}]}})
    request = chat_request(model="two", max_tokens=100)
    rich = gateway.add_key(budget=DOLLAR)
    provider.control({"faults": [{"kind": "truncate", "after_chunks": 1}]})
    gateway.chat(request, key=rich)
    bound = gateway.records()[0]["attempts"][0]["presumed_cost"]
    key = gateway.add_key(budget=bound)
    provider.reset()
    provider.control({"faults": [{"kind": "truncate", "after_chunks": 1}]})

    answer = gateway.chat(request, key=key)

    assert answer.error == (502, "server_error", "provider_answer_broken")
    assert len(provider.calls()) == 1
    (attempt,) = gateway.record(answer)["attempts"]
    assert gateway.record(answer)["cost"] == attempt["presumed_cost"]
    assert (gateway.key(key)["spent"], gateway.key(key)["holds"]) == (attempt["presumed_cost"], {})


def test_a_cost_above_its_bound_is_charged_in_full_and_counted(
    gateway: Gateway, provider: RunningMockQwen, capsys: pytest.CaptureFixture[str]
) -> None:
    key = gateway.add_key(budget=10 * DOLLAR)
    provider.control({"prompt_tokens": 50_000, "completion_tokens": 50_000})

    answer = gateway.chat(chat_request(max_tokens=1), key=key)

    assert gateway.key(key)["spent"] == gateway.record(answer)["cost"] > 0
    assert '"bound_exceeded": 1' in capsys.readouterr().out


def test_alerts_are_told_once_a_period(
    gateway: Gateway, provider: RunningMockQwen, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.control({"prompt_tokens": 8, "completion_tokens": 1_000})
    gateway.chat(chat_request(max_tokens=1_000), key=gateway.add_key(budget=DOLLAR))
    cost = gateway.records()[0]["cost"]
    key = gateway.add_key(budget=10 * cost, spent=7 * cost, remaining=3 * cost)
    capsys.readouterr()

    for _ in range(2):
        assert gateway.chat(chat_request(max_tokens=1_000), key=key).status == 200

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (alert,) = [line for line in lines if line.get("message") == "budget alert"]
    assert (alert["percent"], alert["key_id"]) == (80, gateway.key(key)["id"])
    assert [line["budget_spent_80"] for line in lines if "budget_spent_80" in line] == [1]
    assert gateway.key(key)["alerted"] == 80
