"""What the doctor finds at providers: models, a tiny chat, silence."""

import json
import socket
from typing import Any

import pytest

from qwen_gateway_cli.doctor import http
from qwen_gateway_cli.doctor import provider as provider_checks
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.integration.cli.doctor.doctor_environment import (
    ALL_OF_DASHSCOPE,
    ALL_WELL,
    BEIJING,
    KEYS,
    NOWHERE,
    RESELLER,
    SINGAPORE,
    DoctorEnvironment,
    states,
)
from tests.integration.cli.operator import STACK


def test_all_is_well(doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen]) -> None:
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    ended = doctor_env.ends("--json")
    document = json.loads(ended.out)
    rows = {(row["subject"], row["check"]): row for row in document["findings"]}

    assert (ended.status, document["well"]) == (0, True)
    assert states(rows, SINGAPORE) == ALL_OF_DASHSCOPE
    assert states(rows, BEIJING) == {"key": "not configured"}
    assert states(rows, "aws") == {"concurrency": "ok"}
    assert states(rows, "this machine") == {"clock": "ok"}
    assert all(type(rows[SINGAPORE, check]["latency_ms"]) is int for check in ("accepted", "chat"))
    assert "secret" in rows[SINGAPORE, "key"]["found"]


def test_the_chat_is_tiny_cheap_and_one(doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen]) -> None:
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    servers[SINGAPORE].control({"faults": [{"status": 503, "times": 9}]})
    doctor_env.ends()

    [call] = servers[SINGAPORE].calls()
    assert call["model"] == "qwen-flash"
    assert call["body"]["max_tokens"] <= 16


@pytest.mark.parametrize(("model", "check"), [("text-embedding-v4", "embeddings")])
def test_an_endpoint_that_fails_beside_chat_is_a_warning(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen], model: str, check: str
) -> None:
    servers[SINGAPORE].control({"faults": [{"model": model, "status": 404, "code": "model_not_found"}]})
    doctor_env.keys(dashscope=KEYS[SINGAPORE])

    assert states(doctor_env.rows(), SINGAPORE) == ALL_OF_DASHSCOPE | {check: "warning"}


def test_a_provider_without_catalog_and_route_is_checked_with_a_model_that_it_lists(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen]
) -> None:
    servers[RESELLER].control({"models": ["qwen-max-hs"]})
    doctor_env.keys(dashscope=KEYS[SINGAPORE], holysheep=KEYS[RESELLER])
    doctor_env.ends()

    assert [call["model"] for call in servers[RESELLER].calls()] == ["qwen-max-hs"]


def test_a_person_gets_a_table_with_what_to_do(doctor_env: DoctorEnvironment) -> None:
    ended = doctor_env.ends()

    assert ended.status == 1
    words = " ".join(ended.out.split())
    assert "dashscope key failed no key in the stack's secret, and a route needs this provider" in words
    assert f"> Store one: qwen-gateway secrets set dashscope --stack {STACK}" in words
    assert STACK in ended.err


def test_a_routes_model_that_is_not_listed_is_named(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen]
) -> None:
    servers[RESELLER].control({"models": ["qwen-plus-hs"]})
    doctor_env.configure(routes={"qwen-max": [{"model": "qwen-max-hs", "provider": RESELLER}]})
    doctor_env.keys(dashscope=KEYS[SINGAPORE], holysheep=KEYS[RESELLER])
    rows = doctor_env.rows()

    judged = {"key": "ok", "accepted": "ok", "models": "failed", "chat": "failed", "prices": "warning"}
    assert states(rows, RESELLER) == judged
    assert "qwen-max-hs" in rows[RESELLER, "models"]["found"]
    assert "qwen-max-hs" in rows[RESELLER, "prices"]["found"]
    assert "qwen-plus-hs" in rows[RESELLER, "models"]["advice"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 400, "code": "Arrearage"}, "Expenses and Costs"),
        ({"status": 403, "code": "Model.AccessDenied"}, "does not serve qwen-flash"),
        ({"status": 429, "code": "limit_requests"}, "throttles"),
        ({"kind": "disconnect"}, "closed the connection"),
        ({"kind": "truncate", "after_chunks": 1}, "broke off"),
        ({"kind": "html"}, "broke off"),
    ],
)
def test_a_failed_chat_is_reported_with_its_cause(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen], fault: dict[str, Any], words: str
) -> None:
    servers[SINGAPORE].control({"faults": [fault]})
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    rows = doctor_env.rows()

    assert states(rows, SINGAPORE) == ALL_WELL | {"chat": "failed"}
    assert words in rows[SINGAPORE, "chat"]["found"]


