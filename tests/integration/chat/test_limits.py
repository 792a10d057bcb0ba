"""Keys with limits: every refusal with its status and headers, and what an admitted call does to its key."""

import json
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.aws_calls import record_aws_calls
from tests.integration.chat.conftest import Gateway, MakeGateway

NOW = 1_790_000_082
"""42 seconds after a full minute."""
MINUTE = NOW // 60
DOLLAR = 10**12


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, gateway: Gateway) -> Gateway:
    """A gateway whose admissions happen at `NOW`."""
    monkeypatch.setattr(gateway.calls.admissions, "_clock", lambda: NOW + 0.7)
    return gateway


def held(gateway: Gateway, key: str) -> int:
    return sum(gateway.key(key)["holds"].values())


REFUSALS: dict[str, tuple[dict[str, Any], int, str, str | None]] = {
    "revoked": ({"budget": DOLLAR, "disabled": True}, 401, "revoked_api_key", None),
    "expired": ({"budget": DOLLAR, "expires": NOW}, 401, "expired_api_key", None),
    "model": ({"budget": DOLLAR, "models": ["qwen-max"]}, 403, "model_not_allowed", None),
    "budget": ({"budget": 1_000}, 402, "budget_exhausted", None),
    "budget of 0": ({"budget": 0}, 402, "budget_exhausted", None),
    "rpm": ({"budget": DOLLAR, "rpm": 2, "window": {f"r{MINUTE}": 2}}, 429, "request_limit_exceeded", "18"),
    "tpm": ({"budget": DOLLAR, "tpm": 9, "window": {f"t{MINUTE}": 9}}, 429, "token_limit_exceeded", "18"),
    "concurrency": ({"concurrency": 1, "holds": {"x.0": 0}}, 429, "concurrency_limit_exceeded", "1"),
    "hold map": (
        {"concurrency": 300, "on_limit": "warn", "holds": {f"x.{n}": 0 for n in range(300)}},
        429,
        "concurrency_limit_exceeded",
        "1",
    ),
    "counted: model": ({"rpm": 2, "models": ["qwen-max"]}, 403, "model_not_allowed", None),
    "counted: rpm": ({"rpm": 2, "window": {f"r{MINUTE}": 2}}, 429, "request_limit_exceeded", "18"),
    "counted: tpm": ({"tpm": 9, "window": {f"t{MINUTE}": 9}}, 429, "token_limit_exceeded", "18"),
    "read: model": ({"models": ["qwen-max"]}, 403, "model_not_allowed", None),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_call_writes_nothing_and_calls_no_provider(
    frozen: Gateway, provider: RunningMockQwen, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    settings, status, code, retry_after = REFUSALS[case]
    key = frozen.add_key(**settings)
    before = frozen.key(key)

    answer = frozen.chat(chat_request(), key=key)

    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == retry_after
    assert frozen.key(key) == before
    assert frozen.records() == []
    assert provider.calls() == []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (refused,) = [line for line in lines if line.get("message") == "call refused"]
    assert (refused["key_id"], refused["reason"]) == (before["id"], code)
    metric = code if status != 401 else "request_refused"
    assert [line[metric] for line in lines if metric in line] == [1]


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_of_a_known_key_costs_one_aws_call(
    frozen: Gateway, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    settings, status, *_ = REFUSALS[case]
    key = frozen.add_key(**settings)
    frozen.chat(chat_request(), key=key)
    operations = record_aws_calls(monkeypatch)

    assert frozen.chat(chat_request(), key=key).status == status

    assert operations in (["UpdateItem"], ["GetItem"])


def test_a_refusal_for_the_budget_says_what_is_left_what_it_buys_and_when_the_period_ends(frozen: Gateway) -> None:
    key = frozen.add_key(budget=2 * 10**9, period="day", period_end=1_790_035_200)

    answer = frozen.chat(chat_request(max_tokens=8_192), key=key)

    assert answer.headers["x-should-retry"] == "false"
    message = answer.body["error"]["message"]
    assert "budget of 0.002 USD, 0.002 USD are left" in message
    assert "The period ends at 2026-09-22T00:00:00Z." in message
    tokens = int(message.partition("buys ")[2].split()[0])
    assert 0 < tokens < 8_192
    assert frozen.chat(chat_request(max_tokens=tokens), key=key).status == 200
    assert frozen.chat(chat_request(max_tokens=tokens + 1), key=frozen.add_key(budget=2 * 10**9)).status == 402


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


def test_a_key_with_a_budget_sends_its_default_output_limit(gateway: Gateway, provider: RunningMockQwen) -> None:
    key = gateway.add_key(budget=DOLLAR, default_max_output=300)

    answers = [gateway.chat(chat_request(), key=key), gateway.chat(chat_request(max_tokens=77), key=key)]

    assert [call["body"]["max_tokens"] for call in provider.calls()] == [300, 77]
    assert answers[0].headers["x-gateway-max-tokens"] == "300"
    assert "x-gateway-max-tokens" not in answers[1].headers


def test_limits_a_minute_are_in_the_headers_of_a_key_that_has_them(frozen: Gateway) -> None:
    key = frozen.add_key(rpm=3, tpm=1_000, window={f"t{MINUTE}": 100})

    first, second = frozen.chat(chat_request(), key=key), frozen.chat(chat_request(), key=key)

    assert first.headers["x-ratelimit-limit-requests"] == "3"
    assert first.headers["x-ratelimit-remaining-requests"] == "2"
    assert second.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-reset-requests"] == "18s"
    assert first.headers["x-ratelimit-limit-tokens"] == "1000"
    assert first.headers["x-ratelimit-remaining-tokens"] == "900"
    assert first.headers["x-ratelimit-reset-tokens"] == "18s"
    unlimited = frozen.chat(chat_request()).headers
    assert not [name for name in unlimited if name.startswith("x-ratelimit")]
    frozen.chat(chat_request(), key=key)
    refused = frozen.chat(chat_request(), key=key)
    assert (refused.status, refused.headers["x-ratelimit-remaining-requests"]) == (429, "0")


def test_an_ended_period_is_rolled_by_the_next_call(frozen: Gateway) -> None:
    key = frozen.add_key(budget=DOLLAR, period="month", period_end=NOW, remaining=0, spent=DOLLAR, total=5, alerted=100)

    answer = frozen.chat(chat_request(), key=key)

    assert answer.status == 200
    item = frozen.key(key)
    cost = frozen.record(answer)["cost"]
    assert (item["total"], item["spent"], item["remaining"]) == (DOLLAR + 5, cost, DOLLAR - cost)
    assert (item["period_end"], item["alerted"]) == (1_790_812_800, 0)  # 2026-10-01


def test_an_unknown_model_is_told_to_known_keys_only_and_costs_one_read(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, revoked = gateway.add_key(budget=DOLLAR), gateway.add_key(budget=DOLLAR, disabled=True)
    seen = record_aws_calls(monkeypatch)

    assert gateway.chat(chat_request(model="no-such"), key=known).status == 404
    assert gateway.chat(chat_request(model="no-such"), key=revoked).status == 401

    assert seen == ["GetItem", "GetItem"]
    assert held(gateway, known) == 0


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


SHADOW: dict[str, tuple[dict[str, Any], str]] = {
    "budget": ({"budget": 1}, "budget"),
    "requests": ({"rpm": 1, "window": {f"r{MINUTE}": 1}}, "requests"),
    "tokens": ({"tpm": 1, "window": {f"t{MINUTE}": 1}}, "tokens"),
    "concurrency": ({"concurrency": 1, "holds": {"x.0": 0}}, "concurrency"),
    "all": (
        {"budget": 1, "rpm": 1, "window": {f"r{MINUTE}": 1}, "concurrency": 1, "holds": {"x.0": 0}},
        "budget, requests, concurrency",
    ),
    "none": ({"budget": DOLLAR, "rpm": 9}, ""),
}


@pytest.mark.parametrize("case", SHADOW)
def test_shadow_mode_counts_and_tells_but_never_refuses(
    frozen: Gateway, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    settings, exceeded = SHADOW[case]
    key = frozen.add_key(on_limit="warn", **settings)

    answer = frozen.chat(chat_request(), key=key)

    assert answer.status == 200
    assert answer.headers.get("x-gateway-limits-exceeded", "") == exceeded
    assert ('"limits_exceeded": 1' in capsys.readouterr().out) == bool(exceeded)


def test_shadow_mode_calls_a_target_without_a_bound(gateway: Gateway) -> None:
    key = gateway.add_key(budget=DOLLAR, on_limit="warn")

    answer = gateway.chat(chat_request(enable_search=True), key=key)

    assert answer.status == 200
    assert gateway.key(key)["spent"] == gateway.record(answer).get("cost", 0)
    assert gateway.key(key)["holds"] == {}
