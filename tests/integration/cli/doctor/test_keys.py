"""What the doctor finds of keys, and to whom it shows them."""

import json

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.integration.cli.doctor.clinic import (
    ALL_WELL,
    BEIJING,
    KEYS,
    NOWHERE,
    RESELLER,
    SINGAPORE,
    VARIABLES,
    Clinic,
    states,
)
from tests.integration.cli.operator import Run
from tests.integration.mock_server import serve_response


def test_a_provider_without_a_key_fails_only_when_a_route_needs_it(
    clinic: Clinic, servers: dict[str, RunningMockQwen]
) -> None:
    clinic.keys(dashscope=KEYS[SINGAPORE])
    assert clinic.ends().status == 0

    clinic.configure(routes={"qwen-max": [{"model": "qwen3-max"}, {"model": "qwen-max", "provider": RESELLER}]})
    assert states(clinic.rows(), RESELLER) == {"key": "failed"}
    assert clinic.ends().status == 1


def test_nobody_without_a_key_of_his_own_is_asked(clinic: Clinic) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(200, "{}", heard) as others:
        clinic.configure(providers={name: {"base_url": f"{others}/v1"} for name in (BEIJING, RESELLER)})
        clinic.keys(dashscope=KEYS[SINGAPORE])
        clinic.ends()

    assert heard == []


@pytest.mark.parametrize("key", ["sk-xxx", "your-key", '"sk-4f6f0b4e"', "sk-..."])
def test_what_is_no_key_is_told_and_not_tried(clinic: Clinic, key: str) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(401, "{}", heard) as server:
        clinic.configure(providers={SINGAPORE: {"base_url": f"{server}/v1"}})
        clinic.keys(dashscope=key)
        rows = clinic.rows()

    assert states(rows, SINGAPORE) == {"key": "failed"}
    assert "secrets set dashscope" in rows[SINGAPORE, "key"]["advice"]
    assert heard == []


def test_a_key_of_another_region_is_led_there(clinic: Clinic, servers: dict[str, RunningMockQwen]) -> None:
    clinic.keys(dashscope=KEYS[BEIJING])
    rows = clinic.rows()

    assert states(rows, SINGAPORE) == {"key": "ok", "accepted": "failed", "region": "failed"}
    assert f"belongs to {BEIJING}" in rows[SINGAPORE, "region"]["found"]
    assert f"secrets set {BEIJING}" in rows[SINGAPORE, "region"]["advice"]
    assert servers[SINGAPORE].calls() == servers[BEIJING].calls() == []


def test_a_key_that_no_region_takes_is_told_with_those_that_were_tried(clinic: Clinic) -> None:
    clinic.configure(providers={"dashscope-frankfurt": {"base_url": "https://{workspace}.example.com/v1"}})
    clinic.keys(dashscope="sk-nobodys")
    found = clinic.rows()[SINGAPORE, "region"]["found"]

    assert f"tried {BEIJING}" in found
    assert "not tried, because `workspace` is not set: dashscope-frankfurt" in found


def test_a_refused_key_of_dashscope_is_shown_to_no_reseller(clinic: Clinic) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(200, "{}", heard) as reseller:
        clinic.configure(providers={RESELLER: {"base_url": f"{reseller}/v1", "catalog": "dashscope-intl"}})
        clinic.keys(dashscope="sk-nobodys")
        clinic.ends()

    assert heard == []


def test_a_refused_key_of_a_reseller_is_shown_to_no_region(clinic: Clinic) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(200, "{}", heard) as region:
        clinic.configure(providers={SINGAPORE: {"base_url": f"{region}/v1"}, BEIJING: {"base_url": f"{region}/v1"}})
        clinic.keys(holysheep="hs-nobodys")
        rows = clinic.rows()

    assert states(rows, RESELLER) == {"key": "ok", "accepted": "failed"}
    assert heard == []


def test_a_region_that_is_silent_is_passed_over(clinic: Clinic, servers: dict[str, RunningMockQwen]) -> None:
    taking = {"base_url": f"{servers[BEIJING].url}/v1"}
    clinic.configure(providers={BEIJING: {"base_url": NOWHERE}, "dashscope-virginia": taking})
    clinic.keys(dashscope=KEYS[BEIJING])

    assert "belongs to dashscope-virginia" in clinic.rows()[SINGAPORE, "region"]["found"]


def test_no_key_is_ever_shown_even_when_a_provider_quotes_it(clinic: Clinic) -> None:
    quoting = json.dumps({"error": {"code": "InternalError", "message": f"Bearer {KEYS[SINGAPORE]} is odd"}})
    with serve_response(500, quoting) as url:
        clinic.configure(providers={SINGAPORE: {"base_url": f"{url}/v1"}})
        clinic.keys(dashscope=KEYS[SINGAPORE], dashscope_beijing="sk-marked-nobodys", holysheep='"hs-marked"')
        told = [clinic.ends(), clinic.ends("--json")]

    assert all("is odd" in " ".join(ended.out.split()) for ended in told)
    assert not [ended for ended in told if "marked" in ended.out + ended.err]


def test_without_a_stack_the_environments_keys_are_examined(
    clinic: Clinic, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(clinic.configuration()))
    ended = run("doctor")
    assert ended.status == 1
    assert "export DASHSCOPE_API_KEY=..." in " ".join(ended.out.split())

    monkeypatch.setenv("DASHSCOPE_API_KEY", KEYS[SINGAPORE])
    rows = {(row["subject"], row["check"]): row for row in json.loads(run("doctor", "--json").out)["findings"]}
    assert states(rows, SINGAPORE) == ALL_WELL
    assert "the environment" in rows[SINGAPORE, "key"]["found"]
    # The variable is that of all regions: only the one that routes use is meant.
    assert states(rows, BEIJING) == {"key": "not configured"}

    monkeypatch.setenv("DASHSCOPE_API_KEY", KEYS[BEIJING])
    assert run("doctor", "--provider", BEIJING).status == 0