def test_each_check_has_its_own_timeout(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_checks, "CHAT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(http.get_models, "__defaults__", (0.5,))
    servers[SINGAPORE].control({"faults": [{"kind": "hang"}]})
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        doctor_env.configure(providers={RESELLER: {"base_url": f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"}})
        doctor_env.keys(dashscope=KEYS[SINGAPORE], holysheep=KEYS[RESELLER])
        rows = doctor_env.rows()

    assert "too long" in rows[SINGAPORE, "chat"]["found"]
    assert "no answer within 0.5 s" in rows[RESELLER, "accepted"]["found"]


@pytest.mark.parametrize("url", [NOWHERE, "https://no-such-host.invalid/v1", "https://127.0.0.1:9/v1"])
def test_an_unreachable_address_is_one_finding(doctor_env: DoctorEnvironment, url: str) -> None:
    doctor_env.configure(providers={SINGAPORE: {"base_url": url}})
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    ended = doctor_env.ends()

    assert ended.status == 1
    assert states(doctor_env.rows(), SINGAPORE) == {"key": "ok", "accepted": "failed"}
    assert "Traceback" not in ended.out + ended.err


def test_a_server_without_authentication_is_called_without_a_key(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen]
) -> None:
    servers[RESELLER].control({"accepted_key": None, "models": ["qwen3:8b"]})
    own = {"base_url": f"{servers[RESELLER].url}/v1", "needs_key": False}
    routes = {
        "qwen-plus": [{"model": "qwen3:8b"}],
        "qwen-max": None,
        "qwen-turbo": None,
        "claude-*": None,
        "claude-haiku-*": None,
    }
    doctor_env.configure(providers={"ollama": own}, default_provider="ollama", routes=routes)
    assert states(doctor_env.rows(), "ollama") == ALL_WELL

    servers[RESELLER].control({"accepted_key": "sk-after-all"})
    rows = doctor_env.rows()
    assert states(rows, "ollama") == {"key": "ok", "accepted": "failed"}
    assert "needs_key = true" in rows["ollama", "accepted"]["advice"]

    doctor_env.configure(providers={"ollama": own})
    assert states(doctor_env.rows(), "ollama") == {"key": "not configured"}


def test_one_provider_alone(doctor_env: DoctorEnvironment) -> None:
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    subjects = {subject for subject, _ in doctor_env.rows("--provider", SINGAPORE)}
    assert subjects == {"aws", "stack", SINGAPORE, "this machine"}

    assert states(doctor_env.rows("--provider", RESELLER), RESELLER) == {"key": "failed"}
    unknown = doctor_env.ends("--provider", "openai")
    assert (unknown.status, unknown.out) == (1, "")
    assert RESELLER in unknown.err


def test_an_unencrypted_provider_is_refused_in_one_line(doctor_env: DoctorEnvironment) -> None:
    doctor_env.configure(providers={"mine": {"base_url": "http://qwen.example.com/v1"}})

    ended = doctor_env.ends()

    assert ended.status == 1
    *_, message = ended.err.splitlines()
    assert "providers.mine.base_url" in message
    assert "needs_key = false" in message
    assert "Traceback" not in ended.err
