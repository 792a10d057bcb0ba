"""The control interface: PUT, GET and DELETE /_control."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.mock_qwen.chat_client import PATH, chunks, http, post

FRESH = {
    "latency_ms": 0,
    "chunks": 4,
    "chunk_gap_ms": 0,
    "prompt_tokens": None,
    "completion_tokens": None,
    "reasoning_tokens": None,
    "cached_tokens": None,
    "cache_creation_tokens": None,
    "usage": None,
    "tool_calls": None,
    "accepted_key": None,
    "models": None,
    "faults": [],
}
WRONG: list[tuple[Any, str]] = [
    ([], "the control document"),
    ({"latency": 1}, "latency is unknown"),
    ({"calls": []}, "calls is unknown"),
    ({"latency_ms": -1}, "latency_ms"),
    ({"latency_ms": "5"}, "latency_ms"),
    ({"chunks": 0}, "chunks"),
    ({"chunks": 2.5}, "chunks"),
    ({"prompt_tokens": True}, "prompt_tokens"),
    ({"tool_calls": [{"name": "look_up"}]}, "tool_calls"),
    ({"accepted_key": 1}, "accepted_key"),
    ({"models": "qwen-plus"}, "models"),
    ({"models": ["qwen-plus", None]}, "models"),
    ({"faults": {}}, "faults"),
    ({"faults": ["hang"]}, "faults[0]"),
    ({"faults": [{}, {"kind": "explode"}]}, "faults[1].kind"),
    ({"faults": [{"status": 99}]}, "faults[0].status"),
    ({"faults": [{"times": -1}]}, "faults[0].times"),
    ({"faults": [{"headers": {"retry-after": 3}}]}, "faults[0].headers"),
    ({"faults": [{"headers": {"retry after": "3"}}]}, "faults[0].headers"),
    ({"faults": [{"headers": {"retry-after": "3\r\nx: y"}}]}, "faults[0].headers"),
    ({"faults": [{"models": "*"}]}, "faults[0].models is unknown"),
]


def failing(**fields: Any) -> dict[str, Any]:
    """Return a fault with an error status."""
    return {"status": 503, **fields}


def test_the_initial_settings_are_the_defaults(provider: RunningMockQwen) -> None:
    assert provider.state() == {**FRESH, "calls": []}


def test_absent_fields_keep_their_value_and_null_restores_the_default(provider: RunningMockQwen) -> None:
    provider.control({"prompt_tokens": 7, "chunks": 9})
    provider.control({"chunks": 2, "faults": [failing(model="qwen-max")]})

    state = provider.state()
    assert (state["prompt_tokens"], state["chunks"]) == (7, 2)
    assert state["faults"] == [
        {
            "model": "qwen-max",
            "times": 1,
            "kind": "error",
            "status": 503,
            "code": None,
            "message": None,
            "headers": {},
            "delay_ms": 0,
            "after_chunks": 0,
        }
    ]

    provider.control({"prompt_tokens": None, "chunks": None, "faults": None})
    assert provider.state() == {**FRESH, "calls": []}


def test_put_and_delete_return_the_current_settings(provider: RunningMockQwen) -> None:
    with http(provider) as client:
        assert client.put("/_control", json={"chunks": 5}).json() == {**FRESH, "chunks": 5}
        assert client.delete("/_control").json() == FRESH


@pytest.mark.parametrize(("document", "named"), WRONG)
def test_an_invalid_document_is_rejected_with_the_name_of_its_field(
    provider: RunningMockQwen, document: Any, named: str
) -> None:
    provider.control({"chunks": 7})
    before = provider.state()

    with http(provider) as client:
        answer = client.put("/_control", json=document)

    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert provider.state() == before


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_a_document_that_is_no_json_is_rejected(provider: RunningMockQwen, body: bytes) -> None:
    with http(provider) as client:
        assert client.put("/_control", content=body).status_code == 400


def test_calls_are_returned_unchanged_and_without_headers(provider: RunningMockQwen) -> None:
    before = time.time()
    sent = [
        chat_request(extra={"deep": [None, "é", 1.5]}),
        chat_request(model="qwen-max", stream=True),
        chat_request(model="gpt-4o", stream=None),
    ]
    with http(provider) as client:
        for body in sent:
            client.post(PATH, json=body)

    calls = provider.calls()

    assert [call["body"] for call in calls] == sent
    assert [call["model"] for call in calls] == ["qwen-plus", "qwen-max", "gpt-4o"]
    assert [call["stream"] for call in calls] == [False, True, False]
    assert all(call.keys() == {"time", "model", "stream", "body"} for call in calls)
    assert before <= calls[0]["time"] <= calls[1]["time"] <= calls[2]["time"] <= time.time()
    assert "sk-any" not in str(calls)


def test_a_call_that_fails_or_has_an_invalid_key_was_received_too(provider: RunningMockQwen) -> None:
    provider.control({"faults": [failing()]})
    post(provider)
    httpx2.post(provider.url + PATH, json=chat_request(), headers={"authorization": "Bearer invalid"}, trust_env=False)

    assert len(provider.calls()) == 2


def test_a_fault_applies_to_the_configured_number_of_calls_of_its_model(provider: RunningMockQwen) -> None:
    provider.control({"faults": [failing(model="qwen-max", times=2)]})

    seen = [post(provider, model=model).status_code for model in ("qwen-plus", "qwen-max", "qwen-max", "qwen-max")]

    assert seen == [200, 503, 503, 200]
    assert provider.state()["faults"][0]["times"] == 0


def test_the_first_matching_fault_with_remaining_times_applies(provider: RunningMockQwen) -> None:
    faults = [failing(model="qwen-max"), failing(status=429, times=2), failing(model="qwen-max", status=500)]
    provider.control({"faults": faults})

    seen = [post(provider, model=model).status_code for model in ("qwen-max", "qwen-plus", "qwen-max", "qwen-max")]

    assert seen == [503, 429, 429, 500]


def test_an_invalid_key_uses_up_no_fault(provider: RunningMockQwen) -> None:
    provider.control({"faults": [failing()]})

    httpx2.post(provider.url + PATH, json=chat_request(), headers={"authorization": "Bearer invalid"}, trust_env=False)

    assert post(provider).status_code == 503


def test_concurrent_calls_use_each_time_of_a_fault_once(provider: RunningMockQwen) -> None:
    provider.control({"latency_ms": 20, "faults": [failing(times=7)]})

    with ThreadPoolExecutor(20) as pool:
        seen = list(pool.map(lambda _: post(provider).status_code, range(20)))

    assert sorted(seen) == [200] * 13 + [503] * 7
    assert len(provider.calls()) == 20


def test_hanging_calls_do_not_block_others(provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"kind": "hang", "model": "qwen-max", "times": 5}]})

    with ThreadPoolExecutor(5) as pool:
        hanging = [pool.submit(_give_up, provider) for _ in range(5)]
        while len(provider.calls()) < 5:
            time.sleep(0.01)
        assert post(provider).status_code == 200
        assert all(each.result() for each in hanging)


def _give_up(provider: RunningMockQwen) -> bool:
    with http(provider) as client, pytest.raises(httpx2.ReadTimeout):
        client.post(PATH, json=chat_request(model="qwen-max"), timeout=1)
    return True


def test_a_response_has_the_configured_latency_and_gaps(provider: RunningMockQwen) -> None:
    provider.control({"latency_ms": 100, "chunks": 3, "chunk_gap_ms": 50})
    started = time.monotonic()

    chunks(provider)

    assert time.monotonic() - started >= 0.2


def test_a_reset_restores_the_settings_and_deletes_the_calls(provider: RunningMockQwen) -> None:
    post(provider)
    provider.control({"chunks": 2})

    provider.reset()

    assert provider.state() == {**FRESH, "calls": []}


def test_only_the_accepted_key_is_valid(provider: RunningMockQwen) -> None:
    with http(provider) as client:
        provider.control({"accepted_key": "sk-any"})
        assert post(provider).status_code == client.get("/v1/models").status_code == 200
        provider.control({"accepted_key": "sk-another"})
        refused = [post(provider), client.get("/v1/models"), client.get("/v1/models/qwen-plus")]
    assert [answer.status_code for answer in refused] == [401] * 3


def test_only_the_configured_models_are_listed_and_served(provider: RunningMockQwen) -> None:
    provider.control({"models": ["llama3.2:3b"]})
    with http(provider) as client:
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["llama3.2:3b"]
        assert client.get("/v1/models/llama3.2:3b").status_code == 200
        assert client.get("/v1/models/qwen-plus").status_code == 404
    assert post(provider, model="llama3.2:3b").status_code == 200
    assert post(provider, model="qwen-plus").status_code == 404
