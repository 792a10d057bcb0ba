"""Costs through HTTP: the cases calculated by hand, from the provider's report to the client and to the record."""

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from tests.hand_calculated_costs import CASES, DEFAULT_PROVIDER, Case

CNY = 0.14
"""The exchange rate of gateway.toml."""
CHINESE = {"dashscope-beijing", "holysheep"}

type Records = Callable[[], list[dict[str, Any]]]


def cost_in_dollars(case: Case) -> float:
    assert case.cost is not None
    return case.cost * (CNY if case.provider in CHINESE else 1) / 1_000_000


def ask(client: openai.OpenAI, case: Case, **options: Any) -> Any:
    """Call the model of a case."""
    model = case.model if case.provider == DEFAULT_PROVIDER else f"{case.provider}/{case.model}"
    messages: Any = [{"role": "user", "content": "Say hello."}]
    return client.chat.completions.create(model=model, messages=messages, extra_body=case.request, **options)


def record_of(records: Records, request_id: str) -> dict[str, Any]:
    (record,) = (item for item in records() if item["sk"]["S"] == f"USE#{request_id.removeprefix('req_')}")
    return record


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_call_costs_what_was_calculated_by_hand(
    case: Case, client: openai.OpenAI, provider: httpx2.Client, records: Records
) -> None:
    provider.put("/_control", json={"usage": case.usage, "models": [case.model]}).raise_for_status()

    answer = ask(client, case)

    record = record_of(records, answer._request_id)
    usage = answer.usage.model_dump() if answer.usage else {}
    if case.cost is None:
        assert "cost" not in record
        assert record["unpriced"]["S"] == case.why
        assert "cost" not in usage
    else:
        assert usage["cost"] == pytest.approx(cost_in_dollars(case), rel=1e-12)
        assert usage["cost_currency"] == record["cost_currency"]["S"] == "USD"
        assert int(record["cost"]["N"]) == round(cost_in_dollars(case) * 10**12)
        assert record["price"]["S"].endswith(f"/{case.model}@2026-11-01")


def test_a_stream_tells_its_cost_in_the_usage_chunk(client: openai.OpenAI, provider: httpx2.Client) -> None:
    case = CASES[0]
    provider.put("/_control", json={"usage": case.usage}).raise_for_status()

    chunks = list(ask(client, case, stream=True, stream_options={"include_usage": True}))

    reported = [chunk.usage.model_dump() for chunk in chunks if chunk.usage]
    assert [(usage["cost"], usage["cost_currency"]) for usage in reported] == [(cost_in_dollars(case), "USD")]


def test_a_stream_without_usage_still_has_a_priced_record(
    client: openai.OpenAI, provider: httpx2.Client, records: Records
) -> None:
    case = CASES[0]
    provider.put("/_control", json={"usage": case.usage}).raise_for_status()

    response = client.chat.completions.with_raw_response.create(
        model=case.model, messages=[{"role": "user", "content": "Say hello."}], stream=True
    )
    chunks = list(response.parse())

    assert not any(chunk.usage for chunk in chunks)
    record = record_of(records, response.headers["x-request-id"])
    assert int(record["cost"]["N"]) == round(cost_in_dollars(case) * 10**12)


def test_the_operator_sees_the_parts_of_a_cost(client: openai.OpenAI, provider: httpx2.Client, repository: Any) -> None:
    case = next(case for case in CASES if case.name == "hit and write")
    provider.put("/_control", json={"usage": case.usage}).raise_for_status()

    answer = ask(client, case)

    shown = repository.run("requests", "show", answer._request_id)
    assert (shown.returncode, f"{cost_in_dollars(case):.7f} USD" in shown.stdout) == (0, True), shown.stderr
    assert all(kind in shown.stdout for kind in ("input", "cached", "cache_write", "output"))
